use super::*;
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
