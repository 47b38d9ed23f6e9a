//! How a login becomes root, and what it means when it does not.

use crate::node::quoted;
use crate::secret::Secret;

/// Runs a program as root on the whole host: every namespace is the host's, and what the program
/// prints goes into no log of Docker's. The image is named by its id, which Docker never pulls.
const CONTAINER: &str = "docker run --rm --log-driver none --security-opt apparmor=unconfined --security-opt label=disable --network host --pid host --ipc host --uts host --userns host --user 0:0 --workdir / --volume /:/host --entrypoint chroot";

/// Finds an image for [`CONTAINER`].
const FIND_IMAGE: &str = include_str!("image.sh");

/// Prints whether `sudo` left the password on stdin, because it asked for none.
const ASKED: &str = "if IFS= read -r line; then echo harden: unasked; else echo harden: asked; fi";

/// The way from a login to root.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Ascent {
    /// The login is root's own.
    Root,
    /// `sudo` that asks for no password.
    Sudo,
    /// `sudo` that reads this password from the first line of stdin.
    Password(Secret),
    /// A container of an image that is on the node, in the host's own root directory.
    Container { image: String },
}

impl Ascent {
    /// The command line that runs `sh -c` with `words`, which are quoted already.
    ///
    /// `sudo` speaks English whatever the node's language, asks anew each time, so that it takes
    /// the first line of stdin and nothing else, and finds the shell whatever its `secure_path`.
    pub(super) fn command(&self, words: &str) -> String {
        match self {
            Self::Root => format!("exec sh -c {words}"),
            Self::Sudo => format!("exec env LC_ALL=C sudo -n -- /bin/sh -c {words}"),
            Self::Password(_) => {
                format!("exec env LC_ALL=C sudo -k -S -p '' -- /bin/sh -c {words}")
            }
            Self::Container { image } => {
                format!("exec {CONTAINER} -i {image} /host /bin/sh -c {words}")
            }
        }
    }

    /// What is sent so that the program reads `records`.
    pub fn stdin(&self, records: Secret) -> Secret {
        match self {
            Self::Password(password) => {
                let (line, rest) = (password.expose(), records.expose());
                // Enough room at once: a vector that grows leaves copies behind.
                let mut bytes = Vec::with_capacity(line.len() + 1 + rest.len());
                bytes.extend_from_slice(line);
                bytes.push(b'\n');
                bytes.extend_from_slice(rest);
                Secret::new(bytes)
            }
            Self::Root | Self::Sudo | Self::Container { .. } => records,
        }
    }
}

/// The command that tries a password of `sudo` once: stdin ends behind it, so a wrong one is not
/// followed by a second guess that a lock would count.
pub fn password_trial() -> String {
    let words = format!("'{ASKED}'");
    Ascent::Password(Secret::new(Vec::new())).command(&words)
}

/// Whether `sudo` took the password of [`password_trial`]; nothing when it let nobody pass.
pub fn took_password(stdout: &str) -> Option<bool> {
    stdout.lines().find_map(|line| match line {
        "harden: asked" => Some(true),
        "harden: unasked" => Some(false),
        _ => None,
    })
}

/// The command that looks for an image with which the login can become root.
pub fn image_search() -> String {
    format!("exec sh -c {} {CONTAINER}", quoted(FIND_IMAGE))
}

/// The id of the image that [`image_search`] found, or why there is none.
///
/// # Errors
///
/// What Docker said, or that no image will do.
pub fn image_found(stdout: &str, stderr: &str) -> Result<Ascent, Refusal> {
    let said = stdout
        .lines()
        .find_map(|line| line.strip_prefix("harden: "));
    match said.map(|said| said.split_once(' ').unwrap_or((said, ""))) {
        Some(("image", id)) if is_image_id(id) => Ok(Ascent::Container {
            image: id.to_owned(),
        }),
        Some(("none", images)) => Err(Refusal::NoImage {
            images: images.parse().unwrap_or_default(),
            said: last_line(stderr),
        }),
        _ => Err(Refusal::Docker {
            said: last_line(stderr),
        }),
    }
}

/// The id becomes part of a command line, so it has to be nothing but an id.
fn is_image_id(id: &str) -> bool {
    let hex = id.strip_prefix("sha256:").unwrap_or_default();
    !hex.is_empty() && hex.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// Why a login does not become root.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum Refusal {
    #[error("sudo asks for a password")]
    PasswordNeeded,

    #[error("the password for sudo is wrong")]
    PasswordWrong,

    #[error("the password for sudo was wrong on {node}, so it was not tried here")]
    PasswordWrongOn { node: String },

    #[error("sudo does not allow it")]
    NotAllowed,

    #[error("sudo wants a terminal (`requiretty`)")]
    NeedsTerminal,

    #[error("there is no sudo")]
    NoSudo,

    #[error("sudo says: {said}")]
    Sudo { said: String },

    #[error("none of the {images} images on the node has what it needs to become root{}", story(.said))]
    NoImage { images: usize, said: String },

    #[error("docker says: {said}")]
    Docker { said: String },
}

