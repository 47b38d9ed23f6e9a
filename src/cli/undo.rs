//! `harden undo`: puts back what a run changed, and `--list`, what runs there are.

use std::fs;
use std::io;
use std::io::IsTerminal as _;
use std::path::Path;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;

use crate::cli::Work;
use crate::cli::confirm;
use crate::cli::exit;
use crate::cli::nodes;
use crate::cli::session;
use crate::cli::site;
use crate::engine::Job;
use crate::engine::Run;
use crate::engine::journal;
use crate::engine::journal::End;
use crate::engine::journal::Past;
use crate::error::Failure;
use crate::event::EventKind;
use crate::rke::Lock;

/// Where the runs are, beside `cluster.yml`.
const RUNS: &str = "harden-runs";

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
            return list(&self.run);
        }
        if !self.yes && !io::stdin().is_terminal() {
            return Err(Failure::new(
                exit::USAGE,
                "`undo` would ask before it changes anything, and nobody can answer here",
                "pass `--yes`",
            ));
        }
        let dir = self.directory();
        let past = Past::read(&dir)
            .map_err(|error| Failure::new(exit::USAGE, error.to_string(), error.hint()))?;
        if self.work.target.inventory == Path::new(OF_RUN) {
            self.work.target.inventory.clone_from(&past.begun.inventory);
        }
        let job = session::job("undo", &self.work, false)?;
        same_cluster(&past, &job)?;
        let _lock = Lock::take(&job.config)
            .map_err(|error| Failure::new(exit::INTERNAL, error.to_string(), error.hint()))?;
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
                run.put_back(past, &plan).await;
            }
            let left = (left > 0).then(|| (format!("{left} left as it is now"), hint));
            if let Some((why, hint)) = refusal.or(left) {
                teller.tell(EventKind::Refused { why, hint });
            }
            drop(teller);
            run.finish().await;
        })
    }

    /// The directory of the run, by its path or by its name.
    fn directory(&self) -> PathBuf {
        let target = &self.work.target;
        let beside = [Some(&target.inventory), self.work.config.as_ref()];
        let beside = beside.into_iter().flatten();
        let places = beside.map(|file| site::directory(file).join(RUNS).join(&self.run));
        let here = Path::new(RUNS).join(&self.run);
        [self.run.clone()]
            .into_iter()
            .chain(places)
            .find(|dir| dir.join(journal::FILE).exists())
            .unwrap_or(here)
    }
}

/// The run and `job` must be about one cluster.
pub(super) fn same_cluster(past: &Past, job: &Job) -> Result<(), Failure> {
    let ours = journal::whole(&job.config);
    if ours == past.begun.config {
        return Ok(());
    }
    Err(Failure::new(
        exit::USAGE,
        format!(
            "run {} is about {}, and not about {}",
            past.begun.run,
            past.begun.config.display(),
            ours.display()
        ),
        "name the inventory of that cluster",
    ))
}

fn list(inventory: &Path) -> Result<ExitCode, Failure> {
    let dir = site::directory(inventory).join(RUNS);
    let mut rows = vec![["RUN", "BEGUN", "COMMAND", "CHANGES", "ENDED"].map(str::to_owned)];
    let entries = match fs::read_dir(&dir) {
        Ok(entries) => entries,
        Err(error) => {
            let message = format!("{}: {error}", dir.display());
            let hint = "runs that changed something are there, beside cluster.yml";
            return Err(Failure::new(exit::USAGE, message, hint));
        }
    };
    let dirs = entries.filter_map(|entry| Some(entry.ok()?.path()));
    let mut dirs: Vec<PathBuf> = dirs
        .filter(|dir| dir.join(journal::FILE).exists())
        .collect();
    dirs.sort();
    for dir in dirs {
        match Past::read(&dir) {
            Ok(past) => rows.push(row(&past)),
            Err(error) => {
                return Err(Failure::new(exit::USAGE, error.to_string(), error.hint()));
            }
        }
    }
    match nodes::write(&rows, &mut io::stdout().lock()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(Failure::new(exit::INTERNAL, error.to_string(), ""))
        }
        _ => Ok(exit::success()),
    }
}

fn row(past: &Past) -> [String; 5] {
    let all = past.items.len();
    let done = past.items.iter().filter(|item| item.end == Some(End::Done));
    [
        past.begun.run.clone(),
        past.at.clone(),
        past.begun.command.clone(),
        format!("{} of {all} done", done.count()),
        if past.ended { "yes" } else { "no" }.to_owned(),
    ]
}
