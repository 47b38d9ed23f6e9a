//! `harden trust`: shows the nodes' host keys, and records them after a person compared them.

use std::io;
use std::io::BufRead as _;
use std::io::IsTerminal as _;
use std::io::Write as _;
use std::path::Path;
use std::path::PathBuf;
use std::process::ExitCode;
use std::slice;
use std::sync::Arc;

use clap::Args;
use futures::StreamExt as _;
use futures::stream;

use crate::cli;
use crate::cli::exit;
use crate::cli::nodes;
use crate::cli::reach;
use crate::cli::site;
use crate::error;
use crate::error::Failure;
use crate::inventory::Node;
use crate::ssh::SshError;
use crate::ssh::host_key::HostKey;
use crate::ssh::keys::Keys;
use crate::ssh::known_hosts::KnownHosts;
use crate::ssh::known_hosts::Verdict;
use crate::ssh::route::Route;
use crate::ssh::route::Stop;
use crate::ssh::session::Options;
use crate::ssh::target::Target;
use crate::ssh::trust::Offer;
use crate::ssh::trust::fetch;

/// Handshakes at once; enough for a thousand nodes in seconds.
const AT_ONCE: usize = 64;

#[derive(Args, Debug)]
pub(super) struct Trust {
    #[command(flatten)]
    target: cli::Target,

    /// Record without asking; you have compared the fingerprints
    #[arg(long, short)]
    yes: bool,

    #[command(flatten)]
    limit: cli::Limit,
}

impl Trust {
    pub(super) fn run(&self) -> Result<ExitCode, Failure> {
        let (inventory, selected) = site::inventory(&self.target)?;
        let file = site::known_hosts(&self.target, &inventory).swap_remove(0);
        let nodes = inventory.nodes.iter();
        let nodes: Vec<_> = nodes.filter(|node| selected.contains(&node.name)).collect();
        let options = reach::options(&self.target, &inventory, &nodes, self.limit)?;
        let mut routes: Vec<Route> = nodes.iter().map(|node| options.routes.to(node)).collect();
        let keys = self.keys(&options, nodes.into_iter())?;
        let runtime = tokio::runtime::Runtime::new().map_err(|error| internal(&error))?;
        let mut visit = Visit {
            trust: self,
            file,
            keys,
            options,
            incomplete: false,
        };
        runtime.block_on(visit.all(&mut routes))?;
        Ok(if visit.incomplete {
            ExitCode::from(exit::UNMEASURED)
        } else {
            exit::success()
        })
    }

    /// Nobody logs in to the nodes themselves, so only the way to them may need keys.
    fn keys<'n>(
        &self,
        options: &Options,
        nodes: impl Iterator<Item = &'n Node>,
    ) -> Result<Keys, Failure> {
        let behind = nodes.filter(|node| !options.routes.to(node).hops.is_empty());
        reach::keys(&self.target, options, behind)
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

/// A walk from the nearest machines to the farthest: what lies behind a jump host can only be
/// asked through it, and it is only logged in to when its key is on record.
struct Visit<'a> {
    trust: &'a Trust,
    file: PathBuf,
    keys: Keys,
    options: Options,
    /// Some key could not be asked for, is not as recorded, or was not recorded.
    incomplete: bool,
}

