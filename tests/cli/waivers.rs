//! Waivers and attestations of a playbook, as a user meets them: beside the measured value, never
//! instead of it.

use harden_lab::Role;
use jiff::Span;
use jiff::Zoned;
use jiff::tz::TimeZone;
use serde_json::Value;

use crate::lab::Lab;
use crate::lab::Said;

const PLAYBOOK: &str = "playbook: p\nprofile: rancher-2.1\n";

fn lab() -> Lab {
    Lab::with(|fleet| fleet.nodes(1, &[Role::ControlPlane, Role::Etcd]))
}

/// A day in UTC, counted from today.
fn day(distance: i32) -> String {
    let today = Zoned::now().with_time_zone(TimeZone::UTC).date();
    today
        .checked_add(Span::new().days(distance))
        .unwrap()
        .to_string()
}

fn waiver(control: &str, place: &str, until: &str) -> String {
    format!(
        "- {{control: {control}, where: [{place}], reason: old kernel, by: ann, until: {until}}}\n"
    )
}

fn attestation(control: &str, until: &str) -> String {
    let on = day(-9);
    format!(
        "- {{control: {control}, by: ann, on: {on}, holds_until: {until}, note: three admins}}\n"
    )
}

fn check<'a>(text: &str, lab: &Lab, flags: &[&'a str]) -> Said {
    lab.write("p.yml", &format!("{PLAYBOOK}{text}"));
    let check: [&'a str; 4] = ["check", "inventory.yml", "--playbook", "p.yml"];
    lab.harden(&[&check, flags].concat())
}

fn json(said: &Said) -> Value {
    serde_json::from_str(&said.stdout).unwrap()
}

#[test]
fn a_waived_failure_is_told_with_its_value_and_no_longer_counts() {
    let lab = lab();
    let text = format!("waivers:\n{}", waiver("guide:1.1.1", "cp-*", &day(0)));
    let only = ["--control", "guide:1.1.1"];

    check(&text, &lab, &only).expect(0).says(&[
        "waived",
        &format!("old kernel (ann, until {})", day(0)),
        "kernel.panic after a reboot",
        "1 waived",
    ]);
    let said = check(&text, &lab, &[&only[..], &["--format", "json"]].concat()).expect(0);
    let report = json(&said);
    assert_eq!(report["summary"]["controls"]["waived"], 1);
    let finding = &report["findings"][0];
    assert_eq!(finding["verdict"], "waived");
    assert_eq!(finding["waiver"]["by"], "ann");
    let evidence = finding["evidence"].as_array().unwrap();
    assert!(
        evidence.iter().any(|one| one["state"] == "unmet"),
        "{evidence:?}"
    );

    check(&text, &lab, &[]).expect(3);
}

#[test]
fn a_waiver_that_is_over_unknown_or_unneeded_is_a_warning_and_waives_nothing() {
    let lab = lab();
    let over = waiver("guide:1.1.1", "'*'", &day(-1));
    let unknown = waiver("guide:1.1.11", "'*'", &day(9));
    let unneeded = waiver("guide:1.1.1", "w-*", &day(9));
    let text = format!("waivers:\n{over}{unknown}{unneeded}");
    let only = ["--control", "guide:1.1.1"];

    let expired = format!("the waiver of guide:1.1.1: it expired on {}", day(-1));
    check(&text, &lab, &only).expect(3).says(&[
        &expired,
        "p.yml: line 4",
        "the waiver of guide:1.1.11: profile rancher-2.1 has no such control",
        "did you mean `guide:1.1.1`?",
        "the waiver of guide:1.1.1: it is about no node that is called `w-*`",
    ]);
    let said = check(&text, &lab, &[&only[..], &["--format", "json"]].concat());
    let warnings = json(&said)["warnings"].to_string();
    assert!(warnings.contains(&expired), "{warnings}");
}

#[test]
fn an_attestation_says_who_looked_and_leaves_the_control_to_a_person() {
    let lab = lab();
    let text = format!("attestations:\n{}", attestation("cis:1.6.1", &day(0)));
    let only = ["--control", "cis:1.6.1", "--level", "2"];

    let told = format!(
        "attested by ann on {}, until {} (three admins)",
        day(-9),
        day(0)
    );
    check(&text, &lab, &only).says(&["manual", &told]);
    let said = check(&text, &lab, &[&only[..], &["--format", "json"]].concat());
    let finding = json(&said)["findings"][0].clone();
    assert_eq!(finding["verdict"], "manual");
    assert_eq!(finding["attestation"]["by"], "ann");
    assert_eq!(finding["attestation"]["note"], "three admins");
}

#[test]
fn an_attestation_that_is_over_or_about_what_is_measured_is_a_warning() {
    let lab = lab();
    let over = attestation("cis:1.6.1", &day(-1));
    let measured = attestation("guide:1.1.1", &day(9));
    let text = format!("attestations:\n{over}{measured}");

    let said = check(&text, &lab, &[]).expect(3).says(&[
        &format!("the attestation of cis:1.6.1: it held until {}", day(-1)),
        "the attestation of guide:1.1.1: no person needs to look",
    ]);
    assert!(!said.stdout.contains("attested by"), "{}", said.stdout);
}

#[test]
fn apply_mends_what_is_waived() {
    let lab = lab();
    let text = format!("waivers:\n{}", waiver("guide:1.1.1", "'*'", &day(9)));
    lab.write("p.yml", &format!("{PLAYBOOK}{text}"));
    let only = ["--playbook", "p.yml", "--control", "guide:1.1.1"];

    let said = lab.harden(&[&["apply", "inventory.yml", "--yes"], &only[..]].concat());

    said.expect(0).says(&["waived → pass"]);
}
