//! The protocol with a node: requests as records, answers as records.
//!
//! One constant program, `program.sh`, is the exec request; where something is to
//! change, `changes.sh` stands in front of it. Questions stand beside it as an
//! escaped argument; changes, with the secrets in them, travel on stdin. So no
//! value is ever read as shell text, nothing secret is in an argument, a look
//! costs one round trip, and what is sent for it could not change anything.

pub mod ascent;
pub mod frame;
pub mod request;

use std::fmt::Write as _;
use std::sync::LazyLock;

use crate::node::ascent::Ascent;
use crate::node::request::Request;
use crate::secret::Secret;

const ASKING: &str = include_str!("program.sh");
const CHANGING: &str = concat!(include_str!("changes.sh"), include_str!("program.sh"));

/// More than this does not stand in an argument, which the kernel limits to 128 KiB.
const ARGUMENT: usize = 32 * 1024;

/// The command line that a login shell of any kind will read, for a program that knows every request.
///
/// The program is escaped to letters that sh, csh and fish read alike inside single quotes: no
/// backslash pairs, no quote, no exclamation mark, no line break.
pub fn command(ascent: &Ascent) -> String {
    static QUOTED: LazyLock<String> = LazyLock::new(|| quoted(CHANGING));
    ascent.command(&QUOTED)
}

/// The same for a program that only answers questions.
fn asking(ascent: &Ascent) -> String {
    static QUOTED: LazyLock<String> = LazyLock::new(|| quoted(ASKING));
    ascent.command(&QUOTED)
}

/// What `sh -c` runs to carry out `program`, in words that every login shell reads alike.
fn quoted(program: &str) -> String {
    format!("'eval \"$(printf %b \"$0\")\"' '{}'", encoded(program))
}

/// The command line and the stdin that bring `requests` to a node.
///
/// Questions are no secrets and stand in the command line, escaped like the program: a server
/// takes stdin only when the command runs, one round trip later. Changes and what is too long
/// for an argument go to stdin.
pub fn run_of(ascent: &Ascent, requests: &[Request]) -> (String, Secret) {
    let mut command = if requests.iter().all(Request::asks) {
        asking(ascent)
    } else {
        command(ascent)
    };
    let records = frame::encode(requests);
    if requests.iter().any(Request::changes) || records.expose().len() > ARGUMENT {
        return (command, ascent.stdin(measured(&records)));
    }
    let _ = write!(command, " '{}'", escaped(records.expose()));
    (command, ascent.stdin(Secret::new(Vec::new())))
}

/// The records behind their length, because the input does not end with them while a lock is held.
pub fn measured(records: &Secret) -> Secret {
    let records = records.expose();
    let length = format!("{}\n", records.len());
    let mut bytes = Vec::with_capacity(length.len() + records.len());
    bytes.extend_from_slice(length.as_bytes());
    bytes.extend_from_slice(records);
    Secret::new(bytes)
}

fn encoded(program: &str) -> String {
    let lines = program
        .lines()
        .map(str::trim_start)
        .filter(|line| !line.is_empty() && !line.starts_with('#'));
    let mut text = String::with_capacity(program.len());
    for line in lines {
        text.push_str(&escaped(line.as_bytes()));
        text.push_str("\\n");
    }
    text
}

/// Bytes as `printf %b` gives them back, in letters that no shell looks at.
fn escaped(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len());
    for byte in bytes {
        match byte {
            b' '..=b'~' if !matches!(byte, b'\\' | b'\'' | b'!') => text.push(char::from(*byte)),
            _ => {
                text.push_str("\\0");
                text.extend([6, 3, 0].map(|bits| char::from(b'0' + (byte >> bits & 7))));
            }
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::node::request::FileQuestion;
    use crate::node::request::Lock;

    #[test]
    fn the_command_holds_nothing_that_a_login_shell_would_change() {
        let command = command(&Ascent::Sudo);
        let program = command.rsplit('\'').nth(1).unwrap();

        assert!(!program.contains("\\\\"));
        assert!(
            program
                .chars()
                .all(|c| c != '!' && c != '\n' && c.is_ascii())
        );
        assert!(command.len() < 64_000, "one argument is at most 128 KiB");
    }

    #[test]
    fn what_is_sent_for_questions_could_not_change_anything() {
        let (asking, _) = run_of(&Ascent::Root, &[Request::Tools(vec!["mv".to_owned()])]);
        let held = Lock {
            holder: "ann".to_owned(),
            site: "0815".to_owned(),
            is_held: false,
        };
        let (locking, _) = run_of(&Ascent::Root, &[Request::Lock(held)]);

        for word in [
            "mv -f",
            "rm -f",
            "mkdir",
            "chmod \"",
            "chown \"",
            ">\"$tmp\"",
            "set -C",
        ] {
            assert!(!asking.contains(word), "{word}");
            assert!(locking.contains(word), "{word}");
        }
    }

    #[test]
    fn questions_stand_in_the_command_and_changes_do_not() {
        let question = Request::Files(vec![FileQuestion::Kernel("kernel.panic".to_owned())]);
        let change = Request::Assign {
            key: "kernel.panic".to_owned(),
            value: "10".to_owned(),
        };

        let (asking, nothing) = run_of(&Ascent::Root, std::slice::from_ref(&question));
        let (changing, records) = run_of(&Ascent::Root, &[question, change]);

        assert!(
            asking.ends_with("files\\0011kkernel/panic\\00123\\0011end\\0012'"),
            "{asking}"
        );
        assert!(nothing.expose().is_empty());
        assert_eq!(changing, command(&Ascent::Root));
        assert!(records.expose().ends_with(b"3\tend\n"));
    }

    #[test]
    fn a_question_that_is_too_long_for_an_argument_goes_to_stdin() {
        let many = (0..4000).map(|n| FileQuestion::Kernel(format!("kernel.key_{n}")));

        let (asking, records) = run_of(&Ascent::Root, &[Request::Files(many.collect())]);

        assert_eq!(asking, super::asking(&Ascent::Root));
        assert!(records.expose().len() > ARGUMENT);
    }
}
