use insta::assert_snapshot;
use serde_json::Value;

use crate::event::Event;
use crate::report::sample;

fn json(events: Vec<Event>) -> String {
    serde_json::to_string_pretty(&sample::document(events)).unwrap()
}

fn parsed(events: Vec<Event>) -> Value {
    serde_json::from_str(&json(events)).unwrap()
}

#[test]
#[expect(clippy::too_many_lines, reason = "the whole document is shown")]
fn a_check_says_all_that_the_table_says() {
    assert_snapshot!(json(sample::failing_check()), @r#"
    {
      "version": 1,
      "harden": "0.1.0",
      "run": {
        "command": "check",
        "started": "2026-11-23T12:09:45Z",
        "inventory": "inventory.yml",
        "profile": "rancher-2.1",
        "guide": "Rancher Hardening Guide v2.1",
        "benchmark": "CIS Kubernetes Benchmark v1.3.0",
        "level": 1,
        "controls": 2,
        "fleet": 4
      },
      "finished": true,
      "seconds": 1.5,
      "exit_code": 4,
      "summary": {
        "controls": {
          "pass": 0,
          "fail": 1,
          "waived": 0,
          "known_failure": 0,
          "manual": 1,
          "not_applicable": 0,
          "unknown": 0
        },
        "findings": {
          "pass": 1,
          "fail": 2,
          "waived": 0,
          "known_failure": 0,
          "manual": 1,
          "not_applicable": 0,
          "unknown": 1
        },
        "incomplete": 1,
        "nodes": 4,
        "unreachable": 1,
        "planned": 5,
        "changed": 0,
        "failed": 0,
        "skipped": 0
      },
      "nodes": [
        {
          "name": "cp-1",
          "reached": true,
          "error": null,
          "hint": null
        },
        {
          "name": "cp-2",
          "reached": true,
          "error": null,
          "hint": null
        },
        {
          "name": "cp-3",
          "reached": true,
          "error": null,
          "hint": null
        },
        {
          "name": "worker-1",
          "reached": false,
          "address": "10.0.0.21",
          "error": "worker-1: no connection to 10.0.0.21:22: connection refused",
          "hint": "start sshd on worker-1"
        }
      ],
      "findings": [
        {
          "control": "guide:1.1.1",
          "title": "The kernel behaves as the kubelet expects, now and after a reboot",
          "node": "cp-1",
          "verdict": "fail",
          "why": null,
          "evidence": [
            {
              "subject": "kernel.panic now",
              "wanted": "10",
              "seen": "0",
              "state": "unmet"
            },
            {
              "subject": "kernel.panic after a reboot",
              "wanted": "10",
              "seen": "not set",
              "state": "unmet"
            },
            {
              "subject": "kernel.panic_on_oops now",
              "wanted": "1",
              "seen": "1",
              "state": "met"
            }
          ]
        },
        {
          "control": "guide:1.1.1",
          "title": "The kernel behaves as the kubelet expects, now and after a reboot",
          "node": "cp-2",
          "verdict": "pass",
          "why": null,
          "evidence": [
            {
              "subject": "kernel.panic now",
              "wanted": "10",
              "seen": "10",
              "state": "met"
            }
          ]
        },
        {
          "control": "guide:1.1.1",
          "title": "The kernel behaves as the kubelet expects, now and after a reboot",
          "node": "cp-3",
          "verdict": "fail",
          "why": null,
          "evidence": [
            {
              "subject": "kernel.panic now",
              "wanted": "10",
              "seen": "0",
              "state": "unmet"
            },
            {
              "subject": "kernel.panic after a reboot",
              "wanted": "10",
              "seen": "not set",
              "state": "unmet"
            },
            {
              "subject": "kernel.panic_on_oops now",
              "wanted": "1",
              "seen": "1",
              "state": "met"
            }
          ]
        },
        {
          "control": "guide:1.1.1",
          "title": "The kernel behaves as the kubelet expects, now and after a reboot",
          "node": "worker-1",
          "verdict": "unknown",
          "why": "worker-1: no connection to 10.0.0.21:22: connection refused",
          "evidence": []
        },
        {
          "control": "guide:2.1.5",
          "title": "Pods are restricted unless they are allowed more",
          "node": null,
          "verdict": "manual",
          "why": "look at the policies",
          "evidence": []
        }
      ],
      "findings_before": null,
      "plan": {
        "nodes": [
          {
            "node": "cp-1",
            "changes": [
              {
                "subject": "kernel kernel.panic",
                "seen": "0",
                "wanted": "10",
                "controls": [
                  "guide:1.1.1"
                ],
                "diff": ""
              },
              {
                "subject": "file /etc/kubernetes/audit.yaml",
                "seen": "missing",
                "wanted": "2 lines, 0600 root:root",
                "controls": [
                  "guide:1.1.3"
                ],
                "diff": "--- audit.yaml\n+++ audit.yaml\n@@ -0,0 +1,2 @@\n+kind: Policy\n+rules: []\n"
              }
            ]
          },
          {
            "node": "cp-3",
            "changes": [
              {
                "subject": "kernel kernel.panic",
                "seen": "0",
                "wanted": "10",
                "controls": [
                  "guide:1.1.1"
                ],
                "diff": ""
              },
              {
                "subject": "file /etc/kubernetes/audit.yaml",
                "seen": "missing",
                "wanted": "2 lines, 0600 root:root",
                "controls": [
                  "guide:1.1.3"
                ],
                "diff": "--- audit.yaml\n+++ audit.yaml\n@@ -0,0 +1,2 @@\n+kind: Policy\n+rules: []\n"
              }
            ]
          }
        ],
        "cluster_file": {
          "creates": false,
          "edits": [
            {
              "path": "services.kube-api.extra_args.anonymous-auth",
              "wanted": "\"false\"",
              "controls": [
                "guide:2.1.2"
              ]
            }
          ],
          "diff": "--- cluster.yml\n+++ cluster.yml\n+      anonymous-auth: \"false\"\n"
        },
        "rke_up": "cluster.yml changes",
        "restarts": [
          {
            "node": "cp-1",
            "component": "kube-apiserver"
          },
          {
            "node": "cp-3",
            "component": "kube-apiserver"
          }
        ],
        "secrets": null,
        "drivers": [],
        "blockers": [
          {
            "node": "worker-1",
            "id": "silent-node",
            "message": "worker-1 could not be asked: connection refused",
            "hint": "mend the connection to worker-1; or pass `--allow-incomplete` to change the other nodes' files and leave cluster.yml alone",
            "incomplete": true
          }
        ]
      },
      "done": {
        "changes": [],
        "cluster_file": null,
        "rke": null,
        "restarts": [],
        "secrets": null,
        "drivers": [],
        "skipped": []
      },
      "warnings": [
        {
          "node": null,
          "message": "inventory.yml line 4: rke ignores `kube_api`",
          "hint": "write `kube-api`"
        }
      ],
      "failures": [],
      "refusal": null
    }
    "#);
}

#[test]
fn an_apply_says_what_was_before_and_what_was_done() {
    let document = parsed(sample::half_done_apply());
    assert_eq!(document["exit_code"], 5);
    assert_eq!(document["findings_before"][0]["verdict"], "fail");
    assert_eq!(document["findings"][0]["verdict"], "pass");
    assert_snapshot!(serde_json::to_string_pretty(&document["done"]).unwrap(), @r#"
    {
      "changes": [
        {
          "node": "cp-1",
          "changes": [
            {
              "subject": "kernel kernel.panic",
              "outcome": "changed",
              "why": null
            },
            {
              "subject": "file /etc/kubernetes/audit.yaml",
              "outcome": "changed",
              "why": null
            }
          ]
        },
        {
          "node": "cp-2",
          "changes": [
            {
              "subject": "kernel kernel.panic",
              "outcome": "changed",
              "why": null
            },
            {
              "subject": "file /etc/kubernetes/audit.yaml",
              "outcome": "failed",
              "why": "no space left on /etc"
            }
          ]
        }
      ],
      "cluster_file": null,
      "rke": null,
      "restarts": [],
      "secrets": null,
      "drivers": [],
      "skipped": [
        {
          "node": null,
          "what": "cluster.yml and rke up",
          "why": "cp-2 is not done"
        }
      ]
    }
    "#);
}

#[test]
fn an_apply_that_went_well_names_backup_and_log() {
    let done = &parsed(sample::whole_apply())["done"];
    assert_eq!(done["cluster_file"]["backup"], "cluster.yml.before");
    assert_eq!(done["rke"]["recreated"], 3);
    assert_eq!(done["rke"]["failure"], Value::Null);
    assert_eq!(done["rke"]["log"], "rke.log");
    assert_eq!(done["restarts"][0]["outcome"], "changed");
}
