//! The runs of a cluster, as their journals tell of them.

use std::fs;
use std::io;
use std::path::Path;
use std::path::PathBuf;
use std::process::ExitCode;

use crate::cli::Work;
use crate::cli::exit;
use crate::cli::nodes;
use crate::cli::site;
use crate::engine::Job;
use crate::engine::journal;
use crate::engine::journal::End;
use crate::engine::journal::Past;
use crate::error::Failure;
use crate::rke::Lock;

/// Where the runs are, beside `cluster.yml`.
const RUNS: &str = "harden-runs";

/// The run that is called `run`, or that is in that directory.
pub(super) fn read(run: &Path, work: &Work) -> Result<Past, Failure> {
    let beside = [Some(&work.target.inventory), work.config.as_ref()];
    let beside = beside.into_iter().flatten();
    let places = beside.map(|file| site::directory(file).join(RUNS).join(run));
    let here = Path::new(RUNS).join(run);
    let dir = [run.to_owned()]
        .into_iter()
        .chain(places)
        .find(|dir| dir.join(journal::FILE).exists())
        .unwrap_or(here);
    Past::read(&dir).map_err(|error| Failure::new(exit::USAGE, error.to_string(), error.hint()))
}

/// The right to write this cluster's `cluster.yml` and to run `rke` on it.
pub(super) fn lock(job: &Job) -> Result<Lock, Failure> {
    Lock::take(&job.config)
        .map_err(|error| Failure::new(exit::INTERNAL, error.to_string(), error.hint()))
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
        format!(
            "name the inventory of that cluster, or pass `--config {}`",
            past.begun.config.display()
        ),
    ))
}

/// Writes what runs there are beside `inventory`, or beside the `cluster.yml` that is named, the
/// latest last.
pub(super) fn list(inventory: &Path, config: Option<&Path>) -> Result<ExitCode, Failure> {
    let beside = config.unwrap_or(inventory);
    if !beside.exists() {
        let message = format!("{}: there is no such file", beside.display());
        let hint = "name the inventory that the runs were about";
        return Err(Failure::new(exit::USAGE, message, hint));
    }
    let dir = site::directory(beside).join(RUNS);
    let mut rows = vec![["RUN", "BEGUN", "COMMAND", "CHANGES", "ENDED"].map(str::to_owned)];
    let entries = match fs::read_dir(&dir) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let message = format!("{}: there is no such directory", dir.display());
            let hint = "runs that changed something are there; `--config` says where a cluster.yml lies elsewhere";
            return Err(Failure::new(exit::USAGE, message, hint));
        }
        Err(error) => {
            let message = format!("{}: {error}", dir.display());
            return Err(Failure::new(exit::USAGE, message, "make it readable"));
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
