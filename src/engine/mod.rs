//! The phases in order: look, judge, plan, change, look again.
//!
//! `check` is a prefix of `apply`: nothing is done in one that is done
//! differently in the other. Only this module calls the effects.

mod apply;
mod ascents;
mod asked;
mod doors;
mod encrypt;
mod etcd;
mod gather;
mod health;
mod holds;
pub mod journal;
mod looks;
mod nodes;
mod notes;
mod objects;
pub mod ping;
mod rancher;
mod restart;
mod rotate;
mod snapshot;
mod stop;
mod teller;
mod trace;
mod undo;

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::Mutex;
use std::time::Duration;
use std::time::Instant;

use jiff::Timestamp;

use crate::audit;
use crate::engine::ascents::Ascents;
use crate::engine::asked::Asked;
use crate::engine::doors::Doors;
use crate::engine::holds::Holds;
use crate::engine::journal::Item;
use crate::engine::journal::Journal;
use crate::engine::journal::Past;
use crate::engine::looks::Looks;
use crate::event::Depth;
use crate::event::EventKind;
use crate::event::Phase;
use crate::event::RunStarted;
use crate::facts::Facts;
use crate::facts::store::Store;
use crate::fleet::ClusterState;
use crate::fleet::Fleet;
use crate::inventory::Inventory;
use crate::inventory::Node;
use crate::inventory::Role;
use crate::plan;
use crate::plan::Plan;
use crate::plan::Settings;
use crate::profile::Profile;
use crate::profile::playbook::Rollout;
use crate::profile::waiver::Day;
use crate::rancher::Access;
use crate::rke::Lock;
use crate::secret::Secret;
use crate::shared::Shared;
use crate::source::Remark;
use crate::ssh::keys::Keys;
use crate::ssh::session::Options;
use crate::statements::Statements;

pub use crate::engine::stop::Stop;
pub use crate::engine::teller::Teller;

/// Everything that a run needs to know, gathered by the command line.
#[derive(Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of its own")]
pub struct Job {
    pub command: &'static str,
    pub inventory: Shared<Inventory>,
    pub profile: Profile,
    pub level: u8,
    pub rollout: Rollout,
    /// What the playbook says about findings.
    pub statements: Statements,
    /// The day in UTC on which this run began.
    pub today: Day,
    /// What is to be said before anything is asked.
    pub warnings: Vec<Remark>,
    /// Names of the selected nodes, in the inventory's order.
    pub selected: Vec<String>,
    /// `cluster.yml`, the one that lies there or the one that will.
    pub config: PathBuf,
    pub cluster: ClusterState,
    /// Names this run on the nodes and in the run directory.
    pub run: String,
    /// Who this run is, for others that meet it on a node.
    pub holder: String,
    /// Backups and logs of this run; made when the first of them is written.
    pub run_dir: PathBuf,
    /// Held by whoever may write `cluster.yml`; `check` holds none.
    pub lock: Option<Lock>,
    /// False with `--no-snapshot`.
    pub snapshot: bool,
    /// How closely somebody looks.
    pub depth: Option<Depth>,
    /// 32 bytes in base64, for a cluster without a key.
    pub fresh_key: Secret,
    /// The site's own key, where it keeps one.
    pub site_key: Option<SiteKey>,
    pub keys: Keys,
    /// For `sudo`, where it asks for one.
    pub sudo_password: Option<Secret>,
    pub options: Options,
    /// Handshakes at once.
    pub jobs: usize,
    pub connections: Connections,
    /// For one question or one node's changes.
    pub answer: Duration,
    /// For a restarted component to come back to stay.
    pub restart: Duration,
    pub rke: RkeChoice,
    /// False with `--no-kube`: what only the Kubernetes API can tell stays unread.
    pub ask_kubernetes: bool,
    /// The Rancher server of the playbook, if it names one.
    pub rancher: Option<Access>,
    /// For one connection to an API.
    pub connect: Duration,
    /// Change the nodes that answer although others do not; the cluster is left alone then.
    pub allow_incomplete: bool,
    /// Go on although the policy would refuse pods that run now.
    pub allow_refused_pods: bool,
}

