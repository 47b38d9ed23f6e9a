//! A node as a test sees it.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::net::SocketAddr;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::path::PathBuf;
use std::sync::Arc;

use crate::counts::Counts;
use crate::digest;
use crate::digest::Entry;
use crate::disk;
use crate::fault::Fault;
use crate::machine::Machine;
use crate::trigger::Trigger;

/// One node of a running fleet: its files from outside, its faults, what it was asked.
///
/// Paths are absolute on the node; `/proc/sys/…` is one of its own kernel values.
#[derive(Clone)]
pub struct Node(pub(crate) Arc<Machine>);

impl Node {
    pub fn name(&self) -> &str {
        &self.0.identity.name
    }

    /// Where its SSH server listens.
    pub fn address(&self) -> SocketAddr {
        SocketAddr::from((self.0.identity.address, self.0.identity.port))
    }

    /// Its directory on this machine.
    pub fn dir(&self) -> &Path {
        &self.0.dir
    }

    /// The place on this machine of a path on the node.
    pub fn path(&self, path: impl AsRef<Path>) -> PathBuf {
        disk::on_machine(&self.0.dir, path.as_ref())
    }

    pub fn exists(&self, path: impl AsRef<Path>) -> bool {
        self.path(path).symlink_metadata().is_ok()
    }

    /// The content of a file.
    ///
    /// # Errors
    /// It does not exist or is not UTF-8.
    pub fn read(&self, path: impl AsRef<Path>) -> io::Result<String> {
        fs::read_to_string(self.path(path))
    }

    /// Gives a file this content; its mode is kept, the directory is made when missing.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn write(&self, path: impl AsRef<Path>, content: &str) -> io::Result<()> {
        let path = self.path(path);
        path.parent().map_or(Ok(()), fs::create_dir_all)?;
        fs::write(path, content)
    }

    /// The permission bits, such as `0o600`.
    ///
    /// # Errors
    /// The file does not exist.
    pub fn mode(&self, path: impl AsRef<Path>) -> io::Result<u32> {
        Ok(fs::symlink_metadata(self.path(path))?.mode() & 0o7777)
    }

    /// User and group. A fleet that root has not started owns its files itself: its own numbers
    /// stand for 0.
    ///
    /// # Errors
    /// The file does not exist.
    pub fn owner(&self, path: impl AsRef<Path>) -> io::Result<(u32, u32)> {
        let metadata = fs::symlink_metadata(self.path(path))?;
        Ok((metadata.uid(), metadata.gid()))
    }

    /// A kernel value such as `vm.overcommit_memory`, without the final newline.
    ///
    /// # Errors
    /// The node has no such value of its own.
    pub fn kernel(&self, name: &str) -> io::Result<String> {
        Ok(fs::read_to_string(self.0.dir.join("proc").join(name))?
            .trim_end()
            .to_owned())
    }

    /// Sets a kernel value.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn set_kernel(&self, name: &str, value: &str) -> io::Result<()> {
        fs::write(self.0.dir.join("proc").join(name), format!("{value}\n"))
    }

    /// Every file under `/etc` by its path in there: compare two of these to see what changed.
    ///
    /// # Errors
    /// A file cannot be read.
    pub fn etc(&self) -> io::Result<BTreeMap<PathBuf, Entry>> {
        digest::entries(&self.0.dir.join("etc"))
    }

    /// One digest over path, mode, owner and content of every file under `/etc`.
    ///
    /// # Errors
    /// A file cannot be read.
    pub fn digest_of_etc(&self) -> io::Result<String> {
        Ok(digest::of(&self.etc()?))
    }

    /// What it was asked since the fleet started.
    pub fn counts(&self) -> Counts {
        self.0.counts()
    }

    pub fn faults(&self) -> Vec<Fault> {
        self.0.faults()
    }

    /// Breaks one thing more; connections from now on see it, and open ones end when they cannot.
    /// What `known_hosts` says is only changed at the start of the fleet.
    ///
    /// # Errors
    /// The node's directory cannot be changed, or the fault needs root.
    pub fn cause(&self, fault: Fault) -> Result<(), anyhow::Error> {
        self.0.cause(fault)
    }

    /// Breaks one thing more as soon as `trigger` is met; when that fails the command does not
    /// start.
    pub fn arm(&self, trigger: Trigger, fault: Fault) {
        self.0.arm(trigger, fault);
    }

    /// Ends every connection that is open now; new ones are served.
    pub fn cut(&self) {
        self.0.cut();
    }

    /// Mends everything, and disarms what has not happened yet.
    ///
    /// # Errors
    /// The node's directory cannot be changed.
    pub fn heal(&self) -> Result<(), anyhow::Error> {
        self.0.disarm();
        self.0.set_faults(Vec::new())
    }
}