impl Visit<'_> {
    async fn all(&mut self, routes: &mut [Route]) -> Result<(), Failure> {
        let farthest = routes
            .iter()
            .map(|route| route.hops.len())
            .max()
            .unwrap_or(0);
        for depth in 0..farthest {
            let mut hops: Vec<(&[Stop], &Stop)> = Vec::new();
            for route in &*routes {
                if let Some(hop) = route.hops.get(depth)
                    && !hops
                        .iter()
                        .any(|(before, known)| known.at == hop.at && before.len() == depth)
                {
                    hops.push((&route.hops[..depth], hop));
                }
            }
            if let Some(recorded) = self.round(&hops).await? {
                self.learn(&recorded, routes);
            }
        }
        let nodes: Vec<_> = routes
            .iter()
            .map(|route| (&*route.hops, &route.end))
            .collect();
        self.round(&nodes).await?;
        self.options.close().await;
        Ok(())
    }

    /// What was recorded counts for the further way, too.
    fn learn(&mut self, recorded: &KnownHosts, routes: &mut [Route]) {
        self.options.known_hosts = Arc::new(self.options.known_hosts.with(recorded.clone()));
        for route in routes {
            for stop in route.hops.iter_mut().chain([&mut route.end]) {
                let known = stop.known_hosts.take();
                stop.known_hosts = known.map(|known| Arc::new(known.with(recorded.clone())));
            }
        }
    }

    /// Asks all `stops` at once, shows what they say and records what is new; all that is on
    /// record then, where something was.
    async fn round(&mut self, stops: &[(&[Stop], &Stop)]) -> Result<Option<KnownHosts>, Failure> {
        let mut rows =
            vec![["NODE", "HOST", "TYPE", "FINGERPRINT", "ON RECORD"].map(str::to_owned)];
        let mut new = Vec::new();
        for (stop, offer) in self.fetch_all(stops).await {
            match offer {
                Ok(Offer {
                    key,
                    authority: Some(line),
                }) => {
                    rows.push(row(
                        &stop.at,
                        &key,
                        format!("yes, by the authority in {line}"),
                    ));
                }
                Ok(Offer { key, .. }) => {
                    let verdict = self.verdict(stop, &key);
                    rows.push(row(&stop.at, &key, said(&verdict)));
                    match verdict {
                        Verdict::Known => {}
                        Verdict::Unknown => new.push((stop, key)),
                        _ => self.incomplete = true,
                    }
                }
                Err(failure) => {
                    self.incomplete = true;
                    error::print(&Failure::new(
                        exit::UNMEASURED,
                        failure.to_string(),
                        failure.hint(),
                    ));
                }
            }
        }
        if rows.len() > 1 {
            nodes::write(&rows, &mut io::stdout().lock()).map_err(|error| internal(&error))?;
        }
        self.record(&new).await
    }

    async fn fetch_all<'s>(
        &self,
        stops: &[(&'s [Stop], &'s Stop)],
    ) -> Vec<(&'s Stop, Result<Offer, SshError>)> {
        stream::iter(stops.iter().copied())
            .map(|(hops, stop)| async move {
                (stop, fetch(hops, stop, &self.keys, &self.options).await)
            })
            .buffered(AT_ONCE)
            .collect()
            .await
    }

    fn verdict(&self, stop: &Stop, key: &HostKey) -> Verdict {
        let known = stop
            .known_hosts
            .as_ref()
            .unwrap_or(&self.options.known_hosts);
        let (host, port) = stop.at.known_as();
        known.verdict(host, port, key)
    }

    async fn record(&mut self, new: &[(&Stop, HostKey)]) -> Result<Option<KnownHosts>, Failure> {
        if new.is_empty() {
            return Ok(None);
        }
        let may = self.trust.may_record(&self.file, new.len());
        if !may.map_err(|error| internal(&error))? {
            self.incomplete = true;
            return Ok(None);
        }
        for (stop, key) in new {
            KnownHosts::record(&self.file, &stop.at, key)
                .await
                .map_err(|error| Failure::new(exit::INTERNAL, error.to_string(), error.hint()))?;
        }
        let keys = if new.len() == 1 {
            "1 key".to_owned()
        } else {
            format!("{} keys", new.len())
        };
        let _ = writeln!(io::stderr(), "recorded {keys} in {}", self.file.display());
        site::keys_on_record(slice::from_ref(&self.file)).map(Some)
    }
}

fn internal(error: &io::Error) -> Failure {
    Failure::new(exit::INTERNAL, error.to_string(), "")
}

fn said(verdict: &Verdict) -> String {
    match verdict {
        Verdict::Known => "yes".to_owned(),
        Verdict::Unknown => "no".to_owned(),
        Verdict::Changed(record) => format!("CHANGED since {record}"),
        Verdict::OtherAlgorithm { record, recorded } => {
            format!("OTHER TYPE than {recorded} in {record}")
        }
        Verdict::Revoked(record) => format!("REVOKED by {record}"),
    }
}

fn row(at: &Target, key: &HostKey, said: String) -> [String; 5] {
    [
        at.node.clone(),
        at.address(),
        key.algorithm().to_owned(),
        key.fingerprint(),
        said,
    ]
}
