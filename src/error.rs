//! The outermost error: message and hint, printed in one place.

use std::fmt;
use std::io;
use std::io::Write as _;

use crate::report::escaped;
use crate::source::Remark;

/// Why a command ended without a result.
#[derive(Debug)]
pub struct Failure {
    /// The exit code (architecture 8).
    pub code: u8,
    /// Lower case, no full stop; a remark brings its excerpt along.
    pub message: String,
    /// The next thing to type; empty when the message says it all.
    pub hint: String,
}

impl Failure {
    pub fn new(code: u8, message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
            hint: hint.into(),
        }
    }

    /// All remarks about one file, the hint of each below it.
    pub fn of_remarks(code: u8, remarks: &[Remark]) -> Self {
        let mut message = String::new();
        for (index, remark) in remarks.iter().enumerate() {
            if index > 0 {
                message.push_str("\nerror: ");
            }
            message.push_str(&remark.to_string());
            if index + 1 < remarks.len() && !remark.hint.is_empty() {
                message.push_str("\n hint: ");
                message.push_str(&remark.hint);
            }
        }
        let hint = remarks.last().map(|remark| remark.hint.clone());
        Self::new(code, message, hint.unwrap_or_default())
    }
}

/// `error: MESSAGE`, then ` hint: HINT`.
impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "error: {}", self.message)?;
        if !self.hint.is_empty() {
            write!(f, "\n hint: {}", self.hint)?;
        }
        Ok(())
    }
}

/// Why a file could not be read or written, in words; what the system calls it where there are none.
pub fn reason(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::NotFound => "there is no such file or directory".to_owned(),
        io::ErrorKind::IsADirectory => "this is a directory".to_owned(),
        io::ErrorKind::PermissionDenied => "permission denied".to_owned(),
        _ => error.to_string(),
    }
}

/// Prints a failure on standard error; a closed stream is nobody's failure.
pub fn print(failure: &Failure) {
    let _ = writeln!(io::stderr(), "{}", harmless(&failure.to_string()));
}

/// Prints a remark that stops nothing.
pub fn warn(remark: &Remark) {
    let mut stderr = io::stderr();
    let _ = writeln!(stderr, "warning: {}", harmless(&remark.to_string()));
    if !remark.hint.is_empty() {
        let _ = writeln!(stderr, " hint: {}", harmless(&remark.hint));
    }
}

/// `text` as a terminal can be trusted with it: it may quote a file or a server. Lines stay lines.
fn harmless(text: &str) -> String {
    let line = |line: &str| {
        let cells: Vec<String> = line.split('\t').map(escaped).collect();
        cells.join("\t")
    };
    let lines: Vec<String> = text.split('\n').map(line).collect();
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_excerpt_keeps_its_lines_and_tabs_and_no_escape() {
        assert_eq!(
            harmless("1 | user:\t\u{1b}[2J\n  |      ^"),
            "1 | user:\t\\u{1b}[2J\n  |      ^"
        );
    }
}
