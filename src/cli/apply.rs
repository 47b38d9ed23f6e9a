//! `harden apply`: look, show, ask, change, prove.

use std::io;
use std::io::IsTerminal as _;
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
use crate::plan::Plan;
use crate::plan::blocker::Blocker;

#[derive(Args, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of its own")]
pub(super) struct Apply {
    #[command(flatten)]
    work: Work,

    /// Do not ask; needed where nobody can answer
    #[arg(long, short)]
    yes: bool,

    /// Change the nodes that answer although others do not; cluster.yml is left alone then
    #[arg(long)]
    allow_incomplete: bool,

    /// Go on although the pod security policy would refuse pods that run now, once they are made again
    #[arg(long)]
    allow_refused_pods: bool,

    /// Do not save a snapshot of etcd before `rke up`
    #[arg(long)]
    no_snapshot: bool,

    /// Go on with what that run left undone: a name below `harden-runs`, or its directory
    #[arg(long, value_name = "RUN")]
    resume: Option<PathBuf>,
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
        let mut job = job::read("apply", &self.work, self.allow_incomplete)?;
        job.allow_refused_pods = self.allow_refused_pods;
        job.snapshot = !self.no_snapshot;
        let past = self.resumed(&job)?;
        job.lock = Some(runs::lock(&job)?);
        session::conduct(&self.work, |teller, stop, audience| async move {
            let mut run = Run::new(job, teller.clone(), stop.clone());
            if let Some(past) = &past {
                run.resume(past);
            }
            let plan = run.look().await;
            let refusal = match self.blocked(&plan) {
                _ if plan.is_empty() && !plan.concerns_a_key() => None,
                None if self.yes => None,
                None => confirm::ask(&audience, &self.work.output, &stop).await,
                blocked => blocked,
            };
            if let Some((why, hint)) = refusal {
                teller.tell(EventKind::Refused { why, hint });
            } else if !plan.is_empty() {
                run.apply(&plan).await;
            }
            drop(teller);
            run.finish().await;
        })
    }

    /// The run to go on with, when it is one of this cluster.
    fn resumed(&self, job: &Job) -> Result<Option<Past>, Failure> {
        let Some(run) = &self.resume else {
            return Ok(None);
        };
        let past = runs::read(run, &self.work)?;
        runs::same_cluster(&past, job)?;
        Ok(Some(past))
    }

    /// What forbids this plan.
    fn blocked(&self, plan: &Plan) -> Option<(String, String)> {
        let waved = |blocker: &Blocker| {
            (self.allow_incomplete && blocker.is_incompleteness())
                || (self.allow_refused_pods && blocker.is_about_pods())
        };
        let why = match plan
            .blockers
            .iter()
            .filter(|blocker| !waved(blocker))
            .count()
        {
            0 => return None,
            1 => "one thing stands in the way; nothing was changed".to_owned(),
            n => format!("{n} things stand in the way; nothing was changed"),
        };
        Some((why, "each of them is named with its way out".to_owned()))
    }
}
