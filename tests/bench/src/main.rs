//! Measures `harden` beside other ways to run something on many nodes over SSH.
//!
//! `tests/bench/run` is the whole story; each command here is one step of it.

mod login;
mod measure;
mod plot;
mod prepare;
mod sample;
mod table;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;

/// The steps of a benchmark; `tests/bench/run` calls them in order.
#[derive(Parser)]
enum Step {
    /// Writes what the containers of a node say, one file a container.
    Containers {
        /// The output of `docker inspect`.
        inspected: PathBuf,
        dir: PathBuf,
        /// Only these.
        #[arg(long, value_delimiter = ',')]
        only: Vec<String>,
    },
    /// Logs in to every host with russh and runs one command there: the floor.
    Login(login::Login),
    /// Runs a command and appends a line with what it cost.
    Measure(measure::Measure),
    /// Renders the measured lines as a table, and as a plot.
    Table(table::Table),
}

fn main() -> Result<ExitCode, anyhow::Error> {
    match Step::parse() {
        Step::Containers {
            inspected,
            dir,
            only,
        } => prepare::containers(&inspected, &dir, &only)?,
        Step::Login(login) => login.run()?,
        Step::Measure(measure) => return measure.run(),
        Step::Table(table) => table.run()?,
    }
    Ok(ExitCode::SUCCESS)
}
