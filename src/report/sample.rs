//! Runs that were never run: events made by hand, for the tests of the renderings.

use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;

use crate::event::Event;
use crate::event::EventKind;
use crate::event::Outcome;
use crate::event::RunStarted;
use crate::finding::Attested;
use crate::finding::Finding;
use crate::finding::Ruling;
use crate::finding::Verdict;
use crate::node::request::Request;
use crate::plan::Plan;
use crate::plan::blocker::Blocker;
use crate::plan::change::Change;
use crate::plan::change::ClusterChange;
use crate::plan::change::ClusterEdit;
use crate::plan::change::DriverSwitch;
use crate::plan::change::Restart;
use crate::profile::ControlId;
use crate::report::Report;
use crate::report::document::Document;
use crate::resource::Evidence;
use crate::resource::Seen;

/// The report of `events`.
pub(super) fn report(events: impl IntoIterator<Item = Event>) -> Report {
    let mut report = Report::default();
    for event in events {
        report.absorb(event);
    }
    report
}

/// What is kept of `events`.
pub(super) fn document(events: impl IntoIterator<Item = Event>) -> Document {
    let document = Document::of(report(events));
    Document {
        harden: "0.1.0".to_owned(),
        ..document
    }
}

pub(super) fn of_run(kind: EventKind) -> Event {
    Event {
        since_start: Duration::from_millis(1500),
        node: None,
        kind,
    }
}

pub(super) fn of_node(node: &str, kind: EventKind) -> Event {
    Event {
        node: Some(node.to_owned()),
        ..of_run(kind)
    }
}

pub(super) fn started(command: &str, nodes: &[&str]) -> Event {
    of_run(EventKind::RunStarted(RunStarted {
        command: command.to_owned(),
        started: "2026-11-23T12:09:45Z".to_owned(),
        inventory: "inventory.yml".to_owned(),
        profile: "rancher-2.1".to_owned(),
        guide: "Rancher Hardening Guide v2.1".to_owned(),
        benchmark: "CIS Kubernetes Benchmark v1.3.0".to_owned(),
        level: 1,
        nodes: nodes.iter().map(|&node| node.to_owned()).collect(),
        fleet: nodes.len(),
        controls: 2,
    }))
}

pub(super) fn judged(findings: Vec<Finding>) -> Event {
    of_run(EventKind::Judged { findings })
}

pub(super) fn planned(plan: Plan) -> Event {
    of_run(EventKind::Planned(Arc::new(plan)))
}

pub(super) fn finished() -> Event {
    of_run(EventKind::RunFinished)
}

pub(super) fn kernel(node: &str, verdict: Verdict, evidence: Vec<Evidence>) -> Finding {
    let ruling = Ruling {
        control: ControlId("guide:1.1.1".to_owned()),
        title: "The kernel behaves as the kubelet expects, now and after a reboot".to_owned(),
        verdict,
        evidence,
    };
    Finding {
        node: Some(node.into()),
        ruling: ruling.into(),
    }
}

pub(super) fn policy(verdict: Verdict) -> Finding {
    let ruling = Ruling {
        control: ControlId("guide:2.1.5".to_owned()),
        title: "Pods are restricted unless they are allowed more".to_owned(),
        verdict,
        evidence: Vec::new(),
    };
    Finding {
        node: None,
        ruling: ruling.into(),
    }
}

/// The same of another control.
pub(super) fn of_control(control: &str, mut finding: Finding) -> Finding {
    finding.ruling.control = ControlId(control.to_owned());
    finding
}

pub(super) fn met() -> Evidence {
    Evidence::new("kernel.panic now", "10", Seen::Met("10".to_owned()))
}

/// Two pieces of evidence that are not as they should be.
pub(super) fn panics() -> Vec<Evidence> {
    vec![
        Evidence::new("kernel.panic now", "10", Seen::Unmet("0".to_owned())),
        Evidence::new(
            "kernel.panic after a reboot",
            "10",
            Seen::Unmet("not set".to_owned()),
        ),
        Evidence::new("kernel.panic_on_oops now", "1", Seen::Met("1".to_owned())),
    ]
}

pub(super) fn change(key: &str) -> Change {
    Change {
        subject: format!("kernel {key}"),
        seen: "0".to_owned(),
        wanted: "10".to_owned(),
        controls: vec![ControlId("guide:1.1.1".to_owned())],
        request: Request::Assign {
            key: key.to_owned(),
            value: "what only the node must see".to_owned(),
        },
        diff: String::new(),
    }
}

pub(super) fn audit_policy() -> Change {
    Change {
        subject: "file /etc/kubernetes/audit.yaml".to_owned(),
        seen: "missing".to_owned(),
        wanted: "2 lines, 0600 root:root".to_owned(),
        controls: vec![ControlId("guide:1.1.3".to_owned())],
        diff: "--- audit.yaml\n+++ audit.yaml\n@@ -0,0 +1,2 @@\n+kind: Policy\n+rules: []\n"
            .to_owned(),
        ..change("")
    }
}

