//! Carries out a key rotation, step by step, each found out anew from the nodes (T-16).

use std::sync::Arc;

use crate::engine::Run;
use crate::event::EventKind;
use crate::event::Phase;
use crate::fleet::Fleet;
use crate::inventory::Node;
use crate::plan::Plan;
use crate::plan::Settings;
use crate::plan::blocker::Blocker;
use crate::plan::change::Change;
use crate::plan::key;
use crate::plan::rotation;
use crate::plan::rotation::Stage;
use crate::plan::rotation::Step;
use crate::plan::rotation::Writes;
use crate::secret::Secret;

/// A rotation has four stages with at most a write, a restart and a rewriting each.
const STEPS: usize = 16;

impl Run {
    /// Finds out where a rotation stands; changes nothing anywhere.
    ///
    /// # Errors
    ///
    /// There is a reason not to begin or not to go on; it is in the report.
    pub async fn look_at_keys(&mut self) -> Result<Step, ()> {
        self.teller.tell(EventKind::PhaseStarted(Phase::Gather));
        let fleet = self.fleet().await;
        let _ = self.judge(&fleet);
        let step = match self.step(&fleet).await {
            Ok(Step::Settled { begin: None }) => Err(vec![self.key_is_not_new()]),
            step => step,
        };
        step.map_err(|blockers| {
            let plan = Plan {
                blockers,
                ..Plan::default()
            };
            self.teller.tell(EventKind::Planned(Arc::new(plan)));
        })
    }

    /// The encryption file that all control-plane nodes agree on.
    ///
    /// # Errors
    ///
    /// Why there is no such file.
    pub async fn key_file(&mut self) -> Result<Secret, Vec<Blocker>> {
        self.teller.tell(EventKind::PhaseStarted(Phase::Gather));
        let fleet = self.fleet().await;
        key::agreed(&self.job.profile, &fleet)
    }

    /// Goes on from `step` until one key is left, and judges what is there then.
    pub async fn rotate(&mut self, step: Step) {
        if self.take_masters().await {
            self.take_steps(step).await;
        }
        if self.stop.is_asked_for() {
            self.leave_proof();
        } else {
            self.teller.tell(EventKind::PhaseStarted(Phase::Verify));
            let fleet = self.fleet().await;
            let _ = self.judge(&fleet);
        }
    }

    async fn take_steps(&mut self, first: Step) {
        let mut next = Some(first);
        for taken in 0..STEPS {
            if self.is_interrupted() {
                return;
            }
            let fleet = self.fleet().await;
            let step = match next.take() {
                Some(step) => step,
                None => match self.step(&fleet).await {
                    Ok(step) => step,
                    Err(blockers) => {
                        self.fail_for(&blockers);
                        return;
                    }
                },
            };
            self.seen.clone_from(&fleet.facts);
            if taken > 0 && matches!(step, Step::Settled { .. }) {
                return;
            }
            let is_last = matches!(step, Step::Restart { is_last: true, .. });
            if is_last && taken == 0 {
                self.leave_new_key();
            }
            if !self.take(step, &fleet).await || is_last {
                return;
            }
        }
        self.fail(
            "the rotation does not come to an end",
            "look at the encryption file of every control-plane node",
        );
    }

    async fn step(&self, fleet: &Fleet) -> Result<Step, Vec<Blocker>> {
        let settings = Settings {
            level: self.job.level,
            run: &self.job.run,
            fresh_key: self.job.new_key(),
            site_key: None,
        };
        let secrets = self.secrets(fleet).await;
        let secrets = secrets.map_err(|why| vec![Blocker::EtcdUnread { why }]);
        rotation::next(&self.job.profile, fleet, &secrets?, &settings)
    }

    /// Takes one step on all nodes; true when it is done.
    async fn take(&self, step: Step, fleet: &Fleet) -> bool {
        match step {
            Step::Settled { begin: None } => true,
            Step::Settled {
                begin: Some(writes),
            } => self.write_keys(Stage::Added, &writes).await,
            Step::Write { stage, writes } => self.write_keys(stage, &writes).await,
            Step::Restart { restarts, .. } => {
                self.teller.tell(EventKind::PhaseStarted(Phase::Restarts));
                self.restart_all(&restarts).await
            }
            Step::Rewrite { key } => {
                let phase = Phase::RewriteSecrets;
                self.teller.tell(EventKind::PhaseStarted(phase));
                let written = self.rewrite(fleet, &key, |form| !form.is_under(&key)).await;
                if let Err(why) = &written {
                    self.fail(why, self.again());
                }
                written.is_ok()
            }
        }
    }

    async fn write_keys(&self, stage: Stage, writes: &Writes) -> bool {
        self.teller.tell(EventKind::PhaseStarted(match stage {
            Stage::Old | Stage::Added => Phase::AddKey,
            Stage::Promoted => Phase::PromoteKey,
            Stage::New => Phase::DropKey,
        }));
        let group: Vec<(&Node, &[Change])> = writes
            .iter()
            .filter_map(|(name, change)| {
                let node = self.selected().find(|node| node.name == *name)?;
                Some((node, std::slice::from_ref(change)))
            })
            .collect();
        self.change_group(group, 1, 1).await
    }

    fn fail_for(&self, blockers: &[Blocker]) {
        for blocker in blockers {
            self.fail(
                format!("the rotation stops here: {blocker} ({})", blocker.id()),
                blocker.hint(),
            );
        }
    }

    /// Whoever finds one key on all nodes cannot tell a rotation that is not begun from one that
    /// was stopped in its last step.
    fn leave_new_key(&self) {
        self.teller.tell(EventKind::Skipped {
            what: "a new key".into(),
            why: "first every API server has to run with the one that is there; run again for a new one".into(),
        });
    }

    fn key_is_not_new(&self) -> Blocker {
        let file = self.job.site_key.as_ref();
        Blocker::KeyNotNew {
            file: file.map_or_else(String::new, |key| key.file.clone()),
        }
    }

    /// The way on after a run that did not come to its end.
    pub(super) fn again(&self) -> String {
        let command = match self.job.command {
            "undo" => "the same `harden undo`".to_owned(),
            command => format!("`harden {command} {}`", self.job.inventory.file),
        };
        format!("run {command} again; it goes on with what is left")
    }
}
