//! `harden-lab`: a simulated fleet on the command line.

use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context as _;
use clap::Args;
use clap::Parser;
use clap::Subcommand;
use harden_lab::Crowd;
use harden_lab::Fault;
use harden_lab::Fleet;
use harden_lab::Role;
use harden_lab::Weather;
use tokio::signal::unix::SignalKind;
use tokio::signal::unix::signal;
use tokio::sync::oneshot;

/// Simulated nodes to try harden on.
#[derive(Parser)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Starts a fleet, prints the path of its inventory, and keeps it until standard input closes.
    Up(Up),
    /// Starts thousands of workers that all answer alike, and runs a program with the path of their
    /// inventory in `HARDEN_LAB_INVENTORY`.
    Crowd(Throng),
}

#[derive(Args)]
struct Throng {
    #[arg(long)]
    nodes: u32,
    /// Per cent of the nodes that refuse connections.
    #[arg(long, default_value_t = 0)]
    dead: usize,
    /// Per cent that accept and say nothing.
    #[arg(long, default_value_t = 0)]
    hanging: usize,
    /// Per cent that wait two seconds before each answer.
    #[arg(long, default_value_t = 0)]
    slow: usize,
    /// Milliseconds that each byte is under way, in either direction.
    #[arg(long, default_value_t = 0)]
    delay: u64,
    #[arg(last = true, required = true)]
    command: Vec<String>,
}

#[derive(Args)]
struct Up {
    /// Where the fleet lives; one that is there already is taken up again.
    #[arg(long)]
    dir: PathBuf,
    /// Nodes with all three roles.
    #[arg(long, default_value_t = 0)]
    all: usize,
    /// Nodes with the role controlplane.
    #[arg(long, default_value_t = 0)]
    controlplane: usize,
    /// Nodes with the role etcd.
    #[arg(long, default_value_t = 0)]
    etcd: usize,
    /// Nodes with the role worker.
    #[arg(long, default_value_t = 0)]
    worker: usize,
    /// The cluster runs already: its containers are there.
    #[arg(long)]
    built: bool,
    /// Makes a node's directory at its first connection: for fleets of many hundreds.
    #[arg(long)]
    lazy: bool,
    /// Who logs in: root, or ubuntu, who needs sudo.
    #[arg(long, default_value = "root")]
    user: String,
    /// The port of every node, on an address of its own; 0 is any free one.
    #[arg(long, default_value_t = 0)]
    port: u16,
    /// What is wrong with a node, such as `w-1=hang` or `cp-1=truncate=100`.
    #[arg(long = "fault", value_name = "NODE=FAULT", value_parser = node_and_fault)]
    faults: Vec<(String, Fault)>,
    /// Runs this while the fleet is up, with its directory in `HARDEN_LAB_FLEET`, and ends with it.
    #[arg(last = true)]
    command: Vec<String>,
}

#[tokio::main]
async fn main() -> Result<ExitCode, anyhow::Error> {
    match Cli::parse().command {
        Command::Up(up) => up.run().await,
        Command::Crowd(throng) => throng.run().await,
    }
}

impl Up {
    async fn run(self) -> Result<ExitCode, anyhow::Error> {
        let mut builder = Fleet::builder()
            .in_dir(self.dir)
            .user(&self.user)
            .port(self.port)
            .nodes(self.all, &Role::ALL)
            .nodes(self.controlplane, &[Role::ControlPlane])
            .nodes(self.etcd, &[Role::Etcd])
            .nodes(self.worker, &[Role::Worker]);
        if !self.built {
            builder = builder.not_built();
        }
        if self.lazy {
            builder = builder.lazily();
        }
        for (node, fault) in self.faults {
            builder = builder.fault(&node, fault);
        }
        let fleet = builder.start().await?;
        if let Some((program, arguments)) = self.command.split_first() {
            let place = ("HARDEN_LAB_FLEET", fleet.dir().to_owned());
            return run_beside(place, program, arguments).await;
        }
        writeln!(std::io::stdout(), "{}", fleet.inventory().display())?;
        until_told_to_end().await?;
        Ok(ExitCode::SUCCESS)
    }
}

impl Throng {
    async fn run(self) -> Result<ExitCode, anyhow::Error> {
        let weather = Weather {
            dead: self.dead,
            hanging: self.hanging,
            slow: self.slow,
            pause: Duration::from_secs(2),
            delay: Duration::from_millis(self.delay),
        };
        let crowd = Crowd::start(self.nodes, weather).await?;
        let (program, arguments) = self.command.split_first().context("no program")?;
        let inventory = ("HARDEN_LAB_INVENTORY", crowd.inventory());
        run_beside(inventory, program, arguments).await
    }
}

/// Runs a program to its end, with one more variable, and hands its exit code on.
async fn run_beside(
    (variable, path): (&str, PathBuf),
    program: &str,
    arguments: &[String],
) -> Result<ExitCode, anyhow::Error> {
    let status = tokio::process::Command::new(program)
        .args(arguments)
        .env(variable, path)
        .status()
        .await
        .with_context(|| format!("cannot run {program}"))?;
    let code = status.code().and_then(|code| u8::try_from(code).ok());
    Ok(code.map_or(ExitCode::FAILURE, ExitCode::from))
}

fn node_and_fault(text: &str) -> Result<(String, Fault), anyhow::Error> {
    let (node, fault) = text.split_once('=').context("expected NODE=FAULT")?;
    Ok((node.to_owned(), fault.parse()?))
}

/// Standard input at its end, or a request to stop.
async fn until_told_to_end() -> Result<(), anyhow::Error> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let (closed, input) = oneshot::channel();
    // A thread of its own, which the runtime does not wait for: a read of a terminal goes on.
    std::thread::spawn(move || {
        let _ = std::io::copy(&mut std::io::stdin(), &mut std::io::sink());
        closed.send(())
    });
    tokio::select! {
        _ = input => {}
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    Ok(())
}
