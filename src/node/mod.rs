//! The protocol with a node: requests as records, answers as records.
//!
//! One constant program, `program.sh`, is the exec request; everything that
//! varies travels on stdin. So no value is ever read as shell text, nothing
//! secret is in an argument, and a phase costs one round trip.

pub mod ascent;
pub mod frame;
pub mod request;

use std::fmt::Write as _;
use std::sync::LazyLock;

use crate::node::ascent::Ascent;

/// The program as text, for tests that run it under several shells.
pub const PROGRAM: &str = include_str!("program.sh");

/// The command line that a login shell of any kind will read.
///
/// The program is escaped to letters that sh, csh and fish read alike inside single quotes: no
/// backslash pairs, no quote, no exclamation mark, no line break.
pub fn command(ascent: &Ascent) -> String {
    static QUOTED: LazyLock<String> = LazyLock::new(|| quoted(PROGRAM));
    ascent.command(&QUOTED)
}

/// What `sh -c` runs to carry out `program`, in words that every login shell reads alike.
fn quoted(program: &str) -> String {
    format!("'eval \"$(printf %b \"$0\")\"' '{}'", encoded(program))
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
                let _ = write!(text, "\\0{byte:03o}");
            }
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

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
        assert!(command.len() < 100_000, "one argument is at most 128 KiB");
    }
}
