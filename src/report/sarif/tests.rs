use insta::assert_snapshot;

use super::*;
use crate::event::Event;
use crate::report::sample;

fn sarif(events: Vec<Event>) -> Value {
    let mut out = Vec::new();
    write(&mut out, &sample::document(events)).unwrap();
    serde_json::from_slice(&out).unwrap()
}

#[test]
fn a_failing_check_has_a_result_for_each_node_that_fails() {
    let log = sarif(sample::failing_check());
    assert_eq!(log["version"], "2.1.0");
    assert_eq!(log["runs"][0]["results"].as_array().unwrap().len(), 2);
    assert_snapshot!(serde_json::to_string_pretty(&log["runs"][0]["results"][0]).unwrap(), @r#"
    {
      "ruleId": "guide:1.1.1",
      "ruleIndex": 0,
      "kind": "fail",
      "level": "error",
      "message": {
        "text": "cp-1: kernel.panic now is 0, wanted 10; kernel.panic after a reboot is not set, wanted 10"
      },
      "locations": [
        {
          "physicalLocation": {
            "artifactLocation": {
              "uri": "inventory.yml"
            },
            "region": {
              "startLine": 1
            }
          },
          "logicalLocations": [
            {
              "name": "cp-1",
              "kind": "resource"
            }
          ]
        }
      ],
      "partialFingerprints": {
        "controlOnNode/v1": "guide:1.1.1 cp-1"
      }
    }
    "#);
    assert_snapshot!(serde_json::to_string_pretty(&log["runs"][0]["invocations"]).unwrap(), @r#"
    [
      {
        "executionSuccessful": false,
        "exitCode": 4,
        "toolExecutionNotifications": [
          {
            "level": "error",
            "message": {
              "text": "worker-1: no connection to 10.0.0.21:22: connection refused"
            }
          },
          {
            "level": "error",
            "message": {
              "text": "guide:1.1.1: worker-1: no connection to 10.0.0.21:22: connection refused"
            }
          }
        ],
        "startTimeUtc": "2026-11-23T12:09:45Z"
      }
    ]
    "#);
}

#[test]
fn every_result_names_a_rule_a_place_and_a_lasting_name() {
    for events in sample::all() {
        let log = sarif(events);
        let run = &log["runs"][0];
        assert_eq!(run["tool"]["driver"]["name"], "harden");
        for result in run["results"].as_array().unwrap() {
            let index = usize::try_from(result["ruleIndex"].as_u64().unwrap()).unwrap();
            assert_eq!(
                run["tool"]["driver"]["rules"][index]["id"],
                result["ruleId"]
            );
            assert!(!result["message"]["text"].as_str().unwrap().is_empty());
            let place = &result["locations"][0]["physicalLocation"];
            assert_eq!(place["artifactLocation"]["uri"], "inventory.yml");
            assert!(result["partialFingerprints"]["controlOnNode/v1"].is_string());
        }
    }
}

#[test]
fn a_waived_failure_is_a_suppressed_result() {
    let log = sarif(sample::accepted_check());
    let results = log["runs"][0]["results"].as_array().unwrap();
    assert_eq!(results.len(), 1);
    assert_eq!(
        results[0]["suppressions"],
        json!([{ "kind": "external", "justification": "old kernel (ann, until 2027-01-31)" }])
    );
}

#[test]
fn a_run_that_measured_all_is_a_successful_one() {
    let success =
        |events| sarif(events)["runs"][0]["invocations"][0]["executionSuccessful"].clone();
    assert_eq!(success(sample::clean_check()), true);
    assert_eq!(success(sample::failing_check()), false);
    assert_eq!(success(sample::half_done_apply()), false);
    assert_eq!(success(Vec::new()), false);
}

#[test]
fn a_path_is_a_reference_whatever_it_is_made_of() {
    assert_eq!(uri("./clusters/a b/é%.yml"), "clusters/a%20b/%C3%A9%25.yml");
}
