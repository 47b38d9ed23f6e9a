use super::*;
use crate::profile::ControlId;
use crate::profile::library::DEFAULT_PLAYBOOK;
use crate::profile::library::Library;
use crate::profile::library::Source;
use crate::profile::load::load;
use crate::profile::playbook;
use crate::resource::Evidence;
use crate::resource::Seen;
use crate::shared::Text;

const WAIVER: &str = "waivers:\n- control: guide:2.1.1\n  where: [w-*]\n  reason: old kernel\n  by: platform\n  until: 2027-01-31\n";
const ATTESTATION: &str = "attestations:\n- control: cis:1.6.1\n  by: auditor\n  on: 2027-01-01\n  holds_until: 2027-06-30\n  note: three admins\n";

fn read(text: &str) -> Result<Statements, Remark> {
    let text = format!("playbook: p\nprofile: rancher-2.1\n{text}");
    Ok(Statements::of(&playbook::read("p.yml", &text)?, "p.yml"))
}

fn day(text: &str) -> Day {
    Day::try_from(text.to_owned()).unwrap()
}

fn finding(control: &str, node: Option<&str>, verdict: Verdict) -> Finding {
    let evidence = match &verdict {
        Verdict::Fail => vec![Evidence::new(
            "kubelet --event-qps",
            "0",
            Seen::Unmet("5".into()),
        )],
        _ => Vec::new(),
    };
    let ruling = Ruling {
        control: ControlId(control.into()),
        title: "It is so".into(),
        verdict,
        evidence,
    };
    Finding {
        node: node.map(Text::from),
        ruling: ruling.into(),
    }
}

fn fails_on(node: &str) -> Finding {
    finding("guide:2.1.1", Some(node), Verdict::Fail)
}

fn manual() -> Finding {
    let verdict = Verdict::Manual {
        what: "look".into(),
        attested: None,
    };
    finding("cis:1.6.1", None, verdict)
}

/// The findings after `text` was recorded on a day, and what it was said to be unused.
fn recorded(text: &str, today: &str, mut findings: Vec<Finding>) -> (Vec<Finding>, Vec<String>) {
    let remarks = read(text).unwrap().record(&mut findings, day(today), true);
    (
        findings,
        remarks.into_iter().map(|remark| remark.message).collect(),
    )
}

fn reviewed(text: &str, today: &str) -> Vec<String> {
    let source = Source {
        file: DEFAULT_PLAYBOOK.0.into(),
        text: DEFAULT_PLAYBOOK.1.into(),
    };
    let playbook = playbook::read(&source.file, &source.text).unwrap();
    let profile = load(&source, &playbook, &Library::embedded()).unwrap();
    let remarks = read(text).unwrap().review(&profile, day(today));
    remarks.into_iter().map(|remark| remark.message).collect()
}

#[test]
fn a_waived_failure_keeps_its_evidence_and_says_who_and_until_when() {
    let (findings, unused) = recorded(
        WAIVER,
        "2026-12-01",
        vec![fails_on("w-1"), fails_on("cp-1")],
    );

    let waived = Verdict::Waived {
        reason: "old kernel".into(),
        by: "platform".into(),
        until: "2027-01-31".into(),
    };
    assert_eq!(findings[0].verdict, waived);
    assert_eq!(findings[0].evidence, fails_on("w-1").evidence);
    assert_eq!(findings[1].verdict, Verdict::Fail, "not where it is meant");
    assert!(unused.is_empty(), "{unused:?}");
}

#[test]
fn the_last_day_counts_and_the_day_after_does_not() {
    let verdict = |today| {
        recorded(WAIVER, today, vec![fails_on("w-1")])
            .0
            .remove(0)
            .verdict
            .clone()
    };

    assert!(matches!(verdict("2027-01-31"), Verdict::Waived { .. }));
    assert_eq!(verdict("2027-02-01"), Verdict::Fail);
    assert_eq!(reviewed(WAIVER, "2027-01-31"), [""; 0]);
    assert_eq!(
        reviewed(WAIVER, "2027-02-01"),
        ["line 4: the waiver of guide:2.1.1: it expired on 2027-01-31"]
    );
}

#[test]
fn only_failures_are_waived() {
    let others = [
        Verdict::Pass,
        Verdict::Unknown { why: "no".into() },
        Verdict::KnownFailure { why: "so".into() },
    ];
    for verdict in others {
        let finding = finding("guide:2.1.1", Some("w-1"), verdict.clone());
        assert_eq!(
            recorded(WAIVER, "2026-12-01", vec![finding]).0[0].verdict,
            verdict
        );
    }
}

#[test]
fn a_waiver_of_a_node_that_is_nowhere_says_which_and_what_was_meant() {
    let waiver = WAIVER.replace("[w-*]", "[wrker-1]");
    let statements = read(&waiver).unwrap();
    let told = |is_whole| {
        let mut findings = vec![fails_on("worker-1")];
        statements.record(&mut findings, day("2026-12-01"), is_whole)
    };

    let whole = told(true);
    assert_eq!(
        whole[0].message,
        "line 4: the waiver of guide:2.1.1: it is about no node that is called `wrker-1`"
    );
    assert_eq!(whole[0].hint, "did you mean `worker-1`?");
    assert!(told(false).is_empty(), "that node may not be looked at");
}

