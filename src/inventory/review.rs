//! What a reader of an inventory has to say: all mistakes of a file, not only the first.

use crate::source::Place;
use crate::source::Remark;

/// Errors and warnings about one text, collected while it is read.
#[derive(Debug)]
pub(super) struct Review<'a> {
    pub(super) file: &'a str,
    pub(super) text: &'a str,
    lines: Vec<&'a str>,
    errors: Vec<Remark>,
    warnings: Vec<Remark>,
}

impl<'a> Review<'a> {
    pub(super) fn new(file: &'a str, text: &'a str) -> Self {
        Self {
            file,
            text,
            lines: showable_lines(text),
            errors: Vec::new(),
            warnings: Vec::new(),
        }
    }

    /// Notes what makes the inventory unusable.
    pub(super) fn error(&mut self, at: Place, message: impl Into<String>, hint: impl Into<String>) {
        let remark = self.remark(at, message, hint);
        self.errors.push(remark);
    }

    /// True as long as nothing is wrong.
    pub(super) fn is_fine(&self) -> bool {
        self.errors.is_empty()
    }

    /// Notes what makes the inventory unusable but stands at no place in it.
    pub(super) fn error_of_file(&mut self, message: &str, hint: &str) {
        self.errors
            .push(Remark::of_file(self.file, message).hinted(hint));
    }

    /// Notes what is read otherwise than it looks.
    pub(super) fn warn(&mut self, at: Place, message: impl Into<String>, hint: impl Into<String>) {
        let remark = self.remark(at, message, hint);
        self.warnings.push(remark);
    }

    /// Notes what is read otherwise than expected but stands at no place in the file.
    pub(super) fn warn_of_file(&mut self, message: &str, hint: &str) {
        self.warnings
            .push(Remark::of_file(self.file, message).hinted(hint));
    }

    /// The warnings in order of appearance.
    ///
    /// # Errors
    ///
    /// All errors, in order of appearance.
    pub(super) fn finish(mut self) -> Result<Vec<Remark>, Vec<Remark>> {
        self.errors.sort_by_key(|remark| remark.place);
        self.warnings.sort_by_key(|remark| remark.place);
        if self.errors.is_empty() {
            Ok(self.warnings)
        } else {
            Err(self.errors)
        }
    }

    /// A remark about the place `at`, with its line as it may be shown.
    pub(super) fn remark(
        &self,
        at: Place,
        message: impl Into<String>,
        hint: impl Into<String>,
    ) -> Remark {
        let line = self.lines.get(at.line.saturating_sub(1)).unwrap_or(&"");
        Remark::on_line(self.file, line, at, message).hinted(hint)
    }
}

/// The lines of `text` as they may be shown: private keys and passwords are cut off (T-12).
fn showable_lines(text: &str) -> Vec<&str> {
    let mut in_key = false;
    text.lines()
        .map(|line| {
            let starts = line.find("-----BEGIN");
            let ends = line.contains("-----END");
            let hidden = in_key;
            in_key = (in_key || starts.is_some()) && !ends;
            match starts {
                _ if hidden => "[redacted]",
                Some(start) => &line[..start],
                None => before_password(line),
            }
        })
        .collect()
}

fn before_password(line: &str) -> &str {
    let lower = line.to_ascii_lowercase();
    let colon = lower
        .find("passw")
        .and_then(|word| Some(word + lower[word..].find(':')?));
    colon.map_or(line, |colon| &line[..=colon])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_and_passwords_are_never_shown() {
        let text = "a: 1\nssh_key: |\n  -----BEGIN X-----\n  c2VjcmV0\n  -----END X-----\nb: 2\n- {url: x, password: hunter2}\n";

        assert_eq!(
            showable_lines(text),
            [
                "a: 1",
                "ssh_key: |",
                "  ",
                "[redacted]",
                "[redacted]",
                "b: 2",
                "- {url: x, password:",
            ],
        );
    }
}
