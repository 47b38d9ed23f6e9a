//! `harden apply`: look, show, ask, change, prove.

use std::io;
use std::io::BufRead as _;
use std::io::IsTerminal as _;
use std::io::Write as _;
use std::process::ExitCode;

use clap::Args;

use crate::cli::Work;
use crate::cli::exit;
use crate::cli::output::Output;
use crate::cli::session;
use crate::cli::session::Audience;
use crate::engine::Run;
use crate::engine::Stop;
use crate::error::Failure;
use crate::event::EventKind;
use crate::plan::Plan;
use crate::plan::blocker::Blocker;
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

    /// Go on although the pod security policy would refuse pods that run now, once they are made again
    #[arg(long)]
    allow_refused_pods: bool,
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
        let mut job = session::job("apply", &self.work, self.allow_incomplete)?;
        job.allow_refused_pods = self.allow_refused_pods;
        let _lock = Lock::take(&job.config)
            .map_err(|error| Failure::new(exit::INTERNAL, error.to_string(), error.hint()))?;
        session::conduct(&self.work, |teller, stop, audience| async move {
            let mut run = Run::new(job, teller.clone(), stop.clone());
            let plan = run.look().await;
            let refusal = match self.blocked(&plan) {
                _ if plan.is_empty() => None,
                None if self.yes => None,
                None => confirm(&audience, &self.work.output, &stop).await,
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

/// Shows the plan and waits for a yes; anything else is a reason to change nothing.
async fn confirm(audience: &Audience, output: &Output, stop: &Stop) -> Option<(String, String)> {
    let answer = async {
        audience.show_plan(output).ok()?;
        tokio::task::spawn_blocking(ask).await.ok()?.ok()
    };
    let answer = tokio::select! {
        answer = answer => answer,
        () = stop.asked_for() => None,
    };
    let why = match answer.as_deref().map(str::trim) {
        Some("y" | "Y" | "yes") => return None,
        Some(_) => "you said no; nothing was changed",
        None => "nobody said yes; nothing was changed",
    };
    Some((why.to_owned(), String::new()))
}

fn ask() -> io::Result<String> {
    let mut stderr = io::stderr();
    write!(stderr, "\nDo this? [y/N] ")?;
    stderr.flush()?;
    let mut answer = String::new();
    io::stdin().lock().read_line(&mut answer)?;
    Ok(answer)
}
