//! A snapshot of etcd before the cluster is touched.

use std::process::Stdio;

use crate::engine::RkeChoice;
use crate::engine::Run;
use crate::engine::journal::Deed;
use crate::event::EventKind;
use crate::event::Phase;
use crate::fleet::Fleet;
use crate::rke;
use crate::rke::Rke;
use crate::rke::RkeError;

impl Run {
    /// Saves a snapshot of a cluster that is built; false when it failed, and nothing may follow.
    pub(super) async fn save_snapshot(&self, fleet: &Fleet) -> bool {
        let RkeChoice::Run(explicit) = &self.job.rke else {
            return true;
        };
        if !fleet.is_built() {
            return true;
        }
        if let Some(why) = self.is_without_snapshot(fleet) {
            let what = "the etcd snapshot".to_owned();
            let why = why.to_owned();
            self.teller.tell(EventKind::Skipped { what, why });
            return true;
        }
        self.teller.tell(EventKind::PhaseStarted(Phase::Snapshot));
        let name = format!("harden-{}", self.job.run);
        let deed = Deed::Snapshot { name: name.clone() };
        let number = match self.will(None, |_| vec![deed]) {
            Ok(number) => number,
            Err(unwritten) => {
                self.fail(unwritten.message, unwritten.hint);
                return false;
            }
        };
        let saved = match Rke::find(explicit.as_deref()).await {
            Ok(rke) => self.save(&rke, &name).await,
            Err(error) => Err(error),
        };
        self.did_one(number, &saved);
        if let Err(error) = &saved {
            let message = format!("{error}; cluster.yml is not touched");
            self.fail(message, error.hint());
        }
        saved.is_ok()
    }

    fn is_without_snapshot(&self, fleet: &Fleet) -> Option<&'static str> {
        let external = ["services", "etcd", "external_urls"];
        if !self.job.snapshot {
            Some("--no-snapshot was given")
        } else if fleet.cluster.file.value_at(&external).is_some() {
            Some("etcd is not of this cluster; take its snapshot where it is")
        } else {
            None
        }
    }

    async fn save(&self, rke: &Rke, name: &str) -> Result<(), RkeError> {
        let log = self.job.run_dir.join("snapshot.log");
        let said = |line: &rke::Line| {
            let message = line.message.clone();
            self.teller.tell(EventKind::RkeSaid { message });
        };
        let config = &self.job.config;
        rke.snapshot(config, name, &log, self.stdin()?, said).await
    }

    /// What `rke` gets as its standard input: the lock of the configuration, so that no other run
    /// begins while an `rke` goes on whose run was killed.
    pub(super) fn stdin(&self) -> Result<Stdio, RkeError> {
        let lock = self.job.lock.as_ref();
        lock.map_or_else(|| Ok(Stdio::null()), rke::Lock::shared)
    }
}
