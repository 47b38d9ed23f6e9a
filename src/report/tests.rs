use super::*;
use crate::report::document::Document;
use crate::report::sample;

fn code(events: Vec<Event>) -> u8 {
    sample::report(events).exit_code()
}

fn without(mut events: Vec<Event>, unwanted: fn(&EventKind) -> bool) -> Vec<Event> {
    events.retain(|event| !unwanted(&event.kind));
    events
}

fn failure() -> EventKind {
    EventKind::Failed {
        message: "cluster.yml: permission denied".to_owned(),
        hint: String::new(),
    }
}

#[test]
fn everything_measured_and_well_is_0() {
    assert_eq!(code(sample::clean_check()), 0);
    assert_eq!(code(sample::whole_apply()), 0);
}

#[test]
fn a_failing_control_is_3_and_a_node_not_reached_is_4() {
    assert_eq!(code(sample::failing_check()), 4);
    let mut reached = without(sample::failing_check(), |kind| {
        matches!(kind, EventKind::Unreachable { .. })
    });
    assert_eq!(code(reached.clone()), 4, "a finding is unknown");
    for event in &mut reached {
        if let EventKind::Judged { findings } = &mut event.kind {
            findings.retain(|finding| !finding.is_incomplete());
        }
    }
    assert_eq!(code(reached), 3);
}

#[test]
fn a_run_that_never_judged_is_4() {
    assert_eq!(code(Vec::new()), 4);
    assert_eq!(code(vec![sample::started("check", &[])]), 4);
}

#[test]
fn a_check_of_which_a_stage_failed_is_4() {
    let mut events = sample::clean_check();
    events.push(sample::of_run(failure()));
    assert_eq!(code(events), 4);
}

#[test]
fn an_apply_of_which_anything_failed_is_5() {
    assert_eq!(code(sample::half_done_apply()), 5);

    let mut stage = sample::whole_apply();
    stage.push(sample::of_run(failure()));
    assert_eq!(code(stage), 5);

    let mut rke = sample::whole_apply();
    let why = ("exit status 1".to_owned(), "read rke.log".to_owned());
    rke.push(sample::rke_ended(Some(why)));
    assert_eq!(code(rke), 5);

    let mut restart = sample::whole_apply();
    restart.push(sample::of_node(
        "cp-1",
        EventKind::Restarted {
            component: "kubelet".to_owned(),
            outcome: Outcome::Failed { why: String::new() },
        },
    ));
    assert_eq!(code(restart), 5);
}

#[test]
fn an_apply_that_changed_something_and_did_not_look_again_is_4() {
    let mut events = sample::whole_apply();
    events.retain(|event| !matches!(event.kind, EventKind::RunFinished));
    events.pop();
    assert_eq!(code(events), 4);
}

#[test]
fn a_refused_apply_is_3_even_where_all_controls_pass() {
    let mut events = sample::clean_check();
    events[0] = sample::started("apply", &["cp-1", "cp-2"]);
    events.push(sample::of_run(EventKind::Refused {
        why: "not confirmed".to_owned(),
        hint: String::new(),
    }));
    assert_eq!(code(events), 3);
}

#[test]
fn the_findings_after_an_apply_are_those_that_count() {
    let report = sample::report(sample::whole_apply());
    assert_eq!(report.before.as_ref().unwrap()[0].verdict, Verdict::Fail);
    assert_eq!(report.findings()[0].verdict, Verdict::Pass);
}

#[test]
fn a_control_counts_once_with_its_worst_verdict() {
    let summary = sample::report(sample::failing_check()).summary();
    assert_eq!((summary.controls.fail, summary.controls.manual), (1, 1));
    assert_eq!(summary.controls.total(), 2);
    assert_eq!(summary.findings.fail, 2);
    assert_eq!(summary.findings.total(), 5);
    assert_eq!(summary.incomplete, 1);
}

#[test]
fn the_summary_of_an_apply_counts_how_its_changes_ended() {
    let summary = sample::report(sample::half_done_apply()).summary();
    assert_eq!(
        (summary.planned, summary.changed, summary.failed),
        (7, 3, 1)
    );
    let summary = sample::report(sample::whole_apply()).summary();
    assert_eq!((summary.planned, summary.changed), (3, 3));
}

/// Every form of a document.
fn forms(document: &Document) -> Vec<(&'static str, String)> {
    type Write = fn(&mut dyn std::io::Write, &Document) -> std::io::Result<()>;
    let table: Write = |out, document| {
        let look = table::Look {
            style: table::Style::Plain,
            width: 100,
            diff: true,
            all: false,
        };
        table::write(out, document, look)
    };
    let all: [(&str, Write); 6] = [
        ("table", table),
        ("json", |out, document| json::write(out, document)),
        ("junit", |out, document| junit::write(out, document)),
        ("html", |out, document| html::write(out, document)),
        ("markdown", |out, document| markdown::write(out, document)),
        ("sarif", |out, document| sarif::write(out, document)),
    ];
    let written = all.map(|(name, write)| {
        let mut out = Vec::new();
        write(&mut out, document).unwrap();
        (name, String::from_utf8(out).unwrap())
    });
    written.to_vec()
}

#[test]
fn a_saved_report_gives_the_same_bytes_in_every_form() {
    for events in sample::all() {
        let document = sample::document(events);
        let mut saved = Vec::new();
        json::write(&mut saved, &document).unwrap();
        let read = json::read(&saved).unwrap();
        assert_eq!(forms(&document), forms(&read));
    }
}

#[test]
fn no_form_holds_what_a_terminal_would_obey() {
    for events in sample::all() {
        let document =
            sample::poisoned(&sample::document(events), "\u{1b}[2J\u{9b}\u{202e}\u{0}\r");
        for (name, text) in forms(&document) {
            let is_calm = |one: char| one == '\n' || !words::is_treacherous(one);
            assert!(text.chars().all(is_calm), "{name}: {text}");
        }
    }
}

#[test]
fn no_form_holds_what_is_sent_to_a_node_or_the_text_of_cluster_yml() {
    for events in sample::all() {
        for (name, text) in forms(&sample::document(events)) {
            assert!(!text.contains("what only the node must see"), "{name}");
            assert!(!text.contains("secret: "), "{name}");
        }
    }
}

#[test]
fn a_waiver_and_an_attestation_are_in_every_form_beside_what_was_measured() {
    let document = sample::document(sample::accepted_check());
    for (name, text) in forms(&document) {
        for word in ["old kernel", "ann", "2027-01-31"] {
            assert!(text.contains(word), "{name} lacks {word}: {text}");
        }
        if name == "sarif" {
            continue;
        }
        for word in ["bob", "2026-11-01", "2027-05-01", "all bound"] {
            assert!(text.contains(word), "{name} lacks {word}: {text}");
        }
        if name != "junit" {
            assert!(text.contains("kernel.panic now"), "{name}: {text}");
        }
    }
}
