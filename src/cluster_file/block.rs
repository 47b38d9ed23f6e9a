//! The text of `addons` inside the file: found by its lines, rewritten line by line.
//!
//! A literal block is where people keep manifests with comments; a syntax tree
//! knows it only as one scalar, so it is edited here, on its lines.

use std::ops::Range;

use crate::cluster_file::addons::Line;
use crate::cluster_file::addons::Merge;
use crate::cluster_file::syntax::Syntax;

const KEY: &str = "addons";

/// How the file writes `addons`.
pub(super) enum AddonsText<'a> {
    /// Not at all, or in a mapping in braces.
    Elsewhere(&'a Syntax),
    /// `|`: the lines of the block are lines of the manifests.
    Literal(Block),
    /// Anything else with a key of its own: folded, quoted, plain, alias, null.
    Other(Block),
}

/// The value of `addons`, in bytes of the file.
pub(super) struct Block {
    /// Just behind the colon of the key.
    colon: usize,
    /// Where the style indicator, or the value itself, begins.
    start: usize,
    /// What follows on the line of the indicator or value: a comment.
    tail: Range<usize>,
    /// The lines below that belong to the value.
    body: Range<usize>,
    /// Columns before the content of the block.
    indent: usize,
}

impl<'a> AddonsText<'a> {
    /// Finds `addons` in `text`, which `syntax` was made from.
    pub(super) fn find(text: &str, syntax: &'a Syntax) -> Self {
        let entry = syntax.entry(KEY).filter(|_| !syntax.is_flow());
        let Some((key, value)) = entry else {
            return Self::Elsewhere(syntax);
        };
        let Some(colon) = text[key.end..].find(':').map(|at| key.end + at + 1) else {
            return Self::Elsewhere(syntax);
        };
        let column = key.start - line_start(text, key.start);
        let start = behind_properties(text, colon);
        match text[start..].chars().next() {
            Some('|') => Self::Literal(Block::below(text, colon, start, column)),
            Some('>') => Self::Other(Block::below(text, colon, start, column)),
            _ => {
                let value = value.filter(|value| !text[value.clone()].trim().is_empty());
                let nothing = if text[colon..start].contains('\n') {
                    colon
                } else {
                    start
                };
                Self::Other(Block::beside(
                    text,
                    colon,
                    value.unwrap_or(nothing..nothing),
                    column,
                ))
            }
        }
    }

    /// The bytes that rewriting may replace.
    pub(super) fn reach(&self) -> Option<Range<usize>> {
        match self {
            Self::Elsewhere(syntax) => syntax.is_flow().then(|| 0..syntax.text().len()),
            Self::Literal(block) => Some(block.body.clone()),
            // A value may begin on the line below its key, and then moves up.
            Self::Other(block) => Some(block.colon..block.body.end),
        }
    }

    /// The line of the file, from 1, on which line `number` of the manifests stands.
    pub(super) fn line(&self, text: &str, number: usize) -> Option<usize> {
        match self {
            Self::Literal(block) => {
                let above = text[..block.body.start].matches('\n').count();
                Some(above + 1 + number)
            }
            _ => None,
        }
    }

    /// `text` with the lines of `merge` as its `addons`.
    pub(super) fn rewritten(&self, text: &str, merge: &Merge) -> String {
        match self {
            Self::Elsewhere(syntax) => {
                if syntax.is_flow() {
                    syntax.set_quoted(KEY, &merge.text());
                } else {
                    syntax.set_literal(KEY, &merge.text());
                }
                syntax.text()
            }
            Self::Literal(block) => block.with_lines(text, merge),
            Self::Other(block) => block.as_literal(text, merge),
        }
    }
}

impl Block {
    /// A block scalar whose indicator is at `start`, under a key in `column`.
    fn below(text: &str, colon: usize, start: usize, column: usize) -> Self {
        let head = line_end(text, start);
        let indicator = text[start..head].split_whitespace().next().unwrap_or("");
        let digit = indicator.chars().find_map(|c| c.to_digit(10));
        let top = (head + 1).min(text.len());
        let filled = text[top..].lines().find(|line| !line.trim().is_empty());
        let indent = match (digit, filled) {
            (Some(digit), _) => column + digit as usize,
            (None, Some(line)) if depth(line) > column => depth(line),
            (None, _) => column + 2,
        };
        let mut end = top;
        for line in text[top..].split_inclusive('\n') {
            if !line.trim().is_empty() && depth(line) < indent {
                break;
            }
            end += line.len();
        }
        Self {
            colon,
            start,
            tail: start + indicator.len()..head,
            body: top..end,
            indent,
        }
    }

    /// A value that is written on the lines of `value`.
    fn beside(text: &str, colon: usize, value: Range<usize>, column: usize) -> Self {
        let end = line_end(text, value.end);
        let below = (end + 1).min(text.len());
        Self {
            colon,
            start: value.start,
            tail: value.end..end,
            body: below..below,
            indent: column + 2,
        }
    }

    fn with_lines(&self, text: &str, merge: &Merge) -> String {
        let old: Vec<&str> = text[self.body.clone()].split_inclusive('\n').collect();
        let mut out = text[..self.body.start].to_owned();
        let mut used = 0;
        for line in &merge.lines {
            match line {
                Line::Kept { number, .. } => {
                    out.push_str(old.get(*number).unwrap_or(&""));
                    used = number + 1;
                }
                Line::New(new) => self.push(&mut out, new),
            }
        }
        // Blank lines that the chomping of the block hides from its value.
        for line in old.iter().skip(used).filter(|line| line.trim().is_empty()) {
            out.push_str(line);
        }
        out.push_str(&text[self.body.end..]);
        out
    }

    fn as_literal(&self, text: &str, merge: &Merge) -> String {
        let first = merge.text();
        let needs_indent = first.starts_with([' ', '\n']);
        let mut out = text[..self.start].trim_end().to_owned();
        out.push_str(if needs_indent { " |2" } else { " |" });
        let tail = text[self.tail.clone()].trim();
        if !tail.is_empty() {
            out.push(' ');
            out.push_str(tail);
        }
        out.push('\n');
        for line in first.lines() {
            self.push(&mut out, line);
        }
        out.push_str(&text[self.body.end..]);
        out
    }

    fn push(&self, out: &mut String, line: &str) {
        if !line.is_empty() {
            out.push_str(&" ".repeat(self.indent));
            out.push_str(line);
        }
        out.push('\n');
    }
}

/// Where a value begins after an anchor or a tag.
fn behind_properties(text: &str, colon: usize) -> usize {
    let mut at = colon;
    loop {
        let word = at + text[at..].len() - text[at..].trim_start().len();
        if !text[word..].starts_with(['&', '!']) {
            return word;
        }
        at = word + text[word..].find(char::is_whitespace).unwrap_or(0).max(1);
    }
}

fn depth(line: &str) -> usize {
    line.len() - line.trim_start_matches(' ').len()
}

fn line_start(text: &str, at: usize) -> usize {
    text[..at].rfind('\n').map_or(0, |newline| newline + 1)
}

fn line_end(text: &str, at: usize) -> usize {
    text[at..]
        .find('\n')
        .map_or(text.len(), |length| at + length)
}
