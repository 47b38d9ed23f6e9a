//! Line differences of two texts, for people and for proofs.

use std::fmt::Write as _;
use std::ops::Range;

use imara_diff::Algorithm;
use imara_diff::Diff;
use imara_diff::InternedInput;

use crate::cluster_file::redact;

/// Unchanged lines shown around a change.
const CONTEXT: usize = 3;

/// The changed line ranges, old and new, in order.
pub(super) fn hunks(old: &str, new: &str) -> Vec<(Range<usize>, Range<usize>)> {
    let input = InternedInput::new(old, new);
    let mut diff = Diff::compute(Algorithm::Histogram, &input);
    diff.postprocess_lines(&input);
    diff.hunks()
        .map(|hunk| (range(&hunk.before), range(&hunk.after)))
        .collect()
}

/// A unified diff of two versions of `file`, empty when they are equal.
///
/// Values of keys that hold secrets, and private keys, print as `[redacted]`.
pub fn unified(old: &str, new: &str, file: &str) -> String {
    let hunks = hunks(old, new);
    let mut out = String::new();
    if hunks.is_empty() {
        return out;
    }
    let old = redact::lines(old);
    let new = redact::lines(new);
    let _ = writeln!(out, "--- {file}\n+++ {file}");
    for group in grouped(&hunks) {
        print_group(&mut out, group, &old, &new);
    }
    out
}

/// Hunks whose contexts touch are printed as one.
fn grouped(
    hunks: &[(Range<usize>, Range<usize>)],
) -> impl Iterator<Item = &[(Range<usize>, Range<usize>)]> {
    hunks.chunk_by(|(this, _), (next, _)| next.start - this.end <= 2 * CONTEXT)
}

fn print_group(
    out: &mut String,
    group: &[(Range<usize>, Range<usize>)],
    old: &[String],
    new: &[String],
) {
    let (Some(first), Some(last)) = (group.first(), group.last()) else {
        return;
    };
    let lead = first.0.start.min(CONTEXT);
    let trail = CONTEXT.min(old.len() - last.0.end);
    let before = first.0.start - lead..last.0.end + trail;
    let after = first.1.start - lead..last.1.end + trail;
    let _ = writeln!(out, "@@ -{} +{} @@", header(&before), header(&after));
    let mut at = before.start;
    for (removed, added) in group {
        print_lines(out, ' ', &old[at..removed.start]);
        print_lines(out, '-', &old[removed.clone()]);
        print_lines(out, '+', &new[added.clone()]);
        at = removed.end;
    }
    print_lines(out, ' ', &old[at..before.end]);
}

fn print_lines(out: &mut String, sign: char, lines: &[String]) {
    for line in lines {
        let _ = writeln!(out, "{sign}{line}");
    }
}

/// `start,count`, counted from 1, as `diff -u` prints it.
fn header(lines: &Range<usize>) -> String {
    let start = if lines.is_empty() {
        lines.start
    } else {
        lines.start + 1
    };
    format!("{start},{}", lines.len())
}

fn range(tokens: &Range<u32>) -> Range<usize> {
    tokens.start as usize..tokens.end as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_texts_have_no_diff() {
        assert_eq!(unified("a: 1\n", "a: 1\n", "x.yml"), "");
    }

    #[test]
    fn a_change_is_shown_with_three_lines_around_it() {
        let old = "1\n2\n3\n4\n5\n6\n7\n8\n9\n";
        let new = "1\n2\n3\n4\nfive\n6\n7\n8\n9\n";

        assert_eq!(
            unified(old, new, "x.yml"),
            "--- x.yml\n+++ x.yml\n@@ -2,7 +2,7 @@\n 2\n 3\n 4\n-5\n+five\n 6\n 7\n 8\n",
        );
    }

    #[test]
    fn a_changed_secret_is_seen_to_change_but_not_shown() {
        let diff = unified("- secret: b2xk\n", "- secret: bmV3\n", "enc.yml");

        assert!(
            diff.contains("-- secret: [redacted]\n+- secret: [redacted]\n"),
            "{diff}"
        );
        assert!(!diff.contains("b2xk") && !diff.contains("bmV3"), "{diff}");
    }
}
