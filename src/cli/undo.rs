//! `harden undo`: puts back what a run changed, and `--list`, what runs there are.

use std::io;
use std::io::IsTerminal as _;
use std::path::Path;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;

use crate::cli::Work;
use crate::cli::confirm;
use crate::cli::exit;
use crate::cli::job;
use crate::cli::runs;
use crate::cli::session;
use crate::engine::Job;
use crate::engine::Run;
use crate::engine::journal::Past;
use crate::error::Failure;
use crate::event::EventKind;

/// Stands for the inventory that the run itself names.
const OF_RUN: &str = ".";

#[derive(Args, Debug)]
#[command(mut_arg("inventory", |argument| argument
    .required(false)
    .default_value(OF_RUN)
    .hide_default_value(true)
    .help("The inventory; the default is the one of that run")))]
pub(super) struct Undo {
    /// The run, as `harden-runs` names it, or its directory; with `--list`, the inventory
    #[arg(value_name = "RUN|INVENTORY")]
    run: PathBuf,

    #[command(flatten)]
    work: Work,

    /// List the runs of an inventory, the latest last
    #[arg(long)]
    list: bool,

    /// Do not ask; needed where nobody can answer
    #[arg(long, short)]
    yes: bool,
}

impl Undo {
    pub(super) fn run(mut self) -> Result<ExitCode, Failure> {
        if self.list {
            return runs::list(&self.run, self.work.config.as_deref());
        }
        let past = runs::read(&self.run, &self.work)?;
        if !self.yes && !io::stdin().is_terminal() {
            return Err(Failure::new(
                exit::USAGE,
                "`undo` would ask before it changes anything, and nobody can answer here",
                "pass `--yes`",
            ));
        }
        if self.work.target.inventory == Path::new(OF_RUN) {
            self.work.target.inventory.clone_from(&past.begun.inventory);
            if past.begun.config.exists() {
                let of_run = past.begun.config.clone();
                self.work.config.get_or_insert(of_run);
            }
        }
        let mut job = job::read("undo", &self.work, false)?;
        runs::same_cluster(&past, &job)?;
        job.lock = Some(runs::lock(&job)?);
        self.conduct(job, &past)
    }

    fn conduct(&self, job: Job, past: &Past) -> Result<ExitCode, Failure> {
        session::conduct(&self.work, |teller, stop, audience| async move {
            let mut run = Run::new(job, teller.clone(), stop.clone());
            let (plan, left) = run.look_back(past).await;
            let hint = "each of them is named with its reason".to_owned();
            let refusal = if plan.is_empty() {
                None
            } else if !plan.blockers.is_empty() {
                let n = plan.blockers.len();
                let why = format!("{n} in the way; nothing was changed");
                Some((why, "each of them is named with its way out".to_owned()))
            } else if self.yes {
                None
            } else {
                confirm::ask(&audience, &self.work.output, &stop).await
            };
            let is_refused = refusal.is_some();
            if !is_refused && !plan.is_empty() {
                run.put_back(past, &plan, &left).await;
            }
            let left = match left.len() {
                0 => None,
                1 => Some("one thing is left as it is now".to_owned()),
                n => Some(format!("{n} things are left as they are now")),
            };
            let left = left.map(|left| (left, hint));
            if let Some((why, hint)) = refusal.or(left) {
                teller.tell(EventKind::Refused { why, hint });
            }
            drop(teller);
            run.finish().await;
        })
    }
}
