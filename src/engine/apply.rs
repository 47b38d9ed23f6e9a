//! Carries out a plan, stage by stage.

use std::fs;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::Path;
use std::path::PathBuf;
use std::time::Instant;

use crate::cluster_file::ClusterFile;
use crate::cluster_file::state_files;
use crate::engine::RkeChoice;
use crate::engine::Run;
use crate::engine::journal::Deed;
use crate::engine::journal::Salt;
use crate::engine::journal::whole;
use crate::event::EventKind;
use crate::event::Phase;
use crate::fleet::Fleet;
use crate::plan;
use crate::plan::Plan;
use crate::plan::blocker::Blocker;
use crate::plan::change::ClusterChange;
use crate::rke;
use crate::rke::Rke;

impl Run {
    /// Does what `plan` says and proves it by looking again.
    ///
    /// Every stage begins only when the one before is done on all nodes; what
    /// is done when a stage fails stays done, and the report says so.
    pub async fn apply(&mut self, plan: &Plan) {
        if !self.take_masters().await {
            self.leave_nodes(plan);
            self.leave_drivers(&plan.drivers);
            return;
        }
        let done = self.change_nodes(plan).await && self.change_cluster(plan).await;
        if done {
            self.switch_drivers(&plan.drivers).await;
        } else {
            self.leave_drivers(&plan.drivers);
        }
        // After a stop there is nobody to wait for a proof; the report says what is done.
        if self.stop.is_asked_for() {
            self.leave_proof();
        } else {
            self.verify(done).await;
        }
    }

    /// Looks at everything once more, but not again at a node of which nothing can have changed
    /// since it was looked at behind its changes. When all stages are `done`, components that still
    /// run with an old file are restarted first: which they are is measured, because `rke up` may
    /// have recreated them (T-22).
    async fn verify(&mut self, done: bool) {
        self.read_cluster_file();
        self.teller.tell(EventKind::PhaseStarted(Phase::Verify));
        let known = self.looks.take();
        let mut fleet = self.fleet_but(known).await;
        let stale = if plan::may_restart(&self.job.profile, self.job.level, &fleet) {
            self.plan(&fleet).restarts
        } else {
            Vec::new()
        };
        if done && !stale.is_empty() && !self.is_interrupted() {
            self.teller.tell(EventKind::PhaseStarted(Phase::Restarts));
            if !self.restart_all(&stale).await {
                self.fail(
                    "a component did not come back after its restart; no other was restarted",
                    "look at `docker logs` of the component on that node",
                );
            }
            self.teller.tell(EventKind::PhaseStarted(Phase::Verify));
            fleet = self.fleet().await;
        }
        if done {
            self.encrypt_what_is_plain(&fleet).await;
        }
        // What an apply mended needs no waiver any more, and that is no news.
        let _ = self.judge(&fleet);
    }

    pub(super) fn read_cluster_file(&mut self) {
        let config = self.job.config.clone();
        match fs::read_to_string(&config) {
            Ok(text) => match ClusterFile::parse(&config.display().to_string(), &text) {
                Ok(file) => {
                    self.job.cluster.file = file;
                    self.job.cluster.exists = true;
                }
                Err(remark) => self.fail(remark.to_string(), remark.hint),
            },
            Err(error) if self.job.cluster.exists => self.fail(
                format!("{}: {error}", config.display()),
                "put cluster.yml back from the run directory",
            ),
            Err(_) => {}
        }
    }

    /// Stages cluster file and rke up, after one more look at every node.
    async fn change_cluster(&mut self, plan: &Plan) -> bool {
        if plan.cluster.is_none() && plan.rke_up.is_none() {
            return true;
        }
        if let Some(why) = cluster_is_left(plan) {
            let what = "cluster.yml and rke up".to_owned();
            self.teller.tell(EventKind::Skipped { what, why });
            return true;
        }
        if self.is_interrupted() {
            return false;
        }
        if plan.cluster.is_none() && self.job.rke == RkeChoice::Leave {
            self.leave_rke();
            return true;
        }
        self.teller.tell(EventKind::PhaseStarted(Phase::Confirm));
        // What is kept again below is no younger than the first look that it rests on.
        let began = self.looks.oldest().unwrap_or_else(Instant::now);
        let known = self.looks.take();
        let fleet = self.fleet_but(known).await;
        let confirmed = self.plan(&fleet);
        if let Some(why) = not_ready(&confirmed, self.job.allow_refused_pods) {
            self.fail(
                format!("cluster.yml is not touched and rke up is not run: {why}"),
                "run `harden check` to see what is left, then `harden apply` again",
            );
            return false;
        }
        if self.is_interrupted() {
            return false;
        }
        if !self.take_masters().await || !self.save_snapshot(&fleet).await {
            return false;
        }
        if self.job.rke != RkeChoice::Leave && !self.confirm_masters().await {
            return false;
        }
        if self.is_interrupted() {
            return false;
        }
        if let Some(change) = &confirmed.cluster
            && !self.write_cluster_file(change)
        {
            return false;
        }
        let RkeChoice::Run(explicit) = &self.job.rke else {
            self.leave_rke();
            // Nothing was done on a node since.
            for (node, facts) in fleet.facts {
                self.looks.keep(&node, began, facts);
            }
            return true;
        };
        self.rke_up(explicit.as_deref(), &fleet).await
    }