/// An encryption key that a site keeps elsewhere.
#[derive(Clone, Debug)]
pub struct SiteKey {
    /// Where it was read, for messages.
    pub file: String,
    /// 32 bytes in base64, and no sample.
    pub key: Secret,
}

impl Job {
    /// The key to make a cluster's first file with, or to rotate to.
    fn new_key(&self) -> &Secret {
        self.site_key
            .as_ref()
            .map_or(&self.fresh_key, |site| &site.key)
    }
}

/// How long the connection to a node stays open.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Connections {
    /// For the whole run: there are phases to come.
    Kept,
    /// Until the node has answered: a run of one look.
    Brief,
}

/// Whether and which `rke` runs.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum RkeChoice {
    /// The one on the PATH, or at this path.
    Run(Option<PathBuf>),
    /// `--no-rke`.
    Leave,
}

/// A run in progress: the connections stay open from the first look to the last.
pub struct Run {
    job: Job,
    doors: Doors,
    holds: Holds,
    ascents: Ascents,
    teller: Teller,
    stop: Stop,
    /// What the nodes said when the plan was made, for the journal.
    seen: ByNode<Facts>,
    /// What a look asks, by the roles of a node; of the latest look.
    asked: BTreeMap<BTreeSet<Role>, Asked>,
    /// When that look was begun.
    asked_at: Option<Instant>,
    looks: Looks,
    /// What the nodes say alike.
    store: Mutex<Store>,
    /// Begun with the first change.
    journal: Mutex<Option<Journal>>,
    /// That the Kubernetes API told nothing is told once.
    is_silence_told: bool,
}

impl Run {
    pub fn new(job: Job, teller: Teller, stop: Stop) -> Self {
        teller.tell(EventKind::RunStarted(RunStarted {
            command: job.command.to_owned(),
            started: Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
            inventory: job.inventory.file.clone(),
            profile: job.profile.name.clone(),
            guide: job.profile.guide.clone(),
            benchmark: job.profile.benchmark.clone(),
            level: job.level,
            nodes: job.selected.clone(),
            fleet: job.inventory.nodes.len(),
            controls: job
                .profile
                .controls
                .iter()
                .filter(|c| c.level <= job.level)
                .count(),
        }));
        for remark in &job.warnings {
            teller.tell(EventKind::warned(remark.clone()));
        }
        Self {
            doors: Doors::new(job.jobs),
            holds: Holds::default(),
            ascents: Ascents::new(job.inventory.site.privilege, job.sudo_password.clone()),
            job,
            teller,
            stop,
            seen: BTreeMap::new(),
            asked: BTreeMap::new(),
            asked_at: None,
            looks: Looks::default(),
            store: Mutex::default(),
            journal: Mutex::default(),
            is_silence_told: false,
        }
    }

    /// Asks every selected node, judges and plans; changes nothing anywhere.
    pub async fn look(&mut self) -> Arc<Plan> {
        self.teller.tell(EventKind::PhaseStarted(Phase::Gather));
        let fleet = self.fleet().await;
        self.warn_of_obstacles().await;
        for remark in self.judge(&fleet) {
            self.teller.tell(EventKind::warned(remark));
        }
        let mut plan = self.plan(&fleet);
        if self.is_partial() && (plan.cluster.is_some() || plan.rke_up.is_some()) {
            plan.cluster = None;
            plan.rke_up = None;
            plan.blockers.retain(|blocker| !blocker.is_about_pods());
            self.teller.tell(EventKind::Skipped {
                what: "cluster.yml and rke up".into(),
                why: "only some nodes were selected with --on, and `rke up` acts on all".into(),
            });
        }
        if self.job.rke == RkeChoice::Leave
            && let Some(why) = &mut plan.rke_up
        {
            why.push_str("; with --no-rke that is left to you");
        }
        if self.is_partial() && !plan.drivers.is_empty() {
            plan.drivers.clear();
            self.teller.tell(EventKind::Skipped {
                what: "node drivers of the Rancher server".into(),
                why: "only some nodes were selected with --on, and they belong to none".into(),
            });
        }
        plan.blockers.extend(self.obstacles(&fleet, &plan).await);
        plan.secrets = self.plain_secrets(&fleet).await;
        self.seen = fleet.facts;
        let plan = Arc::new(plan);
        self.teller.tell(EventKind::Planned(plan.clone()));
        plan
    }

