//! The fleet as `JUnit` XML: a suite for each cluster, a case for each control.

use std::io;

use crate::report::document::Verdict;
use crate::report::fleet::Cluster;
use crate::report::fleet::Fleet;
use crate::report::junit::Case;
use crate::report::junit::End;
use crate::report::junit::Suite;
use crate::report::junit::write_all;

/// Writes the whole view.
///
/// # Errors
/// Those of `out`.
pub fn write(out: &mut dyn io::Write, fleet: &Fleet) -> io::Result<()> {
    let suites = fleet.clusters.iter().map(|cluster| suite(cluster, fleet));
    let suites: Vec<Suite> = suites.collect();
    write_all(out, "harden report merge", 0.0, "", &suites)
}

fn suite(cluster: &Cluster, fleet: &Fleet) -> Suite {
    let verdicts = cluster.verdicts.iter();
    let mut cases: Vec<Case> = verdicts
        .map(|(control, verdict)| Case {
            name: format!("{control} {}", fleet.title_of(control)),
            end: end(*verdict),
        })
        .collect();
    let is_red = |case: &Case| matches!(case.end, End::Failed { .. } | End::NotMeasured { .. });
    let is_told = cases.iter().any(is_red);
    let whole = match &cluster.error {
        Some(error) => not_measured(error),
        None if cluster.exit_code != 0 && !is_told => {
            not_measured(&format!("exit code {}", cluster.exit_code))
        }
        None => End::Passed,
    };
    cases.push(Case {
        name: "the run itself".to_owned(),
        end: whole,
    });
    Suite {
        name: cluster.name.clone(),
        cases,
    }
}

fn end(verdict: Verdict) -> End {
    match verdict {
        Verdict::Pass => End::Passed,
        Verdict::Fail => End::Failed {
            message: "it fails on at least one node".to_owned(),
            lines: Vec::new(),
        },
        Verdict::Unknown => not_measured("it could not be measured on at least one node"),
        Verdict::Waived
        | Verdict::KnownFailure
        | Verdict::Documented
        | Verdict::Manual
        | Verdict::NotApplicable => End::Skipped {
            message: verdict.word().to_owned(),
        },
    }
}

fn not_measured(message: &str) -> End {
    End::NotMeasured {
        message: message.to_owned(),
        lines: Vec::new(),
    }
}