/// Work on every node of `nodes`, on `cluster.yml` and on the containers.
pub(super) fn plan(nodes: &[&str], blockers: Vec<Blocker>) -> Plan {
    let changes = vec![change("kernel.panic"), audit_policy()];
    let edit = ClusterEdit {
        path: "services.kube-api.extra_args.anonymous-auth".to_owned(),
        wanted: "\"false\"".to_owned(),
        controls: vec![ControlId("guide:2.1.2".to_owned())],
    };
    Plan {
        nodes: nodes
            .iter()
            .map(|&node| (node.to_owned(), changes.clone().into()))
            .collect(),
        cluster: Some(ClusterChange {
            edits: vec![edit],
            old_text: "secret: old".to_owned(),
            new_text: "secret: new".to_owned(),
            creates: false,
            diff: "--- cluster.yml\n+++ cluster.yml\n+      anonymous-auth: \"false\"\n".to_owned(),
        }),
        rke_up: Some("cluster.yml changes".to_owned()),
        secrets: None,
        drivers: Vec::new(),
        restarts: nodes
            .iter()
            .map(|&node| Restart {
                node: node.to_owned(),
                component: "kube-apiserver".to_owned(),
            })
            .collect(),
        blockers,
    }
}

pub(super) fn ended(node: &str, subject: &str, outcome: Outcome) -> Event {
    let subject = subject.to_owned();
    of_node(node, EventKind::ChangeFinished { subject, outcome })
}

/// A check that finds two nodes as they should not be and does not reach a third.
pub(super) fn failing_check() -> Vec<Event> {
    let refused = "worker-1: no connection to 10.0.0.21:22: connection refused";
    vec![
        started("check", &["cp-1", "cp-2", "cp-3", "worker-1"]),
        of_run(EventKind::Warned {
            message: "inventory.yml line 4: rke ignores `kube_api`".to_owned(),
            hint: "write `kube-api`".to_owned(),
        }),
        of_node(
            "worker-1",
            EventKind::Unreachable {
                address: "10.0.0.21".to_owned(),
                error: refused.to_owned(),
                hint: "start sshd on worker-1".to_owned(),
            },
        ),
        judged(vec![
            kernel("cp-1", Verdict::Fail, panics()),
            kernel("cp-2", Verdict::Pass, vec![met()]),
            kernel("cp-3", Verdict::Fail, panics()),
            kernel(
                "worker-1",
                Verdict::Unknown {
                    why: refused.to_owned(),
                },
                Vec::new(),
            ),
            policy(Verdict::Manual {
                what: "look at the policies".to_owned(),
                attested: None,
            }),
        ]),
        planned(plan(
            &["cp-1", "cp-3"],
            vec![Blocker::Silent {
                node: "worker-1".to_owned(),
                why: "connection refused".to_owned(),
            }],
        )),
        finished(),
    ]
}

pub(super) fn clean_check() -> Vec<Event> {
    vec![
        started("check", &["cp-1", "cp-2"]),
        judged(vec![
            kernel("cp-1", Verdict::Pass, vec![met()]),
            kernel("cp-2", Verdict::Pass, vec![met()]),
            policy(Verdict::Pass),
        ]),
        planned(Plan::default()),
        finished(),
    ]
}

/// An apply of which the second node fails half way; the third is never begun.
pub(super) fn half_done_apply() -> Vec<Event> {
    let nodes = ["cp-1", "cp-2", "cp-3"];
    let audit = "file /etc/kubernetes/audit.yaml";
    let full = "no space left on /etc".to_owned();
    vec![
        started("apply", &nodes),
        judged(
            nodes
                .map(|node| kernel(node, Verdict::Fail, panics()))
                .to_vec(),
        ),
        planned(plan(&nodes, Vec::new())),
        ended("cp-1", "kernel kernel.panic", Outcome::Changed),
        ended("cp-1", audit, Outcome::Changed),
        ended("cp-2", "kernel kernel.panic", Outcome::Changed),
        ended("cp-2", audit, Outcome::Failed { why: full }),
        of_run(EventKind::Skipped {
            what: "cluster.yml and rke up".to_owned(),
            why: "cp-2 is not done".to_owned(),
        }),
        judged(vec![
            kernel("cp-1", Verdict::Pass, vec![met()]),
            kernel("cp-2", Verdict::Fail, panics()[1..].to_vec()),
            kernel("cp-3", Verdict::Fail, panics()),
        ]),
        finished(),
    ]
}