impl Refusal {
    /// Reads what `sudo` said on stderr; nothing when it was not `sudo` that spoke.
    ///
    /// The words are those of sudo 1.8 and 1.9 and of sudo-rs, in English.
    pub fn of_sudo(stderr: &str, code: Option<u32>) -> Option<Self> {
        let says = |words: &[&str]| words.iter().any(|words| stderr.contains(words));
        Some(
            if says(&[
                "incorrect password attempt",
                "incorrect authentication attempt",
                "no password was provided",
            ]) {
                Self::PasswordWrong
            } else if says(&["you must have a tty"]) {
                Self::NeedsTerminal
            } else if says(&[
                "is not in the sudoers file",
                "is not allowed to execute",
                "may not run sudo",
                "I'm afraid I can't do that",
            ]) {
                Self::NotAllowed
            } else if says(&[
                "a password is required",
                "a terminal is required",
                "no tty present",
                "authentication is required",
            ]) {
                Self::PasswordNeeded
            } else if code == Some(127) {
                Self::NoSudo
            } else if says(&["sudo:"]) {
                Self::Sudo {
                    said: last_line(stderr),
                }
            } else {
                return None;
            },
        )
    }

    /// The next thing to try, for the login `user`.
    pub fn hint(&self, user: &str) -> String {
        match self {
            Self::PasswordNeeded => format!(
                "pass `--ask-sudo`; or write `{user} ALL=(ALL) NOPASSWD: ALL` into a file in /etc/sudoers.d"
            ),
            Self::PasswordWrong => {
                "run again and type it anew; it was tried once on one node, so nothing is locked".into()
            }
            Self::PasswordWrongOn { node } => format!(
                "run again and type it anew; if {node} alone has another password, leave it out with `--on '!{node}'`"
            ),
            Self::NotAllowed => format!(
                "let {user} run all commands as root with a rule in /etc/sudoers.d; or, for a user of the group docker, write `privilege: docker` into the inventory's `harden:` block"
            ),
            Self::NeedsTerminal => {
                format!("write `Defaults:{user} !requiretty` into a file in /etc/sudoers.d")
            }
            Self::NoSudo => "install sudo; or give the inventory the user root; or, for a user of the group docker, write `privilege: docker` into its `harden:` block".into(),
            Self::Sudo { .. } => format!("log in as {user} and run `sudo -n true`; root works too"),
            Self::NoImage { .. } => "load an image with a `chroot` on the node, such as rancher/rke-tools: nothing is pulled".into(),
            Self::Docker { .. } => format!(
                "log in as {user} and run `docker ps`; if it is refused, run `usermod -aG docker {user}` as root"
            ),
        }
    }
}

fn story(said: &str) -> String {
    if said.is_empty() {
        String::new()
    } else {
        format!(": {said}")
    }
}

fn last_line(stderr: &str) -> String {
    let line = stderr.lines().rfind(|line| !line.trim().is_empty());
    line.unwrap_or("nothing").trim().chars().take(200).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sudo(stderr: &str) -> Option<Refusal> {
        Refusal::of_sudo(stderr, Some(1))
    }

    #[test]
    fn what_sudo_says_is_told_apart() {
        let sayings = [
            ("sudo: a password is required", Refusal::PasswordNeeded),
            (
                "sudo: interactive authentication is required",
                Refusal::PasswordNeeded,
            ),
            (
                "Sorry, try again.\nsudo: no password was provided\nsudo: 1 incorrect password attempt",
                Refusal::PasswordWrong,
            ),
            (
                "sudo: sorry, you must have a tty to run sudo",
                Refusal::NeedsTerminal,
            ),
            (
                "op is not in the sudoers file.  This incident will be reported.",
                Refusal::NotAllowed,
            ),
            (
                "sudo: I'm sorry op. I'm afraid I can't do that",
                Refusal::NotAllowed,
            ),
            (
                "sudo: unable to initialize policy plugin",
                Refusal::Sudo {
                    said: "sudo: unable to initialize policy plugin".into(),
                },
            ),
        ];
        for (said, refusal) in sayings {
            assert_eq!(sudo(said), Some(refusal), "{said}");
        }
        assert_eq!(sudo("bash: warning: setlocale"), None);
    }

    #[test]
    fn a_missing_sudo_is_known_by_the_exit_code_in_any_language() {
        let said = "env: \u{2018}sudo\u{2019}: Datei oder Verzeichnis nicht gefunden";

        assert_eq!(Refusal::of_sudo(said, Some(127)), Some(Refusal::NoSudo));
    }

    #[test]
    fn an_image_that_is_no_plain_id_never_reaches_a_command_line() {
        let found = |said: &str| image_found(said, "");

        let ascent = found("Welcome!\nharden: image sha256:0a1b\n").unwrap();
        assert!(
            ascent
                .command("WORDS")
                .ends_with(" -i sha256:0a1b /host /bin/sh -c WORDS")
        );
        assert!(found("harden: image sha256:0a;reboot\n").is_err());
        assert!(found("harden: image latest\n").is_err());
        assert_eq!(
            found("harden: none 3\n"),
            Err(Refusal::NoImage {
                images: 3,
                said: "nothing".into()
            })
        );
    }

    #[test]
    fn a_password_is_the_first_line_and_in_no_command() {
        let ascent = Ascent::Password(Secret::from("a 'b\" $c;".to_owned()));

        let stdin = ascent.stdin(Secret::from("3\tend\n".to_owned()));

        assert_eq!(stdin.expose(), b"a 'b\" $c;\n3\tend\n");
        assert!(!ascent.command("WORDS").contains("$c"));
        assert!(!format!("{ascent:?}").contains("$c"));
    }
}
