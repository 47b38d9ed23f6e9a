//! A running fleet.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::Path;
use std::path::PathBuf;
use std::sync::Arc;

use tempfile::TempDir;
use tokio::net::TcpSocket;
use tokio::task::JoinSet;

use crate::builder::Builder;
use crate::etcd::Etcd;
use crate::fault::Fault;
use crate::inventory;
use crate::key;
use crate::kubernetes::Kubernetes;
use crate::machine::Machine;
use crate::node::Node;
use crate::server;
use crate::server::Door;

/// Nodes that answer; dropping this ends every server, connection and command.
pub struct Fleet {
    machines: Vec<Arc<Machine>>,
    /// Bound, not yet served; in the order of `machines`.
    sockets: Vec<TcpSocket>,
    servers: JoinSet<()>,
    kubernetes: Option<Kubernetes>,
    dir: PathBuf,
    /// Removes the directory; the last field, because it must go last.
    _temporary: Option<TempDir>,
}

impl Fleet {
    pub fn builder() -> Builder {
        Builder::default()
    }

    /// Where everything of the fleet lies.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// The RKE-style node list.
    pub fn inventory(&self) -> PathBuf {
        self.dir.join("inventory.yml")
    }

    pub fn known_hosts(&self) -> PathBuf {
        self.dir.join("known_hosts")
    }

    /// The private key that every node admits.
    pub fn client_key(&self) -> PathBuf {
        self.dir.join("id_ed25519")
    }

    /// The administrator's kubeconfig for the fleet's own API.
    pub fn kubeconfig(&self) -> PathBuf {
        self.dir.join("kubernetes/kubeconfig")
    }

    /// What the cluster remembers, objects included; written by the stand-in `rke`.
    pub fn state_file(&self) -> PathBuf {
        self.dir.join("cluster-state.json")
    }

    /// Has etcd hold one Secret in plain text for each `NAMESPACE/NAME`.
    ///
    /// # Errors
    /// A node's directory cannot be written.
    pub fn keep_secrets(&self, names: &[&str]) -> io::Result<()> {
        let plain = |name: &&str| ((*name).to_owned(), Etcd::plain(name));
        Etcd::of(&self.dir)?.keep(&names.iter().map(plain).collect())
    }

    /// Has etcd hold these values.
    ///
    /// # Errors
    /// A node's directory cannot be written.
    pub fn keep_values(&self, values: &BTreeMap<String, String>) -> io::Result<()> {
        Etcd::of(&self.dir)?.keep(values)
    }

    /// The beginning of what etcd holds of each Secret, by `NAMESPACE/NAME`.
    ///
    /// # Errors
    /// A node's directory cannot be read.
    pub fn secrets(&self) -> io::Result<BTreeMap<String, String>> {
        Etcd::of(&self.dir)?.secrets()
    }

    /// From here on nobody answers for the API.
    pub fn end_api(&mut self) {
        self.kubernetes = None;
    }

    /// All nodes, in the order in which they were described.
    pub fn nodes(&self) -> impl Iterator<Item = Node> + '_ {
        self.machines
            .iter()
            .map(|machine| Node(Arc::clone(machine)))
    }

    /// The node of this name, its directory made.
    ///
    /// # Panics
    /// When there is none, a mistake of the test that asks, or the directory cannot be made.
    pub fn node(&self, name: &str) -> Node {
        let found = self.nodes().find(|node| node.name() == name);
        let node = found.unwrap_or_else(|| panic!("no node of the fleet is called `{name}`"));
        if let Err(error) = node.0.ready() {
            panic!("{error:#}");
        }
        node
    }

    pub(crate) fn new(dir: PathBuf, temporary: Option<TempDir>) -> Self {
        let servers = JoinSet::new();
        Self {
            machines: Vec::new(),
            sockets: Vec::new(),
            servers,
            kubernetes: None,
            dir,
            _temporary: temporary,
        }
    }

    pub(crate) fn add(&mut self, machine: Arc<Machine>, socket: TcpSocket) {
        self.machines.push(machine);
        self.sockets.push(socket);
    }

    /// Writes the inventory and the known hosts.
    pub(crate) fn write_signposts(&self) -> Result<(), anyhow::Error> {
        let identities = self.machines.iter().map(|machine| &machine.identity);
        fs::write(
            self.inventory(),
            inventory::inventory(identities, &self.client_key()),
        )?;
        let stranger = key::fresh("stranger")?;
        let known = self.machines.iter().filter_map(|machine| {
            let faults = machine.faults();
            let is_wrong = faults.contains(&Fault::WrongHostKey);
            let key = if is_wrong {
                &stranger
            } else {
                &machine.host_key
            };
            let is_known = !faults.contains(&Fault::UnknownHostKey);
            is_known.then(|| (&machine.identity, key.public_key()))
        });
        fs::write(self.known_hosts(), inventory::known_hosts(known)?)?;
        Ok(())
    }

    /// Opens every door; connections are accepted from here on.
    pub(crate) fn serve(&mut self) -> Result<(), anyhow::Error> {
        let api = Kubernetes::start(&self.dir.join("kubernetes"), self.state_file())?;
        self.kubernetes = Some(api);
        for (machine, socket) in self.machines.iter().zip(self.sockets.drain(..)) {
            let door = Door::of(machine, socket)?;
            self.servers.spawn(server::serve(Arc::clone(machine), door));
        }
        Ok(())
    }
}

impl Drop for Fleet {
    fn drop(&mut self) {
        for machine in &self.machines {
            let faults = machine.faults();
            if faults
                .iter()
                .any(|fault| matches!(fault, Fault::Immutable(_)))
            {
                // Otherwise the directory could not be removed; there is nobody left to tell.
                let _ = machine.set_faults(Vec::new());
            }
        }
    }
}
