//! Reading an edited text back, and comparing it with what was meant.

use std::ops::Range;

use crate::cluster_file::ClusterFile;
use crate::cluster_file::EditError;
use crate::cluster_file::diff::hunks;
use crate::cluster_file::intent::Intent;
use crate::cluster_file::intent::Wish;
use crate::cluster_file::syntax::Syntax;
use crate::yaml::Value;

/// Proves that `new` is `old` with the edits of `intent`, its comments kept and no line removed
/// outside of the bytes of `reach`; hands back what `new` says.
pub(super) fn check(
    file: &ClusterFile,
    (old, comments): (&str, &[String]),
    new: &str,
    intent: &Intent,
    reach: &[Range<usize>],
) -> Result<ClusterFile, EditError> {
    let read = ClusterFile::parse(&file.file, new)
        .map_err(|remark| unproved(file, format!("the result is not valid: {}", remark.message)))?;
    if let Some(path) = difference(&intent.tree, &read.tree, &[]) {
        return Err(misled(file, old, intent, &path));
    }
    check_comments(file, comments, new)?;
    check_lines(file, old, new, reach)?;
    Ok(read)
}

/// Every old comment is in the new text, in the same order.
pub(super) fn check_comments(
    file: &ClusterFile,
    old: &[String],
    new: &str,
) -> Result<(), EditError> {
    let now = Syntax::parse(&file.file, new)?.comments();
    let mut now = now.iter();
    for comment in old {
        if !now.any(|kept| kept == comment) {
            return Err(unproved(
                file,
                format!("the comment `{comment}` would be lost"),
            ));
        }
    }
    Ok(())
}

/// Lines are removed only where `reach` allows.
pub(super) fn check_lines(
    file: &ClusterFile,
    old: &str,
    new: &str,
    reach: &[Range<usize>],
) -> Result<(), EditError> {
    let ends: Vec<usize> = old.match_indices('\n').map(|(at, _)| at).collect();
    let allowed: Vec<Range<usize>> = reach.iter().map(|bytes| line_range(&ends, bytes)).collect();
    let stray = hunks(old, new)
        .into_iter()
        .flat_map(|(removed, _)| removed)
        .find(|line| !allowed.iter().any(|range| range.contains(line)));
    match stray {
        Some(line) => Err(unproved(
            file,
            format!("line {} would change too", line + 1),
        )),
        None => Ok(()),
    }
}

/// The lines, from 0, that hold a range of bytes; `ends` are the places of all line ends.
fn line_range(ends: &[usize], bytes: &Range<usize>) -> Range<usize> {
    let line = |at: usize| ends.partition_point(|end| *end < at);
    let last = bytes.end.saturating_sub(1).max(bytes.start);
    line(bytes.start)..line(last) + 1
}

/// The path of the first value that differs. The end of `addons` depends on how its block is
/// chomped, so line ends there do not count.
fn difference(wanted: &Value, seen: &Value, path: &[String]) -> Option<Vec<String>> {
    match (wanted, seen) {
        (Value::Map(wanted), Value::Map(seen)) => {
            let mut keys = wanted.keys().chain(seen.keys());
            keys.find_map(|key| {
                let at = [path, std::slice::from_ref(key)].concat();
                match (wanted.get(key), seen.get(key)) {
                    (Some(wanted), Some(seen)) => difference(wanted, seen, &at),
                    _ => Some(at),
                }
            })
        }
        (Value::Text(wanted), Value::Text(seen)) if path == ["addons"] => {
            let end = |text: &str| text.trim_end_matches('\n').to_owned();
            (end(wanted) != end(seen)).then(|| path.to_vec())
        }
        _ => (wanted != seen).then(|| path.to_vec()),
    }
}

/// A wrong value at a place that no edit names got there through an anchor.
fn misled(file: &ClusterFile, old: &str, intent: &Intent, path: &[String]) -> EditError {
    let mut wishes = intent.wishes.iter().map(Wish::path);
    let meant = wishes.any(|wish| wish.starts_with(path) || path.starts_with(wish));
    if meant || path == ["addons"] || !old.contains('*') {
        let path = path.join(".");
        return unproved(file, format!("`{path}` does not read back as wanted"));
    }
    let other = match Syntax::parse(&file.file, old) {
        Ok(syntax) => syntax.own_part(path).join("."),
        Err(_) => path.join("."),
    };
    EditError::Shared {
        file: file.file.clone(),
        other,
    }
}

pub(super) fn unproved(file: &ClusterFile, what: String) -> EditError {
    EditError::Unproved {
        file: file.file.clone(),
        what,
    }
}
