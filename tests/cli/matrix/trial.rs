//! One combination: a fleet, an apply in its weather, and a next run in good weather.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::fs;
use std::net::SocketAddr;
use std::net::TcpStream;
use std::path::Path;
use std::path::PathBuf;

use harden_lab::Entry;
use harden_lab::Role;
use harden_lab::Trigger;
use serde_json::Value;

use super::cell::Blow;
use super::cell::Cell;
use super::cell::Expect;
use super::cell::Kind;
use super::cell::Phase;
use super::cell::Weather;
use super::cell::cell;
use super::hooks;
use super::hooks::End;
use crate::lab::Lab;
use crate::lab::Said;

/// Bytes of a program run's input after which its second record, the first change, is not there yet.
const MIDDLE: usize = 150;

pub(super) struct Trial {
    pub(super) weather: Weather,
    pub(super) phase: Phase,
    /// The nodes that have the weather.
    pub(super) kinds: Vec<Kind>,
    pub(super) expect: Expect,
}

/// Everything below `/etc` of every node, and `cluster.yml`.
struct Snapshot {
    etc: BTreeMap<&'static str, BTreeMap<PathBuf, Entry>>,
    cluster: String,
}

impl Trial {
    pub(super) fn name(&self) -> String {
        let nodes: Vec<_> = self.kinds.iter().map(|kind| kind.node()).collect();
        format!("{} in {} on {}", self.weather, self.phase, nodes.join(", "))
    }

    /// # Errors
    ///
    /// The property that does not hold, and what the program said.
    pub(super) fn run(&self) -> Result<(), String> {
        let lab = Lab::with(|fleet| {
            fleet
                .user("ubuntu")
                .nodes(1, &[Role::ControlPlane])
                .nodes(1, &[Role::Etcd])
                .nodes(1, &[Role::Worker])
        });
        let before = Snapshot::of(&lab);
        let Cell::Runs { blow, .. } = cell(self.weather, self.phase) else {
            return Ok(());
        };
        self.prepare(&lab, &blow);
        let said = hooks::apply(&lab, &self.options(), |end| {
            if self.moment() == Some(end) {
                self.strike(&lab, &blow);
            }
        })?;
        let after = Snapshot::of(&lab);
        let report: Value = serde_json::from_str(&said.stdout)
            .map_err(|error| format!("{error}: {}", said.stderr))?;

        for node in lab.fleet.nodes() {
            node.heal().unwrap();
            opens_again(node.address());
        }
        let next = hooks::apply(&lab, &["--format", "json"], |_| {})?;
        let planned: Value = serde_json::from_str(&next.stdout)
            .map_err(|error| format!("{error}: {}", next.stderr))?;
        let last = Snapshot::of(&lab);

        let whole = self
            .ends_as_expected(&said, &report, (&before, &after))
            .and_then(|()| nothing_is_half_written(&before, &after, &last))
            .and_then(|()| the_report_is_true(&said, &report, &planned, (&after, &last)))
            .and_then(|()| the_next_run_picks_up(&lab, &next));
        whole.map_err(|why| {
            let told = format!(
                "{}\n--- next run, {}\n{}",
                said.stderr, next.code, next.stderr
            );
            format!("{why}\n--- exit code {}\n{told}", said.code)
        })
    }

    /// Deadlines that a busy machine keeps, short only where one has to pass.
    fn options(&self) -> [&'static str; 6] {
        let (connect, answer) = match self.weather {
            Weather::Hang | Weather::Truncate | Weather::Flood | Weather::NetworkLost => {
                ("5", "12")
            }
            _ => ("60", "120"),
        };
        [
            "--connect-timeout",
            connect,
            "--answer-timeout",
            answer,
            "--format",
            "json",
        ]
    }

    /// True when it happens while a change is on its way.
    fn is_in_the_middle(&self) -> bool {
        matches!(self.weather, Weather::NetworkLost | Weather::Reboot)
    }

    /// When it happens, where that is at one of the ends of `rke up`.
    fn moment(&self) -> Option<End> {
        match self.phase {
            // What the components were started with has to be there before anybody looks.
            Phase::Load if matches!(self.weather, Weather::ClockJump | Weather::CrashLoop) => {
                Some(End::Ends)
            }
            Phase::Load => Some(End::Begins),
            Phase::Verify => Some(End::Ends),
            _ => None,
        }
    }

    /// Arranges for what happens on a node itself.
    fn prepare(&self, lab: &Lab, blow: &Blow) {
        for kind in &self.kinds {
            let node = lab.node(kind.node());
            let Some(fault) = blow.fault(*kind) else {
                continue;
            };
            match self.phase {
                Phase::Connect | Phase::Login => node.cause(fault).unwrap(),
                Phase::Gather => node.arm(Trigger::Exec(1), fault),
                Phase::Write if self.is_in_the_middle() => {
                    node.arm(Trigger::Input(&["lock"], MIDDLE), fault);
                }
                Phase::Write => node.arm(
                    Trigger::Verb(&["lock", "put", "attributes", "assign"]),
                    fault,
                ),
                Phase::Load | Phase::Verify => {}
            }
        }
    }

