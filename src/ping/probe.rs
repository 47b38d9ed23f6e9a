//! What the login user sees of Docker, before any `sudo`: RKE never uses one.

/// Asks; the path of Docker's socket comes on stdin and never becomes part of this text (T-12).
///
/// Every letter of it means the same to sh, csh and fish inside single quotes.
pub const PROBE: &str = concat!(
    "exec sh -c '",
    "LC_ALL=C; export LC_ALL; read -r s; echo; echo harden ping; ",
    "echo \"uid $(id -u)\"; echo \"groups $(id -Gn)\"; ",
    "if [ -S \"$s\" ]; then echo socket there; ",
    "elif [ -e \"$s\" ]; then echo socket other; ",
    "elif [ -x \"${s%/*}/\" ]; then echo socket missing; fi; ",
    "if [ -r \"$s\" ] && [ -w \"$s\" ]; then echo usable yes; fi; ",
    "if grep -s -F \" 00010000 \" /proc/net/unix | grep -q -F \"${s#/var}\"; then echo listening yes; fi; ",
    "echo \"owner $(stat -L -c \"%U:%G, mode %a\" \"$s\" 2>/dev/null)\"; ",
    "if [ -r /etc/os-release ]; then grep \"^ID=\" /etc/os-release; fi; ",
    "echo end'"
);

/// The answer to [`PROBE`].
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Login {
    pub is_root: bool,
    pub groups: Vec<String>,
    pub socket: Socket,
    /// True when the user may read and write the socket.
    pub is_usable: bool,
    /// True when some program waits for connections at this path.
    pub is_listening: bool,
    /// `OWNER:GROUP, mode MODE` of the socket; empty where it could not be looked at.
    pub owner: String,
    /// `ID` of os-release, such as `centos`; empty where there is none.
    pub system: String,
}

/// What is at the path of the socket.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Socket {
    There,
    /// Something that is no socket.
    Other,
    Missing,
    /// The way to it may not be searched.
    #[default]
    Unseen,
}

impl Login {
    /// Reads an answer; nothing where it is not complete. What a login shell prints of its own
    /// comes before it.
    pub fn read(stdout: &[u8]) -> Option<Self> {
        let text = String::from_utf8_lossy(stdout);
        let mut lines = text.lines().skip_while(|line| *line != "harden ping");
        lines.next()?;
        let lines: Vec<&str> = lines.collect();
        if lines.last() != Some(&"end") {
            return None;
        }
        let value = |name: &str| {
            let found = lines.iter().find_map(|line| line.strip_prefix(name));
            found.map(harmless).unwrap_or_default()
        };
        Some(Self {
            is_root: value("uid ") == "0",
            groups: value("groups ").split(' ').map(str::to_owned).collect(),
            socket: match value("socket ").as_str() {
                "there" => Socket::There,
                "other" => Socket::Other,
                "missing" => Socket::Missing,
                _ => Socket::Unseen,
            },
            is_usable: value("usable ") == "yes",
            is_listening: value("listening ") == "yes",
            owner: value("owner "),
            system: value("ID=").trim_matches('"').to_owned(),
        })
    }
}

/// A node's word, short and without what a terminal would obey.
pub(super) fn harmless(text: &str) -> String {
    let safe = text.chars().filter(|letter| !letter.is_control());
    safe.take(200).collect::<String>().trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_read_behind_what_a_shell_prints_of_its_own() {
        let text = "Welcome!\n\nharden ping\nuid 1000\ngroups op docker\nsocket there\nusable yes\nlistening yes\n\
                    owner root:docker, mode 660\nID=\"centos\"\nend\n";

        let login = Login::read(text.as_bytes()).unwrap();

        assert!(!login.is_root && login.is_usable && login.is_listening);
        assert_eq!(login.groups, ["op", "docker"]);
        assert_eq!(login.socket, Socket::There);
        assert_eq!(login.owner, "root:docker, mode 660");
        assert_eq!(login.system, "centos");
    }

    #[test]
    fn an_answer_cut_short_is_none() {
        assert_eq!(Login::read(b"harden ping\nuid 0\n"), None);
        assert_eq!(Login::read(b"uid 0\nend\n"), None);
    }

    #[test]
    fn the_probe_holds_nothing_that_a_login_shell_would_change() {
        let inside = PROBE.split('\'').nth(1).unwrap();

        assert_eq!(PROBE.matches('\'').count(), 2);
        assert!(!inside.contains(['\n', '\\', '!']));
    }
}