    /// Says goodbye to every node.
    pub async fn finish(self) {
        self.end_journal();
        self.holds.release().await;
        self.doors.close().await;
        self.job.options.close().await;
        self.teller.tell(EventKind::RunFinished);
    }

    /// Names what `past` did not end; the plan after it is made anew, from what is there.
    pub fn resume(&self, past: &Past) {
        let left: Vec<String> = past.left().map(Item::told).collect();
        let run = &past.begun.run;
        let message = match left.as_slice() {
            [] => format!("run {run} left nothing undone"),
            [first, second, third, _, ..] => format!(
                "run {run} left undone, or is not known to have done: {first}, {second}, {third} and {} more",
                left.len() - 3
            ),
            few => format!(
                "run {run} left undone, or is not known to have done: {}",
                few.join(", ")
            ),
        };
        self.teller.tell(EventKind::Warned {
            message,
            hint: "what is still to be done is planned anew, from what is there now".to_owned(),
        });
    }

    async fn warn_of_obstacles(&self) {
        for (obstacle, nodes) in self.doors.obstacles().await {
            let nodes: Vec<String> = nodes.into_iter().collect();
            let names = match nodes.as_slice() {
                [first, second, third, _, ..] => {
                    format!("{first}, {second}, {third} and {} more", nodes.len() - 3)
                }
                few => few.join(", "),
            };
            self.teller.tell(EventKind::Warned {
                message: obstacle.message(&names),
                hint: obstacle.hint().to_owned(),
            });
        }
    }

    /// Tells the findings; hands back which of the playbook's waivers nothing needs.
    fn judge(&self, fleet: &Fleet) -> Vec<Remark> {
        let job = &self.job;
        let mut findings = audit::judge(&job.profile, job.level, fleet);
        let is_whole = !self.is_partial();
        let remarks = job.statements.record(&mut findings, job.today, is_whole);
        self.teller.tell(EventKind::Judged { findings });
        remarks
    }

    fn plan(&self, fleet: &Fleet) -> Plan {
        let settings = Settings {
            level: self.job.level,
            run: &self.job.run,
            fresh_key: self.job.new_key(),
            site_key: self
                .job
                .site_key
                .as_ref()
                .map(|site| (site.file.as_str(), &site.key)),
        };
        plan::plan(&self.job.profile, fleet, &settings)
    }

    /// What all selected nodes say now, and what `cluster.yml` said when it was read last.
    async fn fleet(&mut self) -> Fleet {
        self.fleet_but(ByNode::new()).await
    }

    /// The same, but nodes in `known` are not asked again.
    async fn fleet_but(&mut self, known: ByNode<Facts>) -> Fleet {
        self.asked = self.asked();
        self.asked_at = Some(Instant::now());
        let (facts, asked, rancher) =
            futures::join!(self.gather(known), self.objects(), self.rancher());
        let mut fleet = Fleet::new(self.job.inventory.clone(), self.job.cluster.clone(), facts);
        fleet.rancher = rancher;
        let objects = asked.unwrap_or_else(|error| self.without_objects(&fleet, &error));
        let mut fleet = fleet.with_objects(objects);
        self.ask_hosts_of_pods(&mut fleet).await;
        fleet
    }

    fn is_partial(&self) -> bool {
        self.job.selected.len() < self.job.inventory.nodes.len()
    }

    fn selected(&self) -> impl Iterator<Item = &Node> {
        let nodes = self.job.inventory.nodes.iter();
        let selected: BTreeSet<&str> = self.job.selected.iter().map(String::as_str).collect();
        nodes.filter(move |node| selected.contains(node.name.as_str()))
    }
}

type ByNode<T> = BTreeMap<String, T>;
