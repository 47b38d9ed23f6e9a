//! From the client's configuration and the inventory to a way to each node; the inventory wins.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;

use crate::inventory::Bastion;
use crate::inventory::KeySource;
use crate::inventory::Node;
use crate::ssh::config::Client;
use crate::ssh::config::ConfigError;
use crate::ssh::config::client::Name;
use crate::ssh::config::resolved::Proxy;
use crate::ssh::config::resolved::Resolved;
use crate::ssh::known_hosts::KnownHosts;
use crate::ssh::obstacle::Obstacle;
use crate::ssh::route::Route;
use crate::ssh::route::Routes;
use crate::ssh::route::Stop;

/// Jump hosts in a row, as far as they are followed.
const FARTHEST: usize = 8;

/// What was decided elsewhere, and so is not the configuration's to say.
#[derive(Clone, Copy, Debug)]
pub struct Wishes<'w> {
    /// Jump hosts in front of all nodes; none leaves them to the configuration.
    pub hops: &'w [Bastion],
    /// Files of host keys to be read before those of the configuration; nothing where those of
    /// the run are the only ones that count.
    pub known_hosts: Option<&'w [PathBuf]>,
    /// True where somebody said how long to wait for a connection.
    pub has_limit: bool,
}

/// The ways to `nodes`, of which the inventory says what it says and `client` the rest.
///
/// # Errors
///
/// The first [`ConfigError`] about any of them.
pub async fn routes(
    client: &Client,
    wishes: Wishes<'_>,
    nodes: &[&Node],
) -> Result<Routes, ConfigError> {
    let hops = wishes.hops.iter().map(Name::from);
    let names = hops.chain(nodes.iter().map(|node| Name::from(*node)));
    let mut survey = Survey {
        wishes,
        answers: BTreeMap::new(),
        records: BTreeMap::new(),
    };
    survey.ask(client, names.collect()).await?;
    let mut routes = Routes::default();
    for node in nodes {
        routes.set(node, survey.route(node)?);
    }
    Ok(routes)
}

/// True where the inventory alone would lead to another place or to another key.
fn is_elsewhere(node: &Node, end: &Stop) -> bool {
    let has_other_key = match (&node.key, &end.key) {
        (KeySource::Default(usual), KeySource::OpenSsh(identities)) => {
            !identities.files.contains(usual)
        }
        _ => false,
    };
    has_other_key || end.at.host != node.address || end.at.port != node.port
}

impl From<&Node> for Name {
    fn from(node: &Node) -> Self {
        Self {
            host: node.address.clone(),
            user: Some(node.user.clone()),
            port: node.has_port.then_some(node.port),
        }
    }
}

impl From<&Bastion> for Name {
    fn from(hop: &Bastion) -> Self {
        Self {
            host: hop.address.clone(),
            user: Some(hop.user.clone()),
            port: hop.has_port.then_some(hop.port),
        }
    }
}

/// All answers that the ways are made of.
struct Survey<'w> {
    wishes: Wishes<'w>,
    answers: BTreeMap<Name, Resolved>,
    records: BTreeMap<Vec<PathBuf>, Arc<KnownHosts>>,
}

impl Survey<'_> {
    /// Asks about `names`, then about the jump hosts in the answers, and so on.
    async fn ask(&mut self, client: &Client, names: BTreeSet<Name>) -> Result<(), ConfigError> {
        let mut names = names;
        for _ in 0..=FARTHEST {
            names.retain(|name| !self.answers.contains_key(name));
            if names.is_empty() {
                break;
            }
            let answers = client.resolve(names).await?;
            names = if self.wishes.hops.is_empty() {
                let jumps = answers.values().flat_map(Resolved::jumps);
                jumps.cloned().collect()
            } else {
                BTreeSet::new()
            };
            self.answers.extend(answers);
        }
        Ok(())
    }

    fn route(&mut self, node: &Node) -> Result<Route, ConfigError> {
        let name = Name::from(node);
        let mut end = self.stop(Stop::from(node), &name)?;
        let hops = self.hops(&name)?;
        let is_far = !hops.is_empty() && self.wishes.hops.is_empty();
        if is_far || is_elsewhere(node, &end) {
            end.obstacle = Some(Obstacle::OnlyConfigured);
        }
        Ok(Route::new(hops, end))
    }

    fn hops(&mut self, end: &Name) -> Result<Vec<Stop>, ConfigError> {
        let wished = self.wishes.hops;
        if !wished.is_empty() {
            let stops = wished
                .iter()
                .map(|hop| self.stop(Stop::from(hop), &Name::from(hop)));
            return stops.collect();
        }
        let mut names = Vec::new();
        self.follow(end, &mut names)?;
        names.iter().map(|name| self.jump(name)).collect()
    }

    /// The jump hosts before `end`: only the first of a list may have jump hosts of its own,
    /// because the list says how the others are reached.
    fn follow(&self, end: &Name, found: &mut Vec<Name>) -> Result<(), ConfigError> {
        let jumps = match self.answers.get(end).map(|answer| &answer.proxy) {
            Some(Proxy::Command) => {
                return Err(ConfigError::Unfollowed {
                    host: end.host.clone(),
                    option: "ProxyCommand",
                });
            }
            Some(Proxy::Jumps(jumps)) => jumps.as_slice(),
            None => &[],
        };
        let Some(first) = jumps.first() else {
            return Ok(());
        };
        if found.len() + jumps.len() > FARTHEST {
            return Err(ConfigError::TooFar {
                host: end.host.clone(),
            });
        }
        found.splice(0..0, jumps.iter().cloned());
        self.follow(first, found)
    }

    /// A jump host of which only the configuration speaks.
    fn jump(&mut self, name: &Name) -> Result<Stop, ConfigError> {
        let Some(answer) = self.answers.get(name) else {
            return Err(ConfigError::TooFar {
                host: name.host.clone(),
            });
        };
        let stop = Stop::from(&Bastion {
            address: name.host.clone(),
            port: answer.port,
            has_port: true,
            user: answer.user.clone(),
            key: KeySource::OpenSsh(answer.identities.clone()),
        });
        self.stop(stop, name)
    }

    /// `stop` with what the configuration says of `name`; of its key only where nobody named one.
    fn stop(&mut self, stop: Stop, name: &Name) -> Result<Stop, ConfigError> {
        let Some(answer) = self.answers.get(name).cloned() else {
            return Ok(stop);
        };
        let mut at = Arc::unwrap_or_clone(stop.at);
        at.host = answer.host;
        at.port = answer.port;
        at.alias = answer.alias;
        Ok(Stop {
            at: Arc::new(at),
            key: match stop.key {
                KeySource::Default(_) => KeySource::OpenSsh(answer.identities),
                named => named,
            },
            known_hosts: self.record(answer.known_hosts)?,
            connect: answer.connect.filter(|_| !self.wishes.has_limit),
            obstacle: None,
        })
    }

    /// The record of host keys in `files`, each set of files read once.
    fn record(&mut self, files: Vec<PathBuf>) -> Result<Option<Arc<KnownHosts>>, ConfigError> {
        let Some(before) = self.wishes.known_hosts else {
            return Ok(None);
        };
        if let Some(record) = self.records.get(&files) {
            return Ok(Some(record.clone()));
        }
        let all: Vec<PathBuf> = before.iter().chain(&files).cloned().collect();
        let record = KnownHosts::read(&all).map_err(ConfigError::KnownHosts)?;
        let record = Arc::new(record);
        self.records.insert(files, record.clone());
        Ok(Some(record))
    }
}
