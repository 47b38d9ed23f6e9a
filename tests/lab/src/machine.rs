//! A node as its server sees it.

use std::fs;
use std::path::PathBuf;
use std::sync::Mutex;
use std::sync::PoisonError;

use russh::keys::PrivateKey;
use russh::keys::PublicKey;
use serde_json::json;
use tokio::sync::watch;

use crate::counts::Counts;
use crate::disk;
use crate::fault::Fault;
use crate::identity::Identity;

/// One node: what is fixed, what is wrong with it now, and what it was asked.
pub(crate) struct Machine {
    pub(crate) identity: Identity,
    pub(crate) dir: PathBuf,
    pub(crate) host_key: PrivateKey,
    /// The key whose owner may log in.
    pub(crate) client: PublicKey,
    faults: watch::Sender<Vec<Fault>>,
    counts: Mutex<Counts>,
}

impl Machine {
    pub(crate) fn new(
        identity: Identity,
        dir: PathBuf,
        host_key: PrivateKey,
        client: PublicKey,
    ) -> Self {
        let counts = Mutex::default();
        Self {
            identity,
            dir,
            host_key,
            client,
            faults: watch::Sender::default(),
            counts,
        }
    }

    /// What is wrong with the node now.
    pub(crate) fn faults(&self) -> Vec<Fault> {
        self.faults.borrow().clone()
    }

    pub(crate) fn watch_faults(&self) -> watch::Receiver<Vec<Fault>> {
        self.faults.subscribe()
    }

    /// Makes `faults` all that is wrong, on disk and for every connection from now on.
    pub(crate) fn set_faults(&self, faults: Vec<Fault>) -> Result<(), anyhow::Error> {
        disk::apply(&self.dir, &self.faults(), &faults)?;
        self.faults.send_replace(faults);
        self.describe()
    }

    pub(crate) fn counts(&self) -> Counts {
        *self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts one event, and lets `counts.json` say so.
    pub(crate) fn count(&self, event: impl FnOnce(&mut Counts)) {
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        event(&mut counts);
        // The file is for people; a fleet whose directory is just being removed goes on.
        let _ = fs::write(self.dir.join("counts.json"), json!(*counts).to_string());
    }

    fn describe(&self) -> Result<(), anyhow::Error> {
        let faults: Vec<_> = self.faults().iter().map(ToString::to_string).collect();
        let mut node = json!(self.identity);
        node["faults"] = json!(faults);
        fs::write(
            self.dir.join("node.json"),
            serde_json::to_string_pretty(&node)? + "\n",
        )?;
        Ok(())
    }
}
