//! What the run in progress writes into its journal.

use std::path::Path;
use std::sync::MutexGuard;
use std::sync::PoisonError;

use crate::engine::Run;
use crate::engine::journal::Begun;
use crate::engine::journal::Deed;
use crate::engine::journal::End;
use crate::engine::journal::Journal;
use crate::engine::journal::Place;
use crate::engine::journal::Salt;
use crate::engine::journal::whole;
use crate::event::Outcome;

/// Why nothing may be done: it could not be written down.
#[derive(Debug)]
pub(super) struct Unwritten {
    pub(super) message: String,
    pub(super) hint: &'static str,
}

impl Run {
    /// Writes down what will be done now; it must not be done when this fails.
    pub(super) fn will(
        &self,
        node: Option<&str>,
        deeds: impl FnOnce(&Salt) -> Vec<Deed>,
    ) -> Result<u64, Unwritten> {
        let mut journal = self.open_journal();
        let journal = match &mut *journal {
            Some(journal) => journal,
            none => none.insert(self.begin_journal()?),
        };
        let deeds = deeds(journal.salt());
        journal.will(node, deeds).map_err(|error| Unwritten {
            message: error.to_string(),
            hint: error.hint(),
        })
    }

    /// Writes down how it ended.
    pub(super) fn did<'a>(&self, first: u64, outcomes: impl IntoIterator<Item = &'a Outcome>) {
        let ends = outcomes.into_iter().map(End::from);
        if let Some(journal) = &mut *self.open_journal()
            && let Err(error) = journal.did(first, ends)
        {
            self.fail(error.to_string(), error.hint());
        }
    }

    /// The same for one thing.
    pub(super) fn did_one<T, E: ToString>(&self, number: u64, result: &Result<T, E>) {
        let outcome = match result {
            Ok(_) => Outcome::Changed,
            Err(why) => Outcome::Failed {
                why: why.to_string(),
            },
        };
        self.did(number, [&outcome]);
    }

    /// Closes the journal of a run that came to its end.
    pub(super) fn end_journal(&self) {
        if let Some(Err(error)) = self.open_journal().take().map(Journal::end) {
            self.fail(error.to_string(), error.hint());
        }
    }

    fn begin_journal(&self) -> Result<Journal, Unwritten> {
        let hint = "make room for the run directory, or make it writable";
        let dir = self
            .run_dir()
            .map_err(|message| Unwritten { message, hint })?;
        let salt = Salt::fresh().map_err(|error| Unwritten {
            message: error.to_string(),
            hint: "",
        })?;
        let nodes = self.job.inventory.nodes.iter();
        let begun = Begun {
            version: Journal::VERSION,
            run: self.job.run.clone(),
            command: self.job.command.to_owned(),
            program: env!("CARGO_PKG_VERSION").to_owned(),
            inventory: whole(Path::new(&self.job.inventory.file)),
            config: whole(&self.job.config),
            nodes: nodes.map(Place::of).collect(),
            salt,
        };
        Journal::begin(&dir, begun).map_err(|error| Unwritten {
            message: error.to_string(),
            hint: error.hint(),
        })
    }

    /// A writer that panicked has lost at most its own line.
    fn open_journal(&self) -> MutexGuard<'_, Option<Journal>> {
        self.journal.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
