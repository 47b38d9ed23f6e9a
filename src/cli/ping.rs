//! `harden nodes --ping`: what stands in the way to each node, before anything is asked in earnest.

mod table;

use std::io;
use std::io::Write as _;
use std::process::ExitCode;
use std::time::Duration;

use clap::Args;
use clap::ValueEnum;
use serde::Serialize;

use crate::cli::Reach;
use crate::cli::Target;
use crate::cli::exit;
use crate::cli::job;
use crate::cli::nodes;
use crate::cli::reach;
use crate::cli::site;
use crate::engine::ping::Round;
use crate::error::Failure;
use crate::ping::Pulse;
use crate::ssh::session::Options;

/// What `nodes` takes when it is to ask the nodes.
#[derive(Args, Debug)]
pub(super) struct Ping {
    /// Log in to every node, and say what we, or `rke`, would meet there; changes nothing
    #[arg(long = "ping", id = "ping")]
    pub(super) is_wanted: bool,

    /// The form of what `--ping` says
    #[arg(long, value_enum, default_value_t = Form::Table, requires = "ping")]
    format: Form,

    /// Ask for one password, and give it to `sudo` on nodes where it wants one
    #[arg(long, requires = "ping")]
    ask_sudo: bool,

    #[command(flatten)]
    reach: Reach,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
enum Form {
    Table,
    Json,
}

/// What `--format json` writes.
#[derive(Serialize)]
struct Document<'p> {
    nodes: &'p [Pulse],
}

impl Ping {
    /// Asks the nodes that `target` selects.
    pub(super) fn run(&self, target: &Target) -> Result<ExitCode, Failure> {
        let (inventory, selected) = site::inventory(target)?;
        let nodes = inventory.nodes.clone();
        let nodes = nodes.iter().filter(|node| selected.contains(&node.name));
        let nodes: Vec<_> = nodes.collect();
        let options = reach::options(target, &inventory, &nodes, self.reach.limit)?;
        let round = Round {
            keys: reach::keys(target, &options, nodes.iter().copied())?,
            options: Options {
                host_keys: job::host_keys(target, &inventory, &self.reach),
                ..options
            },
            inventory,
            jobs: self.reach.jobs.into(),
            answer: Duration::from_secs(self.reach.answer_timeout),
            sudo_password: reach::sudo_password(self.ask_sudo)?,
        };
        let runtime = tokio::runtime::Runtime::new().map_err(|error| internal(&error))?;
        let pulses = runtime.block_on(round.ping(&nodes));
        match self.write(&pulses) {
            Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(internal(&error)),
            _ if pulses.iter().all(Pulse::is_usable) => Ok(exit::success()),
            _ => Ok(ExitCode::from(exit::UNMEASURED)),
        }
    }

    fn write(&self, pulses: &[Pulse]) -> io::Result<()> {
        let mut out = io::stdout().lock();
        match self.format {
            Form::Table => {
                nodes::write(&table::rows(pulses), &mut out)?;
                table::write_troubles(pulses, &mut out)?;
            }
            Form::Json => {
                serde_json::to_writer_pretty(&mut out, &Document { nodes: pulses })?;
                writeln!(out)?;
            }
        }
        out.flush()
    }
}

fn internal(error: &io::Error) -> Failure {
    Failure::new(exit::INTERNAL, error.to_string(), "")
}
