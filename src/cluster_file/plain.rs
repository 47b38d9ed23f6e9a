//! A text without what editors disagree about: byte order mark, line endings, last newline.

use std::ops::Range;

use crate::cluster_file::diff::hunks;

const BOM: char = '\u{feff}';

/// A text with `\n` at the end of every line, and how to get back.
pub(super) struct Plain<'a> {
    original: &'a str,
    pub(super) text: String,
}

impl<'a> Plain<'a> {
    pub(super) fn of(original: &'a str) -> Self {
        let mut text = original.trim_start_matches(BOM).replace("\r\n", "\n");
        if !text.ends_with('\n') {
            text.push('\n');
        }
        Self { original, text }
    }

    /// `edited` with the byte order mark and line endings of the original: a kept line keeps its
    /// own, a new one gets the ending that most lines have.
    pub(super) fn restored(&self, edited: &str) -> String {
        let body = self.original.trim_start_matches(BOM);
        let old: Vec<&str> = body.split_inclusive('\n').collect();
        let new: Vec<&str> = edited.split_inclusive('\n').collect();
        let ending = usual_ending(&old);
        let mut out = self.original[..self.original.len() - body.len()].to_owned();
        let mut kept = 0;
        for (before, after) in hunks(&self.text, edited) {
            push_kept(&mut out, &old, kept..before.start, ending);
            for line in &new[after] {
                out.push_str(line.trim_end_matches('\n'));
                out.push_str(ending);
            }
            kept = before.end;
        }
        push_kept(&mut out, &old, kept..old.len(), ending);
        out
    }
}

fn push_kept(out: &mut String, old: &[&str], lines: Range<usize>, ending: &str) {
    for line in old.get(lines).unwrap_or_default() {
        out.push_str(line);
        if !line.ends_with('\n') {
            out.push_str(ending);
        }
    }
}

fn usual_ending(lines: &[&str]) -> &'static str {
    let crlf = lines.iter().filter(|line| line.ends_with("\r\n")).count();
    if crlf * 2 > lines.len() { "\r\n" } else { "\n" }
}
