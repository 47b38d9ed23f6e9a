//! How a fleet is described before it starts.

use std::collections::BTreeMap;
use std::fs;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::Context as _;
use anyhow::ensure;
use rustix::process::Resource;
use tempfile::TempDir;
use tokio::net::TcpSocket;

use crate::docker::Templates;
use crate::fault::Fault;
use crate::fleet::Fleet;
use crate::identity::Identity;
use crate::key;
use crate::machine::Blueprint;
use crate::machine::Machine;
use crate::mounts;
use crate::role::Role;
use crate::server;

/// A fleet to be; [`Builder::start`] makes it.
#[must_use]
pub struct Builder {
    dir: Option<PathBuf>,
    nodes: Vec<(String, Vec<Role>)>,
    faults: Vec<(String, Fault)>,
    user: String,
    port: u16,
    is_built: bool,
    is_lazy: bool,
}

impl Default for Builder {
    fn default() -> Self {
        Self {
            dir: None,
            nodes: Vec::new(),
            faults: Vec::new(),
            user: "root".to_owned(),
            port: 0,
            is_built: true,
            is_lazy: false,
        }
    }
}

impl Builder {
    /// Keeps the fleet in `dir`, where it is found again by the next start; otherwise it lives in
    /// a temporary directory that goes when the fleet does.
    pub fn in_dir(mut self, dir: impl Into<PathBuf>) -> Self {
        self.dir = Some(dir.into());
        self
    }

    /// `count` more nodes with these roles, named after the first of them: `cp-1`, `cp-2`,
    /// `etcd-1`, `w-1`.
    pub fn nodes(mut self, count: usize, roles: &[Role]) -> Self {
        let prefix = roles.iter().min().map_or("node", |role| role.prefix());
        let is_alike = |name: &str| {
            name.rsplit_once('-')
                .is_some_and(|(stem, _)| stem == prefix)
        };
        let before = self.nodes.iter().filter(|(name, _)| is_alike(name)).count();
        for number in before + 1..=before + count {
            self.nodes
                .push((format!("{prefix}-{number}"), roles.to_vec()));
        }
        self
    }

    /// A node that is wrong in this way from the start.
    pub fn fault(mut self, node: &str, fault: Fault) -> Self {
        self.faults.push((node.to_owned(), fault));
        self
    }

    /// Logs in as this user, `root` or `ubuntu`; the latter needs `sudo -n`.
    pub fn user(mut self, user: &str) -> Self {
        user.clone_into(&mut self.user);
        self
    }

    /// Every node listens on this port of its own address; 0, the default, is any free one.
    pub fn port(mut self, port: u16) -> Self {
        self.port = port;
        self
    }

    /// The machines are there, and `rke up` has never run: no container, no `/etc/kubernetes`.
    pub fn not_built(mut self) -> Self {
        self.is_built = false;
        self
    }

    /// Makes a node's directory only when somebody connects to it or asks the fleet for it by
    /// name: a thousand nodes then start at once.
    pub fn lazily(mut self) -> Self {
        self.is_lazy = true;
        self
    }

    /// Makes the directories, starts the servers, and writes what leads to them.
    ///
    /// # Errors
    /// The directory cannot be written, a port is taken, a fault names no node or needs root,
    /// or the kernel allows no mount namespaces.
    pub async fn start(self) -> Result<Fleet, anyhow::Error> {
        let mut fleet = tokio::task::spawn_blocking(move || self.prepare()).await??;
        fleet.serve()?;
        Ok(fleet)
    }

    fn prepare(self) -> Result<Fleet, anyhow::Error> {
        mounts::ensure_possible()?;
        raise_file_limit();
        let (dir, temporary) = self.place()?;
        let sockets = self.sockets()?;
        let identities: Vec<_> = sockets
            .iter()
            .map(|(identity, _)| identity.clone())
            .collect();
        let client = key::found_or_fresh(&dir.join("id_ed25519"), "harden-lab")?;
        key::keep(&client, &dir.join("id_ed25519"))?;
        let templates = if self.is_built {
            Some(Templates::read()?)
        } else {
            None
        };
        let client = client.public_key().clone();
        let blueprint = Arc::new(Blueprint {
            identities,
            templates,
            client,
        });
        let mut faults = self.faults_by_node()?;
        let mut fleet = Fleet::new(dir, temporary);
        for (identity, socket) in sockets {
            let own = fleet.dir().join("nodes").join(&identity.name);
            let faults = faults.remove(&identity.name).unwrap_or_default();
            let machine = Machine::new(identity, own, Arc::clone(&blueprint), faults)?;
            if !self.is_lazy {
                machine.ready()?;
            }
            fleet.add(Arc::new(machine), socket);
        }
        fleet.write_signposts()?;
        Ok(fleet)
    }

    fn place(&self) -> Result<(PathBuf, Option<TempDir>), anyhow::Error> {
        let Some(dir) = &self.dir else {
            let temporary = tempfile::Builder::new().prefix("harden-lab-").tempdir()?;
            return Ok((temporary.path().canonicalize()?, Some(temporary)));
        };
        fs::create_dir_all(dir).with_context(|| dir.display().to_string())?;
        Ok((dir.canonicalize()?, None))
    }

    fn sockets(&self) -> Result<Vec<(Identity, TcpSocket)>, anyhow::Error> {
        let mut sockets = Vec::with_capacity(self.nodes.len());
        for (index, (name, roles)) in self.nodes.iter().enumerate() {
            let index = u16::try_from(index).context("too many nodes")?;
            let mut identity = Identity::new(index, name.clone(), roles.clone(), self.user.clone());
            let wanted = SocketAddr::from((identity.address, self.port));
            let socket = server::bind(wanted).with_context(|| format!("{name}: {wanted}"))?;
            identity.port = socket.local_addr()?.port();
            sockets.push((identity, socket));
        }
        Ok(sockets)
    }

    fn faults_by_node(&self) -> Result<BTreeMap<String, Vec<Fault>>, anyhow::Error> {
        let mut by_node: BTreeMap<_, Vec<_>> = BTreeMap::new();
        for (name, fault) in &self.faults {
            let is_here = self.nodes.iter().any(|(node, _)| node == name);
            ensure!(is_here, "no node of the fleet is called `{name}`");
            by_node.entry(name.clone()).or_default().push(fault.clone());
        }
        Ok(by_node)
    }
}

/// A node needs one descriptor, each of its connections one, each of its commands three.
pub(crate) fn raise_file_limit() {
    let mut limit = rustix::process::getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    // A small fleet works with the limit as it is.
    let _ = rustix::process::setrlimit(Resource::Nofile, limit);
}
