//! The command line: one file a command, and what all of them share.

mod apply;
mod audience;
mod check;
mod confirm;
mod controls;
mod exit;
mod files;
mod job;
mod key;
mod nodes;
mod output;
mod ping;
mod reach;
mod rotate_key;
mod runs;
mod report;
mod saved;
mod session;
mod site;
mod site_key;
mod ssh_config;
mod terminal;
mod trust;
mod undo;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::Args;
use clap::Parser;
use clap::Subcommand;
use clap::ValueEnum;

use crate::cli::output::Output;
use crate::error::Failure;
use crate::event::Depth;

/// Hardens RKE clusters over SSH: checks what the Rancher Hardening Guide asks, and makes it so.
#[derive(Debug, Parser)]
#[command(name = "harden", version, max_term_width = 100, after_help = exit::HELP)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Say what is wrong and what `apply` would do; change nothing anywhere
    Check(check::Check),
    /// Make it so, run `rke up`, and prove it by checking again
    Apply(apply::Apply),
    /// Change the key that encrypts Secrets, one API server at a time; goes on where it was stopped
    RotateKey(rotate_key::RotateKey),
    /// Keep the key that encrypts Secrets off the nodes as well
    Key(key::Key),
    /// Render a saved result again, compare two, or join those of many clusters
    Report(report::Report),
    /// Put back what a run changed, where nothing changed since
    Undo(undo::Undo),
    /// List the controls of a profile, or explain one of them
    Controls(controls::Controls),
    /// List the nodes of an inventory as RKE resolves them
    Nodes(nodes::Nodes),
    /// Show the nodes' host keys, and record them after you compared them
    Trust(trust::Trust),
}

/// What every command needs: an inventory, and which of its nodes.
#[derive(Args, Debug)]
struct Target {
    /// An RKE cluster.yml, or a node inventory in its style
    inventory: PathBuf,

    /// Only these nodes: names, globs, addresses or @roles, joined by commas; `!` excludes, `@shard=1/4` keeps a quarter
    #[arg(long, value_name = "NODES")]
    on: Option<String>,

    /// Host keys on record; the default is `known_hosts` beside the inventory, then `~/.ssh/known_hosts`
    #[arg(long, value_name = "FILE")]
    known_hosts: Option<PathBuf>,

    /// Jump hosts in front of all nodes, one behind the other, instead of the inventory's
    #[arg(long, value_name = "USER@HOST[:PORT]", value_delimiter = ',')]
    proxy_jump: Vec<String>,

    /// Take from OpenSSH's configuration what the inventory leaves open; FILE instead of ~/.ssh/config
    #[arg(long, value_name = "FILE", num_args = 0..=1, require_equals = true)]
    #[expect(
        clippy::option_option,
        reason = "an option with a value that is optional"
    )]
    ssh_config: Option<Option<PathBuf>>,

    /// Ask for one password, and give it to servers that take none of our keys
    #[arg(long)]
    ask_password: bool,
}

/// How to reach nodes.
#[derive(Args, Debug)]
struct Reach {
    /// SSH handshakes at once
    #[arg(long, value_name = "N", default_value_t = 64, value_parser = clap::value_parser!(u16).range(1..))]
    jobs: u16,

    #[command(flatten)]
    limit: Limit,

    /// Seconds for one answer of a node
    #[arg(long, value_name = "SECONDS", default_value_t = 60, value_parser = clap::value_parser!(u64).range(1..=3600))]
    answer_timeout: u64,

    /// What to do with a host of which nothing is on record
    #[arg(long, value_name = "POLICY", value_enum, default_value_t = HostKeyPolicy::Strict)]
    host_keys: HostKeyPolicy,
}

/// How long the way to a node may take.
#[derive(Args, Clone, Copy, Debug)]
struct Limit {
    /// Seconds for each of connecting, handshake and login [default: 10]
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..=600))]
    connect_timeout: Option<u64>,
}

impl Limit {
    fn step(self) -> Duration {
        Duration::from_secs(self.connect_timeout.unwrap_or(10))
    }
}

#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
enum HostKeyPolicy {
    /// Refuse it
    Strict,
    /// Record its key and go on; for labs and CI
    AcceptNew,
}

/// What `check` and `apply` share beside.
#[derive(Args, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of its own")]
struct Work {
    #[command(flatten)]
    target: Target,

    #[command(flatten)]
    reach: Reach,

    /// Ask for one password, and give it to `sudo` on nodes where it wants one
    #[arg(long)]
    ask_sudo: bool,

    /// The site's playbook; the default is the guide as it stands
    #[arg(long, value_name = "FILE")]
    playbook: Option<PathBuf>,

    /// The profile, instead of the one that the playbook names
    #[arg(long, value_name = "NAME")]
    profile: Option<String>,

    /// The cluster.yml, when it is not the inventory or beside it
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,

    /// 1 is practical; 2 adds what may cost comfort
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u8).range(1..=2))]
    level: Option<u8>,

    /// The site's own key for Secrets, readable for nobody else: 32 bytes in base64, or an exported file
    #[arg(long, value_name = "FILE")]
    encryption_key_file: Option<PathBuf>,

    /// Seconds for a restarted API server to come back
    #[arg(long, value_name = "SECONDS", default_value_t = 300, value_parser = clap::value_parser!(u64).range(1..=3600))]
    restart_timeout: u64,

    /// Only these controls, by id or glob; may be given several times
    #[arg(long, value_name = "ID|GLOB")]
    control: Vec<String>,

    /// Without these controls, by id or glob; may be given several times
    #[arg(long, value_name = "ID|GLOB")]
    skip: Vec<String>,

    /// The `rke` program; the default is the one on the PATH
    #[arg(long, value_name = "PATH", conflicts_with = "no_rke")]
    rke: Option<PathBuf>,

    /// Edit cluster.yml but leave `rke up` to somebody else
    #[arg(long)]
    no_rke: bool,

    /// Do not ask the Kubernetes API; what only it can tell is not known then
    #[arg(long)]
    no_kube: bool,

    #[command(flatten)]
    output: Output,

    /// Say nothing but the result, warnings and failures
    #[arg(long, short)]
    quiet: bool,

    /// Say more: -v what each node is asked and how long it takes, -vv also what for, -vvv also how
    #[arg(long, short, action = clap::ArgAction::Count, conflicts_with = "quiet")]
    verbose: u8,
}

impl Work {
    /// How closely somebody looks.
    fn depth(&self) -> Option<Depth> {
        match self.verbose {
            0 => None,
            1 => Some(Depth::Node),
            2 => Some(Depth::Step),
            _ => Some(Depth::Wire),
        }
    }
}

/// The form of a list; a result has more of them.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
enum Format {
    Table,
    Json,
}

/// Runs the command that the arguments name.
///
/// # Errors
///
/// What stopped it before it had a result; a result, good or bad, is an exit code.
pub fn run(cli: Cli) -> Result<ExitCode, Failure> {
    match cli.command {
        Command::Check(check) => check.run(),
        Command::Apply(apply) => apply.run(),
        Command::RotateKey(rotate) => rotate.run(),
        Command::Key(key) => key.run(),
        Command::Report(report) => report.run(),
        Command::Undo(undo) => undo.run(),
        Command::Controls(controls) => controls.run(),
        Command::Nodes(nodes) => nodes.run(),
        Command::Trust(trust) => trust.run(),
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn no_command_has_an_argument_twice() {
        Cli::command().debug_assert();
    }
}