    fn strike(&self, lab: &Lab, blow: &Blow) {
        for kind in &self.kinds {
            let node = lab.node(kind.node());
            match blow.fault(*kind) {
                Some(fault) => node.cause(fault).unwrap(),
                None => node.cut(),
            }
        }
    }

    fn ends_as_expected(
        &self,
        said: &Said,
        report: &Value,
        (before, after): (&Snapshot, &Snapshot),
    ) -> Result<(), String> {
        check(!said.stderr.contains("panicked"), || "a panic".to_owned())?;
        check(report["exit_code"] == said.code, || {
            "the report has another exit code".to_owned()
        })?;
        let is_expected = match self.expect {
            Expect::Done => said.code == 0,
            Expect::Untouched | Expect::Unproved => said.code == 4,
            Expect::Refused => said.code == 3,
            Expect::Failed => said.code == 5,
            Expect::NotDone => said.code != 0,
            Expect::Truth => true,
        };
        check(is_expected, || format!("expected: {}", self.expect))?;
        if matches!(self.expect, Expect::Untouched | Expect::Refused) {
            check(before.is(after), || "something was changed".to_owned())?;
        }
        for kind in &self.kinds {
            let named = said.code == 0
                || said.stderr.contains(kind.node())
                || said.stdout.contains(kind.node());
            check(named, || format!("{} is not named", kind.node()))?;
        }
        Ok(())
    }
}

impl Snapshot {
    fn of(lab: &Lab) -> Self {
        let etc = Kind::ALL.map(|kind| (kind.node(), lab.node(kind.node()).etc().unwrap()));
        Self {
            etc: BTreeMap::from(etc),
            cluster: lab.read("cluster.yml"),
        }
    }

    fn is(&self, other: &Self) -> bool {
        self.etc == other.etc && self.cluster == other.cluster
    }
}

fn check(holds: bool, why: impl FnOnce() -> String) -> Result<(), String> {
    if holds { Ok(()) } else { Err(why()) }
}

/// Every file is what it was before or what it is in the end; a temporary one may lie beside it.
/// `rke` notes the state of the cluster below `.tmp` anew each time.
fn nothing_is_half_written(
    before: &Snapshot,
    after: &Snapshot,
    last: &Snapshot,
) -> Result<(), String> {
    for (node, now) in &after.etc {
        let (old, new) = (&before.etc[node], &last.etc[node]);
        let paths: BTreeSet<_> = old.keys().chain(now.keys()).chain(new.keys()).collect();
        let is_ours = |path: &Path| !is_temporary(path) && !path.starts_with("kubernetes/.tmp");
        for path in paths.into_iter().filter(|path| is_ours(path)) {
            let now = now.get(path);
            let is_whole = now == old.get(path) || now == new.get(path);
            check(is_whole, || {
                format!("{node}: /etc/{} is half done", path.display())
            })?;
        }
    }
    let is_whole = [&before.cluster, &last.cluster].contains(&&after.cluster);
    check(is_whole, || "cluster.yml is half done".to_owned())
}

fn is_temporary(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    name.starts_with('.') && name.ends_with(".harden")
}

/// What is told as changed is so, and success leaves nothing for the next run.
fn the_report_is_true(
    said: &Said,
    report: &Value,
    next: &Value,
    (after, last): (&Snapshot, &Snapshot),
) -> Result<(), String> {
    for node in report["done"]["changes"].as_array().into_iter().flatten() {
        let name = node["node"].as_str().unwrap_or_default();
        for change in node["changes"].as_array().into_iter().flatten() {
            let subject = change["subject"].as_str().unwrap_or_default();
            let Some(path) = subject.strip_prefix("file /etc/") else {
                continue;
            };
            let path = Path::new(path);
            let is_done = after.etc[name].get(path) == last.etc[name].get(path);
            check(change["outcome"] != "changed" || is_done, || {
                format!("{name}: {subject} is told as changed and is not")
            })?;
        }
    }
    let plan = &next["plan"];
    let is_empty =
        plan["nodes"].as_array().is_none_or(Vec::is_empty) && plan["cluster_file"].is_null();
    check(said.code != 0 || is_empty, || {
        format!("success was told, and the next run has work: {plan}")
    })
}

fn the_next_run_picks_up(lab: &Lab, next: &Said) -> Result<(), String> {
    check(next.code == 0, || {
        "the next run does not succeed".to_owned()
    })?;
    for kind in Kind::ALL {
        let etc = lab.node(kind.node()).etc().unwrap();
        let left = etc.keys().find(|path| is_temporary(path));
        check(left.is_none(), || {
            format!("{}: {left:?} stays", kind.node())
        })?;
    }
    for entry in fs::read_dir(lab.site.path()).unwrap() {
        let name = entry.unwrap().file_name().to_string_lossy().into_owned();
        check(!name.starts_with(".cluster.yml"), || {
            format!("{name} stays")
        })?;
    }
    Ok(())
}

/// A healed node opens its door when its server gets to it.
fn opens_again(address: SocketAddr) {
    let mut tries = 0;
    while TcpStream::connect(address).is_err() {
        tries += 1;
        assert!(tries < 2_000, "{address} stays closed");
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
}
