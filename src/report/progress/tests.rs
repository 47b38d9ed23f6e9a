use std::sync::Arc;
use std::sync::Mutex;
use std::time::Duration;

use insta::assert_snapshot;

use super::*;
use crate::event::EventKind;
use crate::event::Phase;
use crate::report::progress::board::Board;
use crate::report::sample;

#[derive(Clone, Default)]
struct Paper(Arc<Mutex<Vec<u8>>>);

impl Write for Paper {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn lines(least: Tone, events: &[Event]) -> String {
    let paper = Paper::default();
    let mut progress = Progress::written_to(paper.clone(), least);
    for event in events {
        progress.report(event);
    }
    progress.finish();
    let bytes = paper.0.lock().unwrap().clone();
    String::from_utf8(bytes).unwrap()
}

#[test]
fn more_is_told_the_closer_somebody_looks_and_with_its_time() {
    let traced = |depth, message: &str| {
        let message = message.to_owned();
        sample::of_node("cp-1", EventKind::Traced { depth, message })
    };
    let events = [
        phase(Phase::Gather),
        traced(Depth::Wire, "host key \u{1b}[2J"),
        traced(Depth::Step, "asks for kernel values"),
        traced(Depth::Node, "answered in 12 ms"),
    ];
    let told = |depth| {
        let paper = Paper::default();
        let mut progress = Progress::timed(paper.clone(), depth);
        for event in &events {
            progress.report(event);
        }
        let bytes = paper.0.lock().unwrap().clone();
        String::from_utf8(bytes).unwrap()
    };

    assert_eq!(told(Depth::Wire).lines().count(), 4);
    assert!(!told(Depth::Wire).contains('\u{1b}'));
    assert_eq!(told(Depth::Step).lines().count(), 3);
    let least = told(Depth::Node);
    assert!(least.ends_with(" cp-1: answered in 12 ms\n"), "{least}");
    assert!(least.starts_with("   "), "{least}");
    assert_eq!(lines(Tone::Passing, &events), "asking the nodes\n");
}

fn phase(phase: Phase) -> Event {
    sample::of_run(EventKind::PhaseStarted(phase))
}

fn checked() -> Vec<Event> {
    let mut events = sample::failing_check();
    let gathering = vec![
        phase(Phase::Gather),
        sample::of_node("cp-1", EventKind::Connecting),
        sample::of_node("cp-1", EventKind::Connected),
        sample::of_node("cp-1", EventKind::Gathered { unread: 0 }),
        sample::of_node("cp-2", EventKind::Gathered { unread: 1 }),
    ];
    events.splice(1..1, gathering);
    events
}

#[test]
fn lines_tell_a_check() {
    assert_snapshot!(lines(Tone::Passing, &checked()), @r#"
    check inventory.yml: 2 controls on 4 nodes, profile rancher-2.1
    asking the nodes
    cp-1: connected
    warning: cp-2: 1 answer could not be read
    warning: inventory.yml line 4: rke ignores `kube_api`
      hint: write `kube-api`
    error: worker-1: no connection to 10.0.0.21:22: connection refused
      hint: start sshd on worker-1
    controls: 0 pass, 1 fail, 0 unknown, 1 manual
    planned: 4 changes on nodes, 1 edit of cluster.yml, 1 blocker
    finished after 1.5 s
    "#);
}

#[test]
fn lines_tell_an_apply_and_what_rke_says() {
    assert_snapshot!(lines(Tone::Passing, &sample::whole_apply()), @r#"
    apply inventory.yml: 2 controls on 1 node, profile rancher-2.1
    controls: 0 pass, 1 fail, 0 unknown
    planned: 2 changes on nodes, 1 edit of cluster.yml, 0 blockers
    cp-1: changed kernel kernel.panic
    cp-1: changed file /etc/kubernetes/audit.yaml
    cluster.yml written, what was before is in cluster.yml.before
    rke: v0.1.11 begins
    rke: [controlplane] Building up Controller Plane..
    rke: done, 3 containers made anew, log in rke.log
    cp-1: restarted kube-apiserver
    controls: 1 pass, 0 fail, 0 unknown
    finished after 1.5 s
    "#);
}

#[test]
fn quiet_tells_warnings_and_failures_only() {
    let mut events = sample::half_done_apply();
    events.extend(checked());
    assert_snapshot!(lines(Tone::Warning, &events), @r#"
    error: cp-2: file /etc/kubernetes/audit.yaml: no space left on /etc
    warning: cp-2: 1 answer could not be read
    warning: inventory.yml line 4: rke ignores `kube_api`
      hint: write `kube-api`
    error: worker-1: no connection to 10.0.0.21:22: connection refused
      hint: start sshd on worker-1
    "#);
}

#[test]
fn a_line_of_rke_cannot_move_the_cursor() {
    let message = "\u{1b}[2Jhello\r".to_owned();
    let events = [sample::of_run(EventKind::RkeSaid { message })];
    assert_eq!(lines(Tone::Passing, &events), "rke: \\u{1b}[2Jhello\\r\n");
}

#[test]
fn a_closed_terminal_stops_nothing() {
    struct Closed;
    impl Write for Closed {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(io::ErrorKind::BrokenPipe.into())
        }
        fn flush(&mut self) -> io::Result<()> {
            Err(io::ErrorKind::BrokenPipe.into())
        }
    }
    let mut progress = Progress::written_to(Closed, Tone::Passing);
    for event in &checked() {
        progress.report(event);
    }
    progress.finish();
}

fn board(events: &[Event]) -> Board {
    let mut board = Board::default();
    for event in events {
        board.absorb(event);
    }
    board
}

#[test]
fn the_board_shows_the_slowest_nodes_and_counts_the_others() {
    let names: Vec<String> = (1..=63).map(|n| format!("worker-{n}")).collect();
    let nodes: Vec<&str> = names.iter().map(String::as_str).collect();
    let mut events = vec![sample::started("check", &nodes), phase(Phase::Gather)];
    let each = |kind: EventKind| {
        nodes
            .iter()
            .map(move |node| sample::of_node(node, kind.clone()))
    };
    events.extend(each(EventKind::Connecting));
    events.push(sample::of_node("worker-10", EventKind::Connected));
    events.push(sample::of_node(
        "worker-2",
        EventKind::Gathered { unread: 0 },
    ));
    let board = board(&events);
    let lines = board.lines();
    assert_eq!(lines.len(), 11);
    assert_eq!(lines[0], "  worker-1   connecting");
    assert_eq!(lines[8], "  worker-10  asking");
    assert_eq!(lines[10], "  and 52 others; in all 61 connecting, 1 asking");
    assert_eq!((board.done, board.total), (1, Some(63)));
}

#[test]
fn the_head_counts_what_went_wrong_and_estimates_the_rest() {
    let names: Vec<String> = (1..=1000).map(|n| format!("worker-{n}")).collect();
    let nodes: Vec<&str> = names.iter().map(String::as_str).collect();
    let at = |second: u64, node: &str, kind: EventKind| Event {
        since_start: Duration::from_secs(second),
        ..sample::of_node(node, kind)
    };
    let mut events = vec![sample::started("check", &nodes), phase(Phase::Gather)];
    for event in &mut events {
        event.since_start = Duration::ZERO;
    }
    events.extend(
        nodes[..64]
            .iter()
            .map(|node| at(1, node, EventKind::Connecting)),
    );
    events.extend(
        nodes[..30]
            .iter()
            .map(|node| at(2, node, EventKind::Connected)),
    );
    let gathered = EventKind::Gathered { unread: 0 };
    events.extend(
        nodes[..20]
            .iter()
            .map(|node| at(10, node, gathered.clone())),
    );

    let silent = EventKind::Unreachable {
        address: String::new(),
        error: "silent".to_owned(),
        hint: String::new(),
    };
    events.extend(
        nodes[60..64]
            .iter()
            .map(|node| at(10, node, silent.clone())),
    );

    let mut board = board(&events);

    let head = "asking the nodes · 4 unreachable · about 406 s left";
    assert_eq!(board.head(), head);
    let lines = board.lines();
    assert_eq!(lines[0], "  worker-21  asking, for 9 s");
    assert_eq!(
        lines[10..],
        [
            "  and 30 others; in all 30 connecting, 10 asking",
            "  unreachable: worker-[61-64]"
        ]
    );
    board.wait(Duration::from_secs(15));
    assert_eq!(board.lines()[0], "  worker-21  asking, for 14 s");
}

#[test]
fn the_board_counts_the_changes_of_a_node() {
    let mut events = sample::half_done_apply();
    events.insert(3, phase(Phase::Nodes));
    let begun = board(&events[..5]);
    assert_eq!(
        begun.lines(),
        ["  cp-1  changing: 1 of 2 done, kernel kernel.panic"]
    );
    let ended = board(&events);
    assert_eq!((ended.done, ended.total), (2, Some(3)));
    assert_eq!(ended.head(), "changing the nodes · 1 failed");
}

#[test]
fn the_board_shows_the_last_line_of_rke_while_it_runs() {
    let events = sample::whole_apply();
    let said = events
        .iter()
        .position(|event| matches!(event.kind, EventKind::RkeSaid { .. }))
        .unwrap();
    let running = board(&events[..=said]).lines();
    assert_eq!(
        running,
        ["  rke: [controlplane] Building up Controller Plane.."]
    );
    assert!(board(&events).lines().is_empty());
}
