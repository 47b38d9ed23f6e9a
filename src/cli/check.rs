//! `harden check`, the dry run: facts, audit, plan, report.

use std::process::ExitCode;

use clap::Args;

use crate::cli::Work;
use crate::cli::job;
use crate::cli::session;
use crate::engine::Run;
use crate::error::Failure;

#[derive(Args, Debug)]
pub(super) struct Check {
    #[command(flatten)]
    work: Work,
}

impl Check {
    pub(super) fn run(&self) -> Result<ExitCode, Failure> {
        let job = job::read("check", &self.work, false)?;
        session::conduct(&self.work, |teller, stop, _| async {
            let mut run = Run::new(job, teller, stop);
            run.look().await;
            run.finish().await;
        })
    }
}
