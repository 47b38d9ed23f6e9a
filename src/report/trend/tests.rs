use insta::assert_snapshot;

use super::*;
use crate::event::Event;
use crate::finding;
use crate::report::sample;

fn checked(findings: Vec<finding::Finding>) -> Document {
    let events: Vec<Event> = vec![
        sample::started("check", &["cp-1", "cp-2"]),
        sample::judged(findings),
        sample::finished(),
    ];
    sample::document(events)
}

fn kernel(node: &str, verdict: finding::Verdict) -> finding::Finding {
    sample::kernel(node, verdict, Vec::new())
}

fn unknown() -> finding::Verdict {
    finding::Verdict::Unknown {
        why: "timed out".to_owned(),
    }
}

fn one(before: finding::Verdict, now: finding::Verdict) -> (u8, Vec<Kind>) {
    let trend = Trend::between(
        &checked(vec![kernel("cp-1", before)]),
        &checked(vec![kernel("cp-1", now)]),
    );
    let kinds = trend.changes.iter().map(|change| change.kind).collect();
    (trend.exit_code(), kinds)
}

#[test]
fn what_fails_now_or_is_not_measured_any_more_has_regressed() {
    let (pass, fail) = (finding::Verdict::Pass, finding::Verdict::Fail);
    assert_eq!(one(pass.clone(), fail.clone()), (3, vec![Kind::Regressed]));
    assert_eq!(one(pass, unknown()), (3, vec![Kind::Regressed]));
    assert_eq!(one(unknown(), fail), (3, vec![Kind::Regressed]));
}

#[test]
fn only_a_pass_mends() {
    let (pass, fail) = (finding::Verdict::Pass, finding::Verdict::Fail);
    let waived = finding::Verdict::Waived {
        reason: String::new(),
        by: String::new(),
        until: String::new(),
    };
    assert_eq!(one(fail.clone(), pass.clone()), (0, vec![Kind::Mended]));
    assert_eq!(one(unknown(), pass.clone()), (0, vec![Kind::Mended]));
    assert_eq!(one(fail.clone(), waived), (0, vec![Kind::Changed]));
    assert_eq!(one(fail.clone(), unknown()), (0, vec![Kind::Changed]));
    assert_eq!(one(fail.clone(), fail), (0, vec![]));
    assert_eq!(one(pass.clone(), pass), (0, vec![]));
}

#[test]
fn a_comparison_names_control_and_nodes() {
    let old = sample::document(sample::clean_check());
    let new = sample::document(sample::failing_check());
    let trend = Trend::between(&old, &new);
    let mut text = Vec::new();
    trend.write_text(&mut text).unwrap();
    assert_snapshot!(String::from_utf8(text).unwrap(), @r#"
    regressed
      guide:1.1.1  The kernel behaves as the kubelet expects, now and after a reboot
        pass → fail  cp-1

    changed
      guide:2.1.5  Pods are restricted unless they are allowed more
        pass → manual  cluster

    new
      guide:1.1.1  The kernel behaves as the kubelet expects, now and after a reboot
        fail  cp-3
        unknown  worker-1

    4 differences since 2026-11-23T12:09:45Z: 1 regressed, 0 mended, 1 changed, 2 new, 0 gone
    "#);

    let mut text = Vec::new();
    Trend::between(&new, &old).write_json(&mut text).unwrap();
    let value: serde_json::Value = serde_json::from_slice(&text).unwrap();
    assert_snapshot!(serde_json::to_string_pretty(&value["summary"]).unwrap(), @r#"
    {
      "regressed": 0,
      "mended": 1,
      "changed": 1,
      "new": 0,
      "gone": 2
    }
    "#);
    assert_eq!(value["changes"][0]["kind"], "mended");
    assert_eq!(value["changes"][0]["before"], "fail");
}