/// An apply in which everything went well.
pub(super) fn whole_apply() -> Vec<Event> {
    let audit = "file /etc/kubernetes/audit.yaml";
    vec![
        started("apply", &["cp-1"]),
        judged(vec![kernel("cp-1", Verdict::Fail, panics())]),
        planned(plan(&["cp-1"], Vec::new())),
        ended("cp-1", "kernel kernel.panic", Outcome::Changed),
        ended("cp-1", audit, Outcome::Changed),
        of_run(EventKind::ClusterFileWritten {
            file: "cluster.yml".into(),
            backup: Some("cluster.yml.before".into()),
        }),
        of_run(EventKind::RkeStarted {
            version: "v0.1.11".to_owned(),
        }),
        of_run(EventKind::RkeSaid {
            message: "[controlplane] Building up Controller Plane..".to_owned(),
        }),
        rke_ended(None),
        of_node(
            "cp-1",
            EventKind::Restarted {
                component: "kube-apiserver".to_owned(),
                outcome: Outcome::Changed,
            },
        ),
        judged(vec![kernel("cp-1", Verdict::Pass, vec![met()])]),
        finished(),
    ]
}

/// An apply that switches node drivers of the Rancher server: one is switched, one is not, and one
/// is not tried any more.
pub(super) fn drivers_apply() -> Vec<Event> {
    let drivers = ["amazonec2", "azure", "exoscale"];
    let switches = drivers.map(|driver| DriverSwitch {
        id: driver.to_owned(),
        name: driver.to_owned(),
        activates: false,
        controls: vec![ControlId("guide:3.4.1".to_owned())],
    });
    let ends = [
        Outcome::Changed,
        Outcome::Failed {
            why: "https://rancher.example.com does not accept the token (401)".to_owned(),
        },
        Outcome::Skipped,
    ];
    let told = drivers.into_iter().zip(ends).map(|(driver, outcome)| {
        of_run(EventKind::DriverSwitched {
            driver: driver.to_owned(),
            activates: false,
            outcome,
        })
    });
    let findings = || vec![kernel("cp-1", Verdict::Pass, vec![met()])];
    let plan = Plan {
        drivers: switches.to_vec(),
        ..Plan::default()
    };
    let begun = [
        started("apply", &["cp-1"]),
        judged(findings()),
        planned(plan),
    ];
    begun
        .into_iter()
        .chain(told)
        .chain([judged(findings()), finished()])
        .collect()
}

/// A check with every verdict that is neither pass nor fail, and a warning.
pub(super) fn accepted_check() -> Vec<Event> {
    let why = |why: &str| why.to_owned();
    vec![
        started("check", &["cp-1"]),
        judged(vec![
            kernel(
                "cp-1",
                Verdict::Waived {
                    reason: why("old kernel"),
                    by: why("ann"),
                    until: why("2027-01-31"),
                },
                panics(),
            ),
            policy(Verdict::Manual {
                what: why("look at the policies"),
                attested: Some(Box::new(Attested {
                    by: why("bob"),
                    on: why("2026-11-01"),
                    holds_until: why("2027-05-01"),
                    note: why("all bound"),
                })),
            }),
            odd(
                "cis:1.1.1",
                Verdict::KnownFailure {
                    why: why("RKE needs it"),
                },
            ),
            odd(
                "cis:1.1.2",
                Verdict::Documented {
                    why: why("on purpose"),
                },
            ),
            odd(
                "cis:1.1.3",
                Verdict::NotApplicable {
                    why: why("no etcd"),
                },
            ),
        ]),
        planned(Plan::default()),
        finished(),
    ]
}

fn odd(control: &str, verdict: Verdict) -> Finding {
    of_control(control, policy(verdict))
}

/// `document`, every text of it followed by `text`.
pub(super) fn poisoned(document: &Document, text: &str) -> Document {
    let mut value = serde_json::to_value(document).unwrap();
    poison(&mut value, text);
    serde_json::from_value(value).unwrap()
}

fn poison(value: &mut Value, text: &str) {
    match value {
        Value::String(one) => one.push_str(text),
        Value::Array(all) => all.iter_mut().for_each(|one| poison(one, text)),
        Value::Object(fields) => {
            let is_closed = |name: &str| ["verdict", "state", "outcome", "command"].contains(&name);
            let open = fields.iter_mut().filter(|(name, _)| !is_closed(name));
            open.for_each(|(_, one)| poison(one, text));
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// Every run of this file.
pub(super) fn all() -> [Vec<Event>; 7] {
    [
        drivers_apply(),
        Vec::new(),
        accepted_check(),
        failing_check(),
        clean_check(),
        half_done_apply(),
        whole_apply(),
    ]
}

pub(super) fn rke_ended(failure: Option<(String, String)>) -> Event {
    of_run(EventKind::RkeFinished {
        recreated: 3,
        failure,
        log: "rke.log".into(),
    })
}