    fn leave_rke(&self) {
        self.teller.tell(EventKind::Skipped {
            what: "rke up".into(),
            why: format!(
                "--no-rke was given; run `rke up --config {}` in its directory",
                self.job.config.display()
            ),
        });
    }

    pub(super) fn write_cluster_file(&mut self, change: &ClusterChange) -> bool {
        self.teller
            .tell(EventKind::PhaseStarted(Phase::ClusterFile));
        if let Err(error) = self.back_up_state() {
            self.fail(
                error,
                "make room for the run directory, or make it writable",
            );
            return false;
        }
        let backup = (!change.creates).then(|| self.job.run_dir.join("cluster.yml"));
        let expected = (!change.creates).then_some(change.old_text.as_str());
        let file = whole(&self.job.config);
        let deed = |salt: &Salt| {
            let backup = backup.as_deref().map(whole);
            vec![Deed::of_cluster(file, change, backup, salt)]
        };
        let number = match self.will(None, deed) {
            Ok(number) => number,
            Err(unwritten) => {
                self.fail(unwritten.message, unwritten.hint);
                return false;
            }
        };
        let written = rke::write_atomically(
            &self.job.config,
            expected,
            &change.new_text,
            backup.as_deref(),
        );
        self.did_one(number, &written);
        match written {
            Ok(file) => {
                self.teller
                    .tell(EventKind::ClusterFileWritten { file, backup });
                true
            }
            Err(error) => {
                self.fail(error.to_string(), error.hint());
                false
            }
        }
    }

    /// Copies of what `rke` itself keeps beside the configuration, readable by nobody else.
    fn back_up_state(&self) -> Result<(), String> {
        let dir = self.run_dir()?;
        for file in state_files(&self.job.config) {
            if let (true, Some(name)) = (file.exists(), file.file_name()) {
                rke::back_up(&file, &dir.join(name)).map_err(|error| error.to_string())?;
            }
        }
        Ok(())
    }

