//! Places in a text that a person wrote, and what is wrong there.
//!
//! Every reader of a file (inventory, profile, playbook, `cluster.yml`) speaks
//! of mistakes with these types, so that all of them look the same: file, line,
//! column, the line itself with a caret, and what to type.

use std::fmt;

/// A position in a text, both parts counted from 1.
#[derive(Clone, Copy, Debug, Default, Eq, Ord, PartialEq, PartialOrd)]
pub struct Place {
    pub line: usize,
    pub column: usize,
}

/// A remark about one place of one file: the body of an error or of a warning.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Remark {
    /// The file as the user named it.
    pub file: String,
    /// `None` where the remark is about the file as a whole.
    pub place: Option<Place>,
    /// Lower case, no full stop.
    pub message: String,
    /// The next thing to type or to change, imperative; empty when the message says it all.
    pub hint: String,
    /// The text of the line at `place`, without its line ending.
    line: String,
}

impl Remark {
    /// A remark about the place `at` in `text`.
    pub fn at(file: &str, text: &str, at: Place, message: impl Into<String>) -> Self {
        let line = text.lines().nth(at.line.saturating_sub(1)).unwrap_or("");
        Self::on_line(file, line, at, message)
    }

    /// A remark about the place `at`, whose line is known (or must be shown otherwise).
    pub fn on_line(file: &str, line: &str, at: Place, message: impl Into<String>) -> Self {
        Self {
            file: file.to_owned(),
            place: Some(at),
            message: message.into(),
            hint: String::new(),
            line: line.trim_start_matches('\u{feff}').to_owned(),
        }
    }

    /// A remark about a file as a whole.
    pub fn of_file(file: &str, message: impl Into<String>) -> Self {
        Self {
            file: file.to_owned(),
            place: None,
            message: message.into(),
            hint: String::new(),
            line: String::new(),
        }
    }

    /// The same remark with the next thing to type.
    #[must_use]
    pub fn hinted(mut self, hint: impl Into<String>) -> Self {
        self.hint = hint.into();
        self
    }
}

/// `FILE:LINE:COLUMN: MESSAGE`, then the line with a caret; the hint is left to the printer.
impl fmt::Display for Remark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(place) = self.place else {
            return write!(f, "{}: {}", self.file, self.message);
        };
        writeln!(
            f,
            "{}:{}:{}: {}",
            self.file, place.line, place.column, self.message
        )?;
        let number = place.line.to_string();
        let margin = " ".repeat(number.len());
        // A tab is as wide in the caret line as in the line above it.
        let pad: String = self
            .line
            .chars()
            .take(place.column.saturating_sub(1))
            .map(|c| if c == '\t' { '\t' } else { ' ' })
            .collect();
        writeln!(f, "{margin} |")?;
        writeln!(f, "{number} | {}", self.line)?;
        write!(f, "{margin} | {pad}^")
    }
}

impl std::error::Error for Remark {}

/// The word among `known` that was probably meant by `written`, if one is near enough.
///
/// Case, `_` and `-` do not count; else about one letter in three may differ.
pub fn nearest<'a>(written: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let wanted = plain(written);
    let tolerance = (wanted.chars().count() / 3).max(1);
    known
        .into_iter()
        .map(|word| (strsim::osa_distance(&wanted, &plain(word)), word))
        .filter(|(distance, _)| *distance <= tolerance)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, word)| word)
}

fn plain(word: &str) -> String {
    word.to_lowercase().replace(['_', '-'], "")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_remark_shows_file_place_line_and_caret() {
        let text = "nodes:\n- adress: 10.0.0.1\n";
        let at = Place { line: 2, column: 3 };

        assert_eq!(
            Remark::at("fleet.yml", text, at, "unknown key `adress`").to_string(),
            "fleet.yml:2:3: unknown key `adress`\n  |\n2 | - adress: 10.0.0.1\n  |   ^",
        );
    }

    #[test]
    fn the_nearest_word_is_found_through_typos_case_and_hyphens() {
        let known = ["address", "kube-api", "role", "user"];

        assert_eq!(nearest("adress", known), Some("address"));
        assert_eq!(nearest("Kube_API", known), Some("kube-api"));
        assert_eq!(nearest("network", known), None);
    }
}
