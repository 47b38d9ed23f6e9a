//! The way to each node: which jump hosts are passed, and who we are at every stop.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use crate::inventory::Bastion;
use crate::inventory::KeySource;
use crate::inventory::Node;
use crate::ssh::known_hosts::KnownHosts;
use crate::ssh::obstacle::Obstacle;
use crate::ssh::target::Target;

/// One machine on the way, and what opens it.
#[derive(Clone, Debug)]
pub struct Stop {
    pub at: Arc<Target>,
    pub key: KeySource,
    /// Instead of the run's own record of host keys.
    pub known_hosts: Option<Arc<KnownHosts>>,
    /// Instead of the run's own limit for connecting.
    pub connect: Option<Duration>,
    /// Why RKE will not come this way.
    pub obstacle: Option<Obstacle>,
}

/// The way to one node.
#[derive(Clone, Debug)]
pub struct Route {
    /// Jump hosts in the order in which they are passed; none for a direct way.
    pub hops: Vec<Stop>,
    pub end: Stop,
}

/// The ways to all nodes of a fleet.
#[derive(Clone, Debug, Default)]
pub struct Routes {
    /// In front of every node that has no way of its own.
    shared: Vec<Stop>,
    own: BTreeMap<String, Route>,
}

impl Routes {
    /// All nodes behind `hops`, which are passed one after the other.
    pub fn through(hops: &[Bastion]) -> Self {
        Self {
            shared: chain(hops.iter().map(Stop::from)),
            own: BTreeMap::new(),
        }
    }

    /// Gives `node` a way of its own.
    pub(super) fn set(&mut self, node: &Node, route: Route) {
        self.own.insert(node.name.clone(), route);
    }

    /// The way to `node`.
    pub fn to(&self, node: &Node) -> Route {
        if let Some(route) = self.own.get(&node.name) {
            return route.clone();
        }
        Route::new(self.shared.clone(), Stop::from(node))
    }
}

impl Route {
    /// The way to `end` through `hops`.
    pub fn new(hops: Vec<Stop>, end: Stop) -> Self {
        let hops = chain(hops);
        let end = end.behind(&hops);
        Self { hops, end }
    }
}

/// Tells each stop which ones come before it.
fn chain(stops: impl IntoIterator<Item = Stop>) -> Vec<Stop> {
    let mut chained = Vec::new();
    for stop in stops {
        let stop = stop.behind(&chained);
        chained.push(stop);
    }
    chained
}

impl Stop {
    fn new(at: Target, key: &KeySource) -> Self {
        Self {
            at: Arc::new(at),
            key: key.clone(),
            known_hosts: None,
            connect: None,
            obstacle: None,
        }
    }

    fn behind(self, hops: &[Self]) -> Self {
        let mut at = Arc::unwrap_or_clone(self.at);
        at.via = hops.iter().map(|hop| hop.at.as_hop()).collect();
        Self {
            at: Arc::new(at),
            ..self
        }
    }
}

impl From<&Node> for Stop {
    fn from(node: &Node) -> Self {
        Self::new(Target::from(node), &node.key)
    }
}

impl From<&Bastion> for Stop {
    fn from(bastion: &Bastion) -> Self {
        Self::new(Target::from(bastion), &bastion.key)
    }
}
