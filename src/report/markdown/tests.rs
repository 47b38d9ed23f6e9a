use insta::assert_snapshot;

use super::*;
use crate::report::sample;

fn of(document: &Document) -> String {
    let mut out = Vec::new();
    write(&mut out, document).unwrap();
    String::from_utf8(out).unwrap()
}

/// The text outside of blocks of code.
fn outside(text: &str) -> Vec<String> {
    let mut fence: Option<String> = None;
    let mut lines = Vec::new();
    for line in text.lines() {
        match &fence {
            Some(open) if line == open => fence = None,
            Some(_) => {}
            None if line.starts_with("```") => fence = Some(line.replace("diff", "")),
            None => lines.push(line.to_owned()),
        }
    }
    assert_eq!(fence, None, "a block of code is never closed");
    lines
}

#[test]
fn a_failing_check_shows_what_fails_and_folds_the_rest() {
    assert_snapshot!(of(&sample::document(sample::failing_check())), @"");
}

#[test]
fn a_half_done_apply_says_where_it_stands() {
    let text = of(&sample::document(sample::half_done_apply()));
    assert!(text.starts_with("## harden apply <code>inventory.yml</code>: went wrong\n"));
    assert!(
        text.contains("**Half done:** cp-1: all changes done"),
        "{text}"
    );
    assert!(
        text.contains("- failed: file /etc/kubernetes/audit.yaml"),
        "{text}"
    );
}

#[test]
fn no_text_becomes_markup_and_no_cell_becomes_two() {
    let text = "|<script>alert(1)</script>`a``` *b* [c](d)\n```\n@ann";
    for events in sample::all() {
        let poisoned = of(&sample::poisoned(&sample::document(events), text));
        let lines = outside(&poisoned);
        for line in &lines {
            let mut rest = line.as_str();
            while let Some(at) = rest.find('<') {
                rest = &rest[at + 1..];
                let known = ["details>", "summary>", "code>", "br>"];
                let rest = rest.trim_start_matches('/');
                assert!(known.iter().any(|tag| rest.starts_with(tag)), "{line}");
            }
            for one in ["](", "@ann", "`"] {
                assert!(!line.contains(one), "{one} in {line}");
            }
            if line.starts_with('|') {
                assert!([5, 4].contains(&line.matches('|').count()), "{line}");
            }
        }
    }
}
