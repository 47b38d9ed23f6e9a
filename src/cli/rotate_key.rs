//! `harden rotate-key`: changes the key that encrypts Secrets, so that none is ever unreadable (T-16).

use std::io;
use std::io::IsTerminal as _;
use std::process::ExitCode;

use clap::Args;

use crate::cli::Work;
use crate::cli::audience::Audience;
use crate::cli::confirm::answer;
use crate::cli::exit;
use crate::cli::job;
use crate::cli::runs;
use crate::cli::session;
use crate::engine::Run;
use crate::engine::Stop;
use crate::error::Failure;
use crate::event::EventKind;
use crate::plan::rotation::Stage;
use crate::plan::rotation::Step;
use crate::profile::Control;

/// What a rotation does; each line is true on every control-plane node before the next begins.
const STEPS: [&str; 4] = [
    "the new key becomes the second one, and every API server is restarted",
    "the new key becomes the first one, and every API server is restarted",
    "every Secret is written again through the Kubernetes API",
    "the old key goes, and every API server is restarted",
];

#[derive(Args, Debug)]
pub(super) struct RotateKey {
    #[command(flatten)]
    work: Work,

    /// Do not ask; needed where nobody can answer
    #[arg(long, short)]
    yes: bool,
}

impl RotateKey {
    pub(super) fn run(&self) -> Result<ExitCode, Failure> {
        self.refuse_what_makes_no_sense()?;
        let mut job = job::read("rotate-key", &self.work, false)?;
        job.profile.controls.retain(Control::has_key);
        job.rancher = None;
        job.lock = Some(runs::lock(&job)?);
        session::conduct(&self.work, |teller, stop, audience| async move {
            let mut run = Run::new(job, teller.clone(), stop.clone());
            let refusal = match run.look_at_keys().await {
                Err(()) => Some("something stands in the way; nothing was changed"),
                Ok(step) => match self.confirmed(&step, &audience, &stop).await {
                    Ok(()) => {
                        run.rotate(step).await;
                        None
                    }
                    Err(why) => Some(why),
                },
            };
            if let Some(why) = refusal {
                teller.tell(EventKind::Refused {
                    why: why.to_owned(),
                    hint: String::new(),
                });
            }
            drop(teller);
            run.finish().await;
        })
    }

    fn refuse_what_makes_no_sense(&self) -> Result<(), Failure> {
        let usage = |message: &str, hint: &str| Err(Failure::new(exit::USAGE, message, hint));
        if !self.yes && !io::stdin().is_terminal() {
            return usage(
                "`rotate-key` would ask before it changes anything, and nobody can answer here",
                "pass `--yes`",
            );
        }
        if self.work.target.on.is_some() {
            return usage(
                "a key is rotated on all control-plane nodes or on none",
                "leave out `--on`",
            );
        }
        if !self.work.control.is_empty() || !self.work.skip.is_empty() {
            return usage(
                "a key is rotated whatever controls are asked for",
                "leave out `--control` and `--skip`",
            );
        }
        if self.work.no_kube {
            return usage(
                "Secrets are written again through the Kubernetes API",
                "leave out `--no-kube`",
            );
        }
        Ok(())
    }

    /// Shows what will be done and waits for a yes.
    async fn confirmed(
        &self,
        next: &Step,
        audience: &Audience,
        stop: &Stop,
    ) -> Result<(), &'static str> {
        if self.yes {
            return Ok(());
        }
        audience.show(&steps_from(next)).ok();
        let said = tokio::select! {
            said = tokio::task::spawn_blocking(answer) => said.ok().and_then(Result::ok),
            () = stop.asked_for() => None,
        };
        match said.as_deref().map(str::trim) {
            Some("y" | "Y" | "yes") => Ok(()),
            Some(_) => Err("you said no; nothing was changed"),
            None => Err("nobody said yes; nothing was changed"),
        }
    }
}

/// The steps that are left, and whether the run begins a rotation or goes on with one.
fn steps_from(step: &Step) -> String {
    let (title, left) = match step {
        Step::Settled { .. } => ("rotate-key will", &STEPS[..]),
        Step::Write { stage, .. } => (
            "a rotation was begun; rotate-key will go on",
            &STEPS[match stage {
                Stage::Old | Stage::Added => 0,
                Stage::Promoted => 1,
                Stage::New => 3,
            }..],
        ),
        Step::Rewrite { .. } => ("a rotation was begun; rotate-key will go on", &STEPS[2..]),
        Step::Restart { is_last: true, .. } => (
            "one key is on all nodes; rotate-key will only restart the API servers that do not run with it yet, and makes a new key when it is run again",
            &STEPS[STEPS.len()..],
        ),
        Step::Restart { .. } => (
            "rotate-key will first restart the API servers that do not run with the file they have; then what is left of",
            &STEPS[..],
        ),
    };
    let mut text = format!("\n{title}\n");
    for line in left {
        text.push_str("  ");
        text.push_str(line);
        text.push('\n');
    }
    text
}
