use insta::assert_snapshot;

use super::*;
use crate::event::Event;
use crate::event::EventKind;
use crate::finding::Verdict;
use crate::report::sample;
use crate::resource::Evidence;
use crate::resource::Seen;

const PLAIN: Look = Look {
    style: Style::Plain,
    width: 100,
    diff: false,
    all: false,
};

fn table(events: Vec<Event>, look: Look) -> String {
    let mut out = Vec::new();
    write(&mut out, &sample::document(events), look).unwrap();
    String::from_utf8(out).unwrap()
}

#[test]
fn a_failing_check_names_nodes_wanted_and_seen() {
    assert_snapshot!(table(sample::failing_check(), PLAIN), @r#"
    check inventory.yml: 4 nodes, profile rancher-2.1, level 1
    Rancher Hardening Guide v2.1; CIS Kubernetes Benchmark v1.3.0

    guide:1.1.1  The kernel behaves as the kubelet expects, now and after a reboot
      fail     cp-[1,3]
               kernel.panic now             wanted 10  seen 0
               kernel.panic after a reboot  wanted 10  seen not set
      pass     cp-2
      unknown  worker-1: not reached, see below

    guide:2.1.5  Pods are restricted unless they are allowed more
      manual   cluster: look at the policies

    apply would refuse because of the blockers below; else it would
      change on cp-[1,3]
        kernel kernel.panic: 0 → 10 (guide:1.1.1)
        file /etc/kubernetes/audit.yaml: missing → 2 lines, 0600 root:root (guide:1.1.3)
      edit cluster.yml
        services.kube-api.extra_args.anonymous-auth: "false" (guide:2.1.2)
      run rke up, because cluster.yml changes
      restart kube-apiserver on cp-[1,3]

    blockers
      worker-1 could not be asked: connection refused (silent-node)
        hint: mend the connection to worker-1; or pass `--allow-incomplete` to change the other nodes'
          files and leave cluster.yml alone

    unreachable
      worker-1: no connection to 10.0.0.21:22: connection refused
        hint: start sshd on worker-1

    warnings
      inventory.yml line 4: rke ignores `kube_api`
        hint: write `kube-api`

    2 controls on 4 nodes: 0 pass, 1 fail, 0 unknown, 1 manual · 1 finding not fully measured · 1 node
      unreachable · 5 changes planned
    "#);
}

#[test]
fn a_clean_check_is_short() {
    assert_snapshot!(table(sample::clean_check(), PLAIN), @r#"
    check inventory.yml: 2 nodes, profile rancher-2.1, level 1
    Rancher Hardening Guide v2.1; CIS Kubernetes Benchmark v1.3.0

    2 controls in brief; `--all` tells each in full
      pass  guide:1.1.1, guide:2.1.5

    apply would change nothing

    2 controls on 2 nodes: 2 pass, 0 fail, 0 unknown
    "#);
}

#[test]
fn all_tells_also_what_passes_in_full() {
    let look = Look { all: true, ..PLAIN };
    let shown = table(sample::clean_check(), look);
    assert!(
        shown.contains("now and after a reboot\n  pass  cp-[1-2]\n"),
        "{shown}"
    );
}

#[test]
fn what_fails_nowhere_and_was_not_measured_everywhere_is_unknown_in_brief() {
    let nodes: Vec<String> = (1..=40).map(|n| format!("worker-{n:02}")).collect();
    let names: Vec<&str> = nodes.iter().map(String::as_str).collect();
    // Every third one, so that no range is long.
    let (silent, asked): (Vec<_>, Vec<_>) =
        nodes.iter().enumerate().partition(|(at, _)| at % 3 == 0);
    let why = "no answer".to_owned();
    let unknown = Verdict::Unknown { why };
    let findings_of = |control: &str, verdict: Verdict| -> Vec<_> {
        let silent = silent.iter().map(|(_, node)| (node, unknown.clone()));
        let asked = asked.iter().map(|(_, node)| (node, verdict.clone()));
        let all = silent.chain(asked);
        all.map(|(node, verdict)| {
            sample::of_control(control, sample::kernel(node, verdict, Vec::new()))
        })
        .collect()
    };
    let mut events = vec![sample::started("check", &names)];
    events.extend(silent.iter().map(|(_, node)| {
        let kind = EventKind::Unreachable {
            address: "10.0.0.1".to_owned(),
            error: "no connection to 10.0.0.1:22".to_owned(),
            hint: String::new(),
        };
        sample::of_node(node, kind)
    }));
    let mut findings = findings_of("a:1", Verdict::Pass);
    findings.extend(findings_of("a:2", Verdict::Fail));
    events.extend([sample::judged(findings), sample::finished()]);

    assert_snapshot!(table(events, PLAIN), @r#"
    check inventory.yml: 40 nodes, profile rancher-2.1, level 1
    Rancher Hardening Guide v2.1; CIS Kubernetes Benchmark v1.3.0

    a:2  The kernel behaves as the kubelet expects, now and after a reboot
      unknown  14 nodes: not reached, see below
      fail     the other 26 nodes

    1 control in brief; `--all` tells each in full
      unknown  a:1: pass where it was measured, unknown on nodes that were not reached

    unreachable
      worker-[01,04,07,10,13,16,19,22,25,28,31,34,37,40]: no connection to <address>:22

    2 controls on 40 nodes: 0 pass, 1 fail, 1 unknown · 28 findings not fully measured · 14 nodes
      unreachable
    "#);
}

#[test]
fn a_half_done_apply_says_where_it_stands_and_how_to_go_on() {
    assert_snapshot!(table(sample::half_done_apply(), PLAIN), @r#"
    apply inventory.yml: 3 nodes, profile rancher-2.1, level 1
    Rancher Hardening Guide v2.1; CIS Kubernetes Benchmark v1.3.0

    guide:1.1.1  The kernel behaves as the kubelet expects, now and after a reboot
      fail → pass  cp-1
      fail         cp-2
                   kernel.panic after a reboot  wanted 10  seen not set
      fail         cp-3
                   kernel.panic now             wanted 10  seen 0
                   kernel.panic after a reboot  wanted 10  seen not set

    done
      cp-1
        changed  kernel kernel.panic: 0 → 10 (guide:1.1.1)
        changed  file /etc/kubernetes/audit.yaml: missing → 2 lines, 0600 root:root (guide:1.1.3)
      cp-2
        changed  kernel kernel.panic: 0 → 10 (guide:1.1.1)
        failed   file /etc/kubernetes/audit.yaml: missing → 2 lines, 0600 root:root (guide:1.1.3)
                 no space left on /etc
      left out: cluster.yml and rke up, because cp-2 is not done

    half done  cp-1: all changes done; cp-2: 1 of 2 changes done; cp-3: not begun; cluster.yml
               untouched; rke up not run
    next       mend what is called failed above, then run `harden apply inventory.yml` again: it looks
               at everything anew and does what is left

    1 control on 3 nodes: 0 pass, 1 fail, 0 unknown · 7 changes planned · 3 done · 1 failed
    "#);
}

#[test]
fn an_apply_shows_each_control_before_and_after() {
    assert_snapshot!(table(sample::whole_apply(), PLAIN), @r#"
    apply inventory.yml: 1 node, profile rancher-2.1, level 1
    Rancher Hardening Guide v2.1; CIS Kubernetes Benchmark v1.3.0

    1 control in brief; `--all` tells each in full
      fail → pass  guide:1.1.1

    done
      cp-1
        changed  kernel kernel.panic: 0 → 10 (guide:1.1.1)
        changed  file /etc/kubernetes/audit.yaml: missing → 2 lines, 0600 root:root (guide:1.1.3)
      cluster.yml written; before: cluster.yml.before
        services.kube-api.extra_args.anonymous-auth: "false" (guide:2.1.2)
      rke up (v0.1.11) ran: 3 containers made anew; log: rke.log
      restarted kube-apiserver on cp-1

    1 control on 1 node: 1 pass, 0 fail, 0 unknown · 3 changes planned · 3 done
    "#);
}

#[test]
fn diffs_are_shown_on_request() {
    let look = Look {
        diff: true,
        ..PLAIN
    };
    let shown = table(sample::failing_check(), look);
    assert!(
        shown.contains("      +kind: Policy\n      +rules: []\n"),
        "{shown}"
    );
    assert!(
        shown.contains("      +      anonymous-auth: \"false\"\n"),
        "{shown}"
    );
    assert!(!table(sample::failing_check(), PLAIN).contains("+kind: Policy"));
}

#[test]
fn a_narrow_table_loses_no_word() {
    let words = |width| {
        let look = Look { width, ..PLAIN };
        let table = table(sample::failing_check(), look);
        let mut words: Vec<String> = table.split_whitespace().map(str::to_owned).collect();
        words.sort();
        (table, words)
    };
    let (narrow, in_narrow) = words(50);
    assert_eq!(in_narrow, words(200).1);
    assert!(
        narrow.lines().all(|line| line.chars().count() <= 64),
        "only single long words may stand out: {narrow}"
    );
}

#[test]
fn what_a_node_calls_itself_cannot_move_the_cursor() {
    let node = "cp-1\u{1b}[2J\u{202e}";
    let seen = Seen::Unmet("a\rb\u{9b}K".to_owned());
    let evidence = vec![Evidence::new("x", "y", seen)];
    let findings = vec![sample::kernel(node, Verdict::Fail, evidence)];
    let events = vec![
        sample::started("check", &[node]),
        sample::of_node(
            node,
            EventKind::Unreachable {
                address: String::new(),
                error: "\u{7}".to_owned(),
                hint: String::new(),
            },
        ),
        sample::judged(findings),
        sample::finished(),
    ];
    assert_snapshot!(table(events, PLAIN), @r#"
    check inventory.yml: 1 node, profile rancher-2.1, level 1
    Rancher Hardening Guide v2.1; CIS Kubernetes Benchmark v1.3.0

    guide:1.1.1  The kernel behaves as the kubelet expects, now and after a reboot
      fail  cp-1\u{1b}[2J\u{202e}
            x  wanted y  seen a\rb\u{9b}K

    unreachable
      cp-1\u{1b}[2J\u{202e}: \u{7}

    1 control on 1 node: 0 pass, 1 fail, 0 unknown · 1 node unreachable
    "#);
}

#[test]
fn colours_add_nothing_but_colours() {
    let look = Look {
        style: Style::Colour,
        ..PLAIN
    };
    let coloured = table(sample::failing_check(), look);
    assert_ne!(coloured, table(sample::failing_check(), PLAIN));
    let stripped = anstream::adapter::strip_str(&coloured).to_string();
    assert_eq!(stripped, table(sample::failing_check(), PLAIN));
}

#[test]
fn equal_troubles_of_many_nodes_are_told_once() {
    let nodes: Vec<String> = (1..=30).map(|n| format!("worker-{n:02}")).collect();
    let unreachable = nodes.iter().enumerate().map(|(number, node)| {
        let address = format!("10.0.0.{number}");
        let silent = EventKind::Unreachable {
            error: format!("{node}: {node} may not use sudo without a password"),
            hint: format!("run `ssh {address} sudo -v` on {node}"),
            address,
        };
        sample::of_node(node, silent)
    });
    let shown = table(unreachable.collect(), PLAIN);
    assert_eq!(shown.matches("may not use sudo").count(), 1, "{shown}");
    assert!(
        shown.contains("run `ssh 10.0.0.0 sudo -v` on worker-01, and so on for the others"),
        "{shown}"
    );
}

#[test]
fn the_question_before_an_apply_shows_plan_and_blockers_only() {
    let mut out = Vec::new();
    let plan = sample::document(sample::failing_check()).plan.unwrap();
    write_plan(&mut out, "apply", &plan, PLAIN).unwrap();
    let shown = String::from_utf8(out).unwrap();
    assert!(shown.starts_with("apply would"), "{shown}");
    assert!(
        shown.contains("blockers\n  worker-1 could not be asked"),
        "{shown}"
    );
    assert!(!shown.contains("guide:2.1.5"), "{shown}");
}

#[test]
fn a_refused_apply_says_that_the_plan_was_not_carried_out() {
    let mut events = sample::failing_check();
    events[0] = sample::started("apply", &["cp-1", "cp-2", "cp-3", "worker-1"]);
    let why = "1 blocker".to_owned();
    let hint = "mend worker-1".to_owned();
    events.insert(5, sample::of_run(EventKind::Refused { why, hint }));
    let shown = table(events, PLAIN);
    assert!(shown.contains("\nplanned, and not done\n"), "{shown}");
    assert!(
        shown.contains("\nrefused\n  1 blocker\n    hint: mend worker-1\n"),
        "{shown}"
    );
    assert!(!shown.contains("half done"), "{shown}");
}

#[test]
fn a_failed_rke_up_says_what_it_left_and_its_own_way_out() {
    let mut events = sample::whole_apply();
    let why = ("etcd is not healthy".to_owned(), "read rke.log".to_owned());
    events[8] = sample::rke_ended(Some(why));
    let shown = table(events, PLAIN);
    assert!(
        shown.contains("rke up (v0.1.11) failed: etcd is not healthy"),
        "{shown}"
    );
    assert!(
        shown.contains("cluster.yml written (before: cluster.yml.before); rke up failed"),
        "{shown}"
    );
    assert!(
        shown.contains("next       read rke.log; then run `harden apply inventory.yml`"),
        "{shown}"
    );
}

#[test]
fn the_way_on_is_the_command_that_failed() {
    for (command, again) in [
        ("rotate-key", "run `harden rotate-key inventory.yml` again"),
        ("undo", "run the same `harden undo` again"),
    ] {
        let mut document = sample::document(sample::half_done_apply());
        document.run.as_mut().unwrap().command = command.to_owned();
        let mut out = Vec::new();
        write(&mut out, &document, PLAIN).unwrap();
        let shown = String::from_utf8(out).unwrap();
        let words: Vec<&str> = shown.split_whitespace().collect();
        assert!(words.join(" ").contains(again), "{shown}");
    }
}

#[test]
fn the_way_on_is_told_once() {
    let interrupted = "run `harden apply inventory.yml` again; it goes on with what is left";
    assert_eq!(next("apply", interrupted), interrupted);
    let undone = "run the same `harden undo` again; it goes on with what is left";
    assert_eq!(next("undo", undone), undone);
    let full = "free some space and run again";
    assert_eq!(next("apply", full), full);

    for (command, hint) in [
        (
            "apply",
            "if a rotation was begun, run `harden rotate-key` again",
        ),
        ("rotate-key", "run `harden apply` first"),
    ] {
        let both = format!("{hint}; then run `harden {command} inventory.yml` again: it looks");
        let next = next(command, hint);
        assert!(next.starts_with(&both), "{next}");
    }
}

/// What a half done run of `command` says next, after a failure with this hint.
fn next(command: &str, hint: &str) -> String {
    let mut events = sample::half_done_apply();
    let (message, hint) = ("it stopped".to_owned(), hint.to_owned());
    let failed = sample::of_run(EventKind::Failed { message, hint });
    events.insert(events.len() - 1, failed);
    let mut document = sample::document(events);
    document.run.as_mut().unwrap().command = command.to_owned();
    let mut out = Vec::new();
    write(&mut out, &document, PLAIN).unwrap();
    let shown = String::from_utf8(out).unwrap();
    let (_, next) = shown.split_once("\nnext ").unwrap();
    let (next, _) = next.split_once("\n\n").unwrap();
    next.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[test]
fn node_drivers_are_told_one_by_one_and_what_is_left_of_them() {
    let text = table(sample::drivers_apply(), PLAIN);

    for line in [
        "deactivated node driver amazonec2 of the Rancher server",
        "node driver azure of the Rancher server was not deactivated:",
        "node driver exoscale of the Rancher server was not deactivated: an earlier failure came first",
        "node drivers not switched: azure, exoscale",
        "3 changes planned · 1 done",
    ] {
        let words: Vec<&str> = text.split_whitespace().collect();
        assert!(words.join(" ").contains(line), "`{line}` is not in\n{text}");
    }
}
