//! `harden apply`: look, show, ask, change, prove.

use std::io;
use std::io::BufRead as _;
use std::io::IsTerminal as _;
use std::io::Write as _;
use std::process::ExitCode;

use clap::Args;

use crate::cli::Work;
use crate::cli::exit;
use crate::cli::session;
use crate::engine::Run;
use crate::error::Failure;
use crate::event::EventKind;
use crate::plan::Plan;
use crate::plan::blocker::Blocker;
use crate::report::progress::Progress;
use crate::report::table;
use crate::rke::Lock;

#[derive(Args, Debug)]
pub(super) struct Apply {
    #[command(flatten)]
    work: Work,

    /// Do not ask; needed where nobody can answer
    #[arg(long, short)]
    yes: bool,

    /// Change the nodes that answer although others do not; cluster.yml is left alone then
    #[arg(long)]
    allow_incomplete: bool,
}

impl Apply {
    pub(super) fn run(&self) -> Result<ExitCode, Failure> {
        if !self.yes && !io::stdin().is_terminal() {
            return Err(Failure::new(
                exit::USAGE,
                "`apply` would ask before it changes anything, and nobody can answer here",
                "pass `--yes`; `harden check` shows what would change",
            ));
        }
        let job = session::job("apply", &self.work, self.allow_incomplete)?;
        let _lock = Lock::take(&job.config)
            .map_err(|error| Failure::new(exit::INTERNAL, error.to_string(), error.hint()))?;
        let diff = self.work.diff;
        session::conduct(&self.work, |teller, stop, progress| async move {
            let mut run = Run::new(job, teller.clone(), stop);
            let plan = run.look().await;
            if let Some((why, hint)) = self.refusal(&plan, diff, &progress) {
                teller.tell(EventKind::Refused { why, hint });
            } else if !plan.is_empty() {
                run.apply(&plan).await;
            }
            drop(teller);
            run.finish().await;
        })
    }

    /// Why nothing may be changed; `None` when it may.
    fn refusal(&self, plan: &Plan, diff: bool, progress: &Progress) -> Option<(String, String)> {
        let allowed = |blocker: &&Blocker| self.allow_incomplete && blocker.is_incompleteness();
        let blockers = plan
            .blockers
            .iter()
            .filter(|blocker| !allowed(blocker))
            .count();
        if blockers > 0 {
            let why = match blockers {
                1 => "one thing stands in the way; nothing was changed".to_owned(),
                n => format!("{n} things stand in the way; nothing was changed"),
            };
            return Some((why, "each of them is named with its way out".to_owned()));
        }
        if plan.is_empty() || self.yes || progress.suspend(|| confirmed(plan, diff)) {
            return None;
        }
        Some(("you said no; nothing was changed".to_owned(), String::new()))
    }
}

/// Shows the plan on standard error and waits for a yes.
fn confirmed(plan: &Plan, diff: bool) -> bool {
    let mut stderr = io::stderr();
    let options = table::Options {
        style: table::Style::Plain,
        diff,
    };
    let mut answer = String::new();
    let asked = table::write_plan(plan, &options, &mut stderr)
        .and_then(|()| write!(stderr, "\nDo this? [y/N] "))
        .and_then(|()| stderr.flush())
        .and_then(|()| io::stdin().lock().read_line(&mut answer));
    asked.is_ok() && matches!(answer.trim(), "y" | "Y" | "yes")
}
