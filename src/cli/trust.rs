//! `harden trust`: shows the nodes' host keys, and records them after a person compared them.

use std::io;
use std::io::BufRead as _;
use std::io::IsTerminal as _;
use std::io::Write as _;
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use clap::Args;
use futures::StreamExt as _;
use futures::stream;

use crate::cli::Target;
use crate::cli::exit;
use crate::cli::nodes;
use crate::cli::site;
use crate::error;
use crate::error::Failure;
use crate::inventory::Node;
use crate::ssh::SshError;
use crate::ssh::host_key::HostKey;
use crate::ssh::known_hosts::KnownHosts;
use crate::ssh::known_hosts::Verdict;
use crate::ssh::trust::fetch_host_key;

/// Handshakes at once; enough for a thousand nodes in seconds.
const AT_ONCE: usize = 64;

#[derive(Args, Debug)]
pub(super) struct Trust {
    #[command(flatten)]
    target: Target,

    /// Record without asking; you have compared the fingerprints
    #[arg(long, short)]
    yes: bool,

    /// Seconds for connecting and the handshake of a node
    #[arg(long, value_name = "SECONDS", default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..=600))]
    connect_timeout: u64,
}

impl Trust {
    pub(super) fn run(&self) -> Result<ExitCode, Failure> {
        let internal = |error: io::Error| Failure::new(exit::INTERNAL, error.to_string(), "");
        let (inventory, selected) = site::inventory(&self.target)?;
        let files = site::known_hosts(&self.target, &inventory);
        let known = site::keys_on_record(&files)?;
        let wanted: Vec<&Node> = inventory
            .nodes
            .iter()
            .filter(|node| selected.contains(&node.name))
            .collect();
        let runtime = tokio::runtime::Runtime::new().map_err(internal)?;
        let deadline = Duration::from_secs(self.connect_timeout);
        let fetched = runtime.block_on(fetch_all(&wanted, &known, deadline));
        let mut rows =
            vec![["NODE", "HOST", "TYPE", "FINGERPRINT", "ON RECORD"].map(str::to_owned)];
        let mut new = Vec::new();
        let mut unmeasured = false;
        for (node, key) in fetched {
            match key {
                Ok(key) => {
                    let verdict = known.verdict(&node.address, node.port, &key);
                    rows.push(row(node, &key, &verdict));
                    if verdict == Verdict::Unknown {
                        new.push((node, key));
                    } else {
                        unmeasured |= !matches!(verdict, Verdict::Known);
                    }
                }
                Err(failure) => {
                    unmeasured = true;
                    let failure =
                        Failure::new(exit::UNMEASURED, failure.to_string(), failure.hint());
                    error::print(&failure);
                }
            }
        }
        nodes::write(&rows, &mut io::stdout().lock()).map_err(internal)?;
        if !new.is_empty() && self.may_record(&files[0], new.len()).map_err(internal)? {
            runtime.block_on(record_all(&files[0], &new))?;
        } else if !new.is_empty() {
            unmeasured = true;
        }
        Ok(if unmeasured {
            ExitCode::from(exit::UNMEASURED)
        } else {
            exit::success()
        })
    }

    fn may_record(&self, file: &Path, count: usize) -> io::Result<bool> {
        if self.yes {
            return Ok(true);
        }
        let mut stderr = io::stderr();
        if !io::stdin().is_terminal() {
            writeln!(
                stderr,
                "nothing was recorded\n hint: compare the fingerprints, then pass `--yes`"
            )?;
            return Ok(false);
        }
        let keys = if count == 1 {
            "this key".to_owned()
        } else {
            format!("these {count} new keys")
        };
        write!(
            stderr,
            "\nCompared with the consoles? Record {keys} in {}? [y/N] ",
            file.display()
        )?;
        stderr.flush()?;
        let mut answer = String::new();
        io::stdin().lock().read_line(&mut answer)?;
        Ok(matches!(answer.trim(), "y" | "Y" | "yes"))
    }
}

async fn fetch_all<'a>(
    wanted: &[&'a Node],
    known: &KnownHosts,
    deadline: Duration,
) -> Vec<(&'a Node, Result<HostKey, SshError>)> {
    stream::iter(wanted.iter().copied())
        .map(|node| async move { (node, fetch_host_key(node, known, deadline).await) })
        .buffered(AT_ONCE)
        .collect()
        .await
}

async fn record_all(file: &Path, new: &[(&Node, HostKey)]) -> Result<(), Failure> {
    for (node, key) in new {
        KnownHosts::record(file, node, key)
            .await
            .map_err(|error| Failure::new(exit::INTERNAL, error.to_string(), error.hint()))?;
    }
    let keys = if new.len() == 1 {
        "1 key".to_owned()
    } else {
        format!("{} keys", new.len())
    };
    let _ = writeln!(io::stderr(), "recorded {keys} in {}", file.display());
    Ok(())
}

fn row(node: &Node, key: &HostKey, verdict: &Verdict) -> [String; 5] {
    let said = match verdict {
        Verdict::Known => "yes".to_owned(),
        Verdict::Unknown => "no".to_owned(),
        Verdict::Changed(record) => format!("CHANGED since {record}"),
        Verdict::OtherAlgorithm { record, recorded } => {
            format!("OTHER TYPE than {recorded} in {record}")
        }
        Verdict::Revoked(record) => format!("REVOKED by {record}"),
    };
    let host = format!("{}:{}", node.address, node.port);
    [
        node.name.clone(),
        host,
        key.algorithm().to_owned(),
        key.fingerprint(),
        said,
    ]
}
