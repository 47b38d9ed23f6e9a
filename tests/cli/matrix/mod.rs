//! Every kind of bad weather at every step of an apply on every kind of node: nothing is half done,
//! nothing is called done that is not, and the next run picks up.

mod cell;
mod hooks;
mod trial;

use std::fmt::Write as _;
use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::sync::Mutex;
use std::thread;
use std::time::Instant;

use cell::Cell;
use cell::Kind;
use cell::PHASES;
use cell::Phase;
use cell::WEATHERS;
use cell::cell;
use trial::Trial;

/// A trial mostly waits: for deadlines, and for processes of other trials.
const AT_ONCE: usize = 6;

#[test]
fn whatever_happens_to_a_node_nothing_is_half_done_and_the_next_run_picks_up() {
    let start = Instant::now();
    let trials = trials();
    let covered: usize = trials.iter().map(|trial| trial.kinds.len()).sum();
    let queue = Mutex::new(trials.iter());
    let broken = Mutex::new(Vec::new());
    thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                while let Some(trial) = { queue.lock().unwrap().next() } {
                    if let Err(why) = trial.run() {
                        broken
                            .lock()
                            .unwrap()
                            .push(format!("{}: {why}", trial.name()));
                    }
                }
            });
        }
    });
    let broken = broken.into_inner().unwrap();
    // Past the capture of a passing test's output, because the count is part of the result.
    writeln!(
        std::io::stderr(),
        "fault matrix: {} combinations, {covered} of them run in {} applies and as many next runs \
         in {:.0} s, {} cannot exist",
        WEATHERS.len() * PHASES.len() * Kind::ALL.len(),
        trials.len(),
        start.elapsed().as_secs_f64(),
        WEATHERS.len() * PHASES.len() * Kind::ALL.len() - covered,
    )
    .unwrap();
    assert!(broken.is_empty(), "{}", broken.join("\n\n"));
}

#[test]
fn the_documented_matrix_is_the_one_that_runs() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/fault-matrix.md");
    let text = fs::read_to_string(&file).unwrap();
    let (head, _) = text.split_once("\n## ").unwrap();
    let wanted = format!("{head}\n{}", document());
    if std::env::var_os("HARDEN_WRITE_DOCS").is_some() {
        fs::write(&file, wanted).unwrap();
        return;
    }
    assert!(
        text == wanted,
        "docs/fault-matrix.md is behind; HARDEN_WRITE_DOCS=1 with this test writes it"
    );
}

/// While nodes are changed they take turns, so each kind of node is a trial of its own there; all
/// other steps ask all nodes at once, and every node has its weather in one trial.
///
/// `HARDEN_MATRIX` leaves only trials whose name contains it.
fn trials() -> Vec<Trial> {
    let only = std::env::var("HARDEN_MATRIX").unwrap_or_default();
    let mut trials = Vec::new();
    for weather in WEATHERS {
        for phase in PHASES {
            let Cell::Runs { expect, .. } = cell(weather, phase) else {
                continue;
            };
            let groups: Vec<Vec<Kind>> = match phase {
                Phase::Write => Kind::ALL.map(|kind| vec![kind]).to_vec(),
                _ => vec![Kind::ALL.to_vec()],
            };
            trials.extend(groups.into_iter().map(|kinds| Trial {
                weather,
                phase,
                kinds,
                expect,
            }));
        }
    }
    trials.retain(|trial| trial.name().contains(&only));
    trials
}

fn document() -> String {
    let mut text = String::from("## What runs\n\n|");
    for phase in PHASES {
        let _ = write!(text, " | {phase}");
    }
    text.push_str(" |\n|---");
    text.push_str(&"|---".repeat(PHASES.len()));
    text.push_str("|\n");
    let mut reasons = String::new();
    for weather in WEATHERS {
        let _ = write!(text, "| {weather}");
        for phase in PHASES {
            match cell(weather, phase) {
                Cell::Runs { expect, .. } => {
                    let _ = write!(text, " | {expect}");
                }
                Cell::Never(why) => {
                    text.push_str(" | –");
                    let _ = writeln!(reasons, "- {weather}, {phase}: {why}");
                }
            }
        }
        text.push_str(" |\n");
    }
    format!("{text}\n## What cannot exist\n\n{reasons}")
}