    pub(super) fn run_dir(&self) -> Result<PathBuf, String> {
        let dir = self.job.run_dir.clone();
        let made = fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&dir);
        made.map_err(|error| format!("{}: {error}", dir.display()))?;
        // A repository of inventories must never take up what is kept here.
        if let Some(all) = dir.parent() {
            let _ = fs::write(all.join(".gitignore"), "*\n");
        }
        Ok(dir)
    }

    async fn rke_up(&self, explicit: Option<&Path>, fleet: &Fleet) -> bool {
        self.teller.tell(EventKind::PhaseStarted(Phase::RkeUp));
        let log = match self.run_dir() {
            Ok(dir) => dir.join("rke.log"),
            Err(error) => {
                self.fail(
                    error,
                    "make room for the run directory, or make it writable",
                );
                return false;
            }
        };
        let rke = match Rke::find(explicit).await {
            Ok(rke) => rke,
            Err(error) => {
                self.fail(error.to_string(), error.hint());
                return false;
            }
        };
        let version = rke.version.clone();
        self.teller.tell(EventKind::RkeStarted { version });
        let said = |line: &rke::Line| {
            let message = line.message.clone();
            self.teller.tell(EventKind::RkeSaid { message });
        };
        let stdin = match self.stdin() {
            Ok(stdin) => stdin,
            Err(error) => {
                self.fail(error.to_string(), error.hint());
                return false;
            }
        };
        let deed = Deed::RkeUp {
            version: rke.version.clone(),
            log: whole(&log),
        };
        let number = match self.will(None, |_| vec![deed]) {
            Ok(number) => number,
            Err(unwritten) => {
                self.fail(unwritten.message, unwritten.hint);
                return false;
            }
        };
        let ended = rke.up(&self.job.config, &log, stdin, said).await;
        self.did_one(number, &end_of(&ended));
        match ended {
            Ok(outcome) => {
                let cause = self.addon_cause(&outcome.verdict).await;
                self.judge_rke(outcome, fleet.is_built(), cause)
            }
            Err(error) => {
                self.fail(error.to_string(), error.hint());
                false
            }
        }
    }

    /// What the job itself said, because `rke` only tells that it failed (RKE fact 6).
    async fn addon_cause(&self, verdict: &rke::Verdict) -> Option<String> {
        match verdict {
            rke::Verdict::AddonFailed { .. } => self.addon_failure().await,
            _ => None,
        }
    }

    fn judge_rke(&self, outcome: rke::UpOutcome, was_built: bool, cause: Option<String>) -> bool {
        let backup = self.job.run_dir.join("cluster.yml");
        let backup = backup.exists().then_some(backup.as_path());
        let verdict = &outcome.verdict;
        let mut failure = verdict.message().map(|message| {
            let hint = verdict.hint(&self.job.config, backup);
            let message = match cause {
                Some(cause) => format!("{message}; its job said: {cause}"),
                None => message,
            };
            (message, hint.unwrap_or_default())
        });
        if failure.is_none() && was_built && outcome.new_cluster {
            failure = Some((
                "`rke` took the cluster for a new one".to_owned(),
                format!(
                    "compare the certificates now; the state files of before are in {}",
                    self.job.run_dir.display()
                ),
            ));
        }
        let succeeded = failure.is_none();
        self.teller.tell(EventKind::RkeFinished {
            recreated: outcome.recreated.len(),
            failure,
            log: outcome.log,
        });
        succeeded
    }

    /// What speaks against `rke up`, before anything is touched.
    pub(super) async fn obstacles(&self, fleet: &Fleet, plan: &Plan) -> Vec<Blocker> {
        let RkeChoice::Run(explicit) = &self.job.rke else {
            return Vec::new();
        };
        if plan.rke_up.is_none() || cluster_is_left(plan).is_some() {
            return Vec::new();
        }
        let rke = match Rke::find(explicit.as_deref()).await {
            Ok(rke) => rke,
            Err(error) => {
                return vec![Blocker::Rke {
                    id: "rke-missing",
                    message: error.to_string(),
                    hint: error.hint(),
                }];
            }
        };
        let pinned = fleet.cluster.file.value_at(&["kubernetes_version"]);
        let pinned = pinned.and_then(|value| value.text());
        let mut found = rke::preflight(&self.job.config, fleet.is_built(), &rke.version, pinned);
        let running = fleet.running().map(|version| version.to_string());
        let files = self.job.profile.files();
        found.extend(rke::clashes(
            &rke.version,
            pinned,
            running.as_deref(),
            files,
        ));
        let (blocking, warnings): (Vec<_>, Vec<_>) =
            found.into_iter().partition(rke::Obstacle::is_blocking);
        for warning in warnings {
            self.teller.tell(EventKind::Warned {
                message: warning.to_string(),
                hint: warning.hint(),
            });
        }
        let blocker = |obstacle: rke::Obstacle| Blocker::Rke {
            id: obstacle.id(),
            message: obstacle.to_string(),
            hint: obstacle.hint(),
        };
        blocking.into_iter().map(blocker).collect()
    }

    /// True when a stop was asked for; says so.
    pub(super) fn is_interrupted(&self) -> bool {
        let interrupted = self.stop.is_asked_for();
        if interrupted {
            self.fail(
                "interrupted: the change in hand was finished, and no other was begun",
                self.again(),
            );
        }
        interrupted
    }

    pub(super) fn leave_proof(&self) {
        self.teller.tell(EventKind::Skipped {
            what: "the proof".into(),
            why: "the run was interrupted; `harden check` looks at everything again".into(),
        });
    }

    pub(super) fn fail(&self, message: impl Into<String>, hint: impl Into<String>) {
        self.teller.tell(EventKind::Failed {
            message: message.into(),
            hint: hint.into(),
        });
    }
}

/// Why the cluster is not touched although nodes are changed.
fn cluster_is_left(plan: &Plan) -> Option<String> {
    plan.blockers
        .iter()
        .any(Blocker::is_incompleteness)
        .then(|| "not every node could be asked (--allow-incomplete)".into())
}

/// How `rke up` ended, in words where it failed.
fn end_of(ended: &Result<rke::UpOutcome, rke::RkeError>) -> Result<(), String> {
    match ended {
        Ok(outcome) => outcome.verdict.message().map_or(Ok(()), Err),
        Err(error) => Err(error.to_string()),
    }
}

/// Why the cluster must not be touched yet: a node that is not done, or a new reason to stop.
fn not_ready(plan: &Plan, allow_refused_pods: bool) -> Option<String> {
    let waved = |blocker: &Blocker| allow_refused_pods && blocker.is_about_pods();
    if let Some(blocker) = plan.blockers.iter().find(|blocker| !waved(blocker)) {
        return Some(blocker.to_string());
    }
    let (node, changes) = plan.nodes.first()?;
    let subject = &changes.first()?.subject;
    Some(format!("{node} is not done: {subject}"))
}