#[test]
fn a_waiver_that_nothing_needs_is_named_and_one_that_was_not_measured_is_not() {
    let unused = |finding| recorded(WAIVER, "2026-12-01", vec![finding]).1;
    let pass = |node| finding("guide:2.1.1", Some(node), Verdict::Pass);
    let unknown = finding(
        "guide:2.1.1",
        Some("w-1"),
        Verdict::Unknown { why: "no".into() },
    );

    assert_eq!(
        unused(pass("w-1")),
        ["line 4: the waiver of guide:2.1.1: nothing needs it"]
    );
    assert_eq!(unused(fails_on("cp-1")).len(), 1, "no node of that name");
    assert_eq!(unused(unknown), [""; 0]);
    assert_eq!(
        unused(manual()),
        [""; 0],
        "the run was not about the control"
    );
}

#[test]
fn two_waivers_of_one_finding_are_both_needed() {
    let both = WAIVER.to_owned() + &WAIVER.replace("waivers:\n", "").replace("w-*", "w-1");

    assert_eq!(
        recorded(&both, "2026-12-01", vec![fails_on("w-1")]).1,
        [""; 0]
    );
}

#[test]
fn in_the_cluster_a_waiver_is_about_namespaces() {
    let text = WAIVER
        .replace("guide:2.1.1", "guide:2.1.5")
        .replace("w-*", "monitoring");
    let mut cluster = finding("guide:2.1.5", None, Verdict::Fail);
    let pod =
        |name: &str| Evidence::new(format!("Pod {name}"), "admitted", Seen::Unmet("no".into()));
    let verdict = |finding: &Finding, text: &str| {
        recorded(text, "2026-12-01", vec![finding.clone()])
            .0
            .remove(0)
            .verdict
            .clone()
    };

    cluster.ruling.evidence = vec![pod("monitoring/node-exporter")];
    assert!(matches!(verdict(&cluster, &text), Verdict::Waived { .. }));

    cluster.ruling.evidence.push(pod("shop/web"));
    assert_eq!(verdict(&cluster, &text), Verdict::Fail);
    let all = text.replace("monitoring", "\"*\"");
    assert!(matches!(verdict(&cluster, &all), Verdict::Waived { .. }));
}

#[test]
fn what_the_profile_does_not_know_is_named() {
    let wrong = WAIVER.replace("guide:2.1.1", "guide:9.9");
    let near = ATTESTATION.replace("cis:1.6.1", "cis:1.6.11");

    assert_eq!(
        reviewed(&wrong, "2026-12-01"),
        ["line 4: the waiver of guide:9.9: profile rancher-2.1 has no such control"]
    );
    assert_eq!(
        reviewed(&near, "2027-01-02"),
        ["line 4: the attestation of cis:1.6.11: profile rancher-2.1 has no such control"]
    );
}

#[test]
fn an_attestation_of_what_is_measured_is_named() {
    let measured = finding("cis:1.6.1", None, Verdict::Pass);

    assert_eq!(
        recorded(ATTESTATION, "2027-01-02", vec![measured]).1,
        ["line 4: the attestation of cis:1.6.1: no person needs to look at this control"]
    );
    assert_eq!(
        recorded(ATTESTATION, "2027-01-02", vec![manual()]).1,
        [""; 0]
    );
}

#[test]
fn an_attestation_is_recorded_from_its_day_to_its_last() {
    let attested = |today| match recorded(ATTESTATION, today, vec![manual()])
        .0
        .remove(0)
        .verdict
        .clone()
    {
        Verdict::Manual { attested, .. } => attested.map(|said| *said),
        other => panic!("{other:?}"),
    };

    let said = Attested {
        by: "auditor".into(),
        on: "2027-01-01".into(),
        holds_until: "2027-06-30".into(),
        note: "three admins".into(),
    };
    assert_eq!(attested("2027-01-01"), Some(said.clone()));
    assert_eq!(attested("2027-06-30"), Some(said));
    assert_eq!(attested("2027-07-01"), None);
    assert_eq!(attested("2026-12-31"), None);
    assert_eq!(
        reviewed(ATTESTATION, "2027-07-01"),
        ["line 4: the attestation of cis:1.6.1: it held until 2027-06-30"]
    );
    assert_eq!(
        reviewed(ATTESTATION, "2026-12-31"),
        ["line 4: the attestation of cis:1.6.1: 2027-01-01 is still to come"]
    );
}

#[test]
fn a_waiver_without_reason_owner_place_or_day_is_refused_at_its_place() {
    let line = |from: &str, to: &str| {
        read(&WAIVER.replace(from, to))
            .unwrap_err()
            .place
            .unwrap()
            .line
    };

    assert_eq!(line("old kernel", "''"), 6);
    assert_eq!(line("by: platform", "by: ' '"), 7);
    assert_eq!(line("2027-01-31", "2027-02-30"), 8);
    assert_eq!(line("2027-01-31", "next year"), 8);
    assert_eq!(line("[w-*]", "['w-[']"), 5);
    assert!(read(&WAIVER.replace("  reason: old kernel\n", "")).is_err());
    assert_eq!(line("[w-*]", "[]"), 5);
}
