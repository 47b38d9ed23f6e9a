//! A node as its server sees it.

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;

use anyhow::Context as _;
use russh::keys::PrivateKey;
use russh::keys::PublicKey;
use rustix::process::Pid;
use rustix::process::Signal;
use rustix::process::kill_process_group;
use serde::Deserialize;
use serde::Serialize;
use serde_json::json;
use tokio::sync::watch;

use crate::counts::Counts;
use crate::disk;
use crate::docker::Templates;
use crate::fault::Fault;
use crate::identity::Identity;
use crate::key;
use crate::trigger::Trigger;

const HOST_KEY: &str = "host_key";
const DESCRIPTION: &str = "node.json";

/// What the disks of a fleet are made from.
pub(crate) struct Blueprint {
    pub(crate) identities: Vec<Identity>,
    /// Nothing when `rke up` has never run.
    pub(crate) templates: Option<Templates>,
    /// The key whose owner may log in.
    pub(crate) client: PublicKey,
}

/// One node: what is fixed, what is wrong with it now, and what it was asked.
pub(crate) struct Machine {
    pub(crate) identity: Identity,
    pub(crate) dir: PathBuf,
    pub(crate) host_key: PrivateKey,
    pub(crate) blueprint: Arc<Blueprint>,
    /// What an impostor shows.
    pub(crate) other_key: PrivateKey,
    is_ready: Mutex<bool>,
    faults: watch::Sender<Vec<Fault>>,
    armed: Mutex<Vec<(Trigger, Fault)>>,
    /// How often all connections were cut.
    cuts: watch::Sender<u64>,
    /// The process groups of the commands that run.
    groups: Mutex<Vec<Pid>>,
    counts: Mutex<Counts>,
}

impl Machine {
    /// A node in `dir`, which need not exist before [`Machine::ready`].
    pub(crate) fn new(
        identity: Identity,
        dir: PathBuf,
        blueprint: Arc<Blueprint>,
        faults: Vec<Fault>,
    ) -> Result<Self, anyhow::Error> {
        let host_key = key::found_or_fresh(&dir.join(HOST_KEY), &identity.name)?;
        Ok(Self {
            identity,
            dir,
            host_key,
            blueprint,
            other_key: key::fresh("impostor")?,
            is_ready: Mutex::default(),
            faults: watch::Sender::new(faults),
            armed: Mutex::default(),
            cuts: watch::Sender::default(),
            groups: Mutex::default(),
            counts: Mutex::default(),
        })
    }

    /// Sees to it that the directory is there and as the faults want it.
    pub(crate) fn ready(&self) -> Result<(), anyhow::Error> {
        let mut is_ready = self.is_ready.lock().unwrap_or_else(PoisonError::into_inner);
        if !*is_ready {
            self.make()
                .with_context(|| self.dir.display().to_string())?;
            *is_ready = true;
        }
        Ok(())
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
        self.ready()?;
        disk::apply(&self.dir, &self.faults(), &faults)?;
        self.faults.send_replace(faults);
        self.describe()
    }

    /// Breaks one thing more; a fault that only a new connection meets ends the open ones.
    pub(crate) fn cause(&self, fault: Fault) -> Result<(), anyhow::Error> {
        let cuts = fault.is_of_a_beginning();
        if fault == Fault::Reboots {
            self.kill_all();
        }
        let mut faults = self.faults();
        faults.push(fault);
        self.set_faults(faults)?;
        if cuts {
            self.cut();
        }
        Ok(())
    }

    /// Lets `fault` wait for `trigger`.
    pub(crate) fn arm(&self, trigger: Trigger, fault: Fault) {
        self.armed().push((trigger, fault));
    }

    pub(crate) fn disarm(&self) {
        self.armed().clear();
    }

    /// True when a fault waits for what a command is about to be told.
    pub(crate) fn waits_for_a_verb(&self) -> bool {
        self.armed()
            .iter()
            .any(|(trigger, _)| trigger.looks_at_verbs())
    }

    /// How much of its input a command with this first verb is given before something happens.
    pub(crate) fn limit(&self, verb: Option<&str>) -> Option<usize> {
        let armed = self.armed();
        armed.iter().find_map(|(trigger, _)| trigger.limit(verb))
    }

    /// Causes what waits for a command with this verb to have read so much.
    pub(crate) fn meet_limit(&self, verb: Option<&str>) -> Result<(), anyhow::Error> {
        self.cause_where(|trigger| trigger.limit(verb).is_some())
    }

    /// Causes what waits for a command like this one; `verb` is its first record's.
    pub(crate) fn meet(&self, exec: u64, verb: Option<&str>) -> Result<(), anyhow::Error> {
        self.cause_where(|trigger| trigger.is_met(exec, verb))
    }

    fn cause_where(&self, is_met: impl Fn(&Trigger) -> bool) -> Result<(), anyhow::Error> {
        let mut armed = self.armed();
        let all = std::mem::take(&mut *armed);
        let (met, rest): (Vec<_>, Vec<_>) =
            all.into_iter().partition(|(trigger, _)| is_met(trigger));
        *armed = rest;
        drop(armed);
        met.into_iter().try_for_each(|(_, fault)| self.cause(fault))
    }

    /// Notes the process group of a command until [`Machine::reaped`].
    pub(crate) fn started(&self, group: Pid) {
        self.groups().push(group);
    }

    pub(crate) fn reaped(&self, group: Pid) {
        self.groups().retain(|other| *other != group);
    }

    /// As when the power goes: no process gets to tidy up.
    fn kill_all(&self) {
        for group in self.groups().drain(..) {
            // An empty group is what is wanted.
            let _ = kill_process_group(group, Signal::KILL);
        }
    }

    fn groups(&self) -> MutexGuard<'_, Vec<Pid>> {
        self.groups.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Ends every connection that is open now.
    pub(crate) fn cut(&self) {
        self.cuts.send_modify(|cuts| *cuts += 1);
    }

    pub(crate) fn watch_cuts(&self) -> watch::Receiver<u64> {
        self.cuts.subscribe()
    }

    fn armed(&self) -> MutexGuard<'_, Vec<(Trigger, Fault)>> {
        self.armed.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn make(&self) -> Result<(), anyhow::Error> {
        let before = self.recorded_faults()?;
        if before.is_none() {
            let Blueprint {
                identities,
                templates,
                ..
            } = &*self.blueprint;
            disk::create(&self.dir, &self.identity, identities, templates.as_ref())?;
        }
        key::keep(&self.host_key, &self.dir.join(HOST_KEY))?;
        disk::apply(&self.dir, &before.unwrap_or_default(), &self.faults())?;
        self.describe()
    }

    /// What an earlier fleet in this directory left broken; nothing when there was none.
    fn recorded_faults(&self) -> Result<Option<Vec<Fault>>, anyhow::Error> {
        let Ok(text) = fs::read_to_string(self.dir.join(DESCRIPTION)) else {
            return Ok(None);
        };
        let description: Description = serde_json::from_str(&text)?;
        description
            .faults
            .iter()
            .map(|fault| fault.parse())
            .collect::<Result<_, _>>()
            .map(Some)
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
        let faults = self.faults().iter().map(ToString::to_string).collect();
        let description = Description {
            identity: self.identity.clone(),
            faults,
        };
        let text = serde_json::to_string_pretty(&description)?;
        fs::write(self.dir.join(DESCRIPTION), text + "\n")?;
        Ok(())
    }
}

/// The content of `node.json`.
#[derive(Deserialize, Serialize)]
struct Description {
    #[serde(flatten)]
    identity: Identity,
    faults: Vec<String>,
}
