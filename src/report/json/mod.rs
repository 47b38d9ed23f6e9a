//! The result for programs: JSON with types and a version of its own.
//!
//! A field may be added within a version; what is there keeps its name and its
//! meaning. Evidence and diffs are redacted before they become part of a
//! report, and what is sent to a node is not part of it at all.

mod document;
mod work;

use std::fmt::Write;
use std::io;

use crate::report::Report;
use crate::report::json::document::Document;
use crate::report::words::is_treacherous;

/// The version of the format.
pub const VERSION: u32 = 1;

/// Writes the whole result of a run, ended by a newline.
///
/// # Errors
/// Those of `out`.
pub fn write(out: &mut dyn io::Write, report: &Report) -> io::Result<()> {
    let text = serde_json::to_string_pretty(&Document::of(report))?;
    writeln!(out, "{}", ascii_controls(&text))
}

/// `json` with the same meaning, and nothing in it that a terminal would obey.
///
/// JSON has such characters only within strings, where an escape means the same; the newlines
/// between its tokens stay.
fn ascii_controls(json: &str) -> String {
    let mut safe = String::with_capacity(json.len());
    for one in json.chars() {
        if one != '\n' && is_treacherous(one) {
            let mut units = [0; 2];
            for unit in one.encode_utf16(&mut units) {
                let _ = write!(safe, "\\u{unit:04x}");
            }
        } else {
            safe.push(one);
        }
    }
    safe
}

#[cfg(test)]
mod tests;
