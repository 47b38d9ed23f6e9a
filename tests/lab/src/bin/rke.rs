//! A stand-in for the program `rke` v0.1.11 that acts on the lab's nodes.
//!
//! `HARDEN_LAB_FLEET` names the directory of a simulated fleet, or `HARDEN_LAB_CONTAINERS=1` means the
//! running container lab. `RKE_STANDIN_FAIL` makes it fail, see [`Faults`].

use std::env;
use std::path::Path;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::anyhow;
use anyhow::bail;
use clap::Parser;
use clap::Subcommand;
use clap::error::ErrorKind;
use harden_lab::standin::fault::Faults;
use harden_lab::standin::fleet::Fleet;
use harden_lab::standin::log;
use harden_lab::standin::snapshot;
use harden_lab::standin::up;

/// `rke --version` is to say `rke version v0.1.11`.
const RELEASE: &str = "version v0.1.11";

/// Rancher Kubernetes Engine, as far as the lab needs it
#[derive(Parser)]
#[command(name = "rke", version = RELEASE)]
struct Cli {
    #[command(subcommand)]
    command: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Bring the cluster up
    Up {
        /// The cluster file; `RKE_CONFIG`, else cluster.yml, when not given
        #[arg(long)]
        config: Option<PathBuf>,
        /// Accepted and ignored
        #[arg(long)]
        ssh_agent_auth: bool,
        /// Accepted and ignored
        #[arg(long)]
        ignore_docker_version: bool,
        /// Accepted and ignored
        #[arg(long)]
        disable_port_check: bool,
    },
    /// Look after etcd
    Etcd {
        #[command(subcommand)]
        task: Etcd,
    },
    /// Show the release this program stands in for
    Version,
}

#[derive(Subcommand)]
enum Etcd {
    /// Save a snapshot on every etcd node
    SnapshotSave {
        /// The cluster file; `RKE_CONFIG`, else cluster.yml, when not given
        #[arg(long)]
        config: Option<PathBuf>,
        /// The name of the snapshot
        #[arg(long)]
        name: String,
    },
}

fn main() -> ExitCode {
    match Cli::try_parse() {
        Ok(cli) => run(cli.command),
        Err(error) => {
            let _ = error.print();
            ExitCode::from(status(error.kind()))
        }
    }
}

fn run(task: Task) -> ExitCode {
    let result = match task {
        Task::Up { config, .. } => bring_up(config),
        Task::Etcd {
            task: Etcd::SnapshotSave { config, name },
        } => save(config, &name),
        Task::Version => {
            log::info(&format!("rke {RELEASE}"));
            Ok(())
        }
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            log::fatal(&format!("{error:#}"));
            ExitCode::FAILURE
        }
    }
}

fn bring_up(config: Option<PathBuf>) -> anyhow::Result<()> {
    let (fleet, faults) = fleet()?;
    up::up(&named(config), &fleet, &faults)
}

fn save(config: Option<PathBuf>, name: &str) -> anyhow::Result<()> {
    let (fleet, faults) = fleet()?;
    snapshot::save(&named(config), name, &fleet, &faults)
}

fn named(config: Option<PathBuf>) -> PathBuf {
    config
        .or_else(|| env::var_os("RKE_CONFIG").map(PathBuf::from))
        .unwrap_or_else(|| PathBuf::from("cluster.yml"))
}

fn fleet() -> anyhow::Result<(Fleet, Faults)> {
    let faults = Faults::parse(&env::var("RKE_STANDIN_FAIL").unwrap_or_default())
        .map_err(|why| anyhow!(why))?;
    let fleet = if let Some(directory) = env::var_os("HARDEN_LAB_FLEET") {
        Fleet::simulated(Path::new(&directory))?
    } else if env::var_os("HARDEN_LAB_CONTAINERS").is_some() {
        Fleet::containers()?
    } else {
        bail!(
            "this rke is the lab's stand-in: set HARDEN_LAB_FLEET to the directory of a fleet, or HARDEN_LAB_CONTAINERS=1"
        );
    };
    Ok((fleet, faults))
}

/// Every error of RKE is 1, only an unknown command is 3 (section 3.1).
fn status(kind: ErrorKind) -> u8 {
    match kind {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => 0,
        ErrorKind::InvalidSubcommand => 3,
        _ => 1,
    }
}
