//! The container lab for a test: three nodes with a real OpenSSH server, sudo and a Docker engine each.
//!
//! The work is done by the shell scripts in `tests/lab/containers`, which can be used by hand as well.

use std::fs;
use std::io;
use std::path::Path;
use std::path::PathBuf;
use std::process::Command;
use std::process::Output;

use anyhow::Context;
use anyhow::Result;
use anyhow::bail;

/// Three running nodes: `cp-1` and `cp-2` (controlplane, etcd) and `worker-1`; gone when dropped.
///
/// `cp-1` is entered as root, the others as `ubuntu` with passwordless sudo.
#[derive(Debug)]
pub struct ContainerLab {
    directory: PathBuf,
}

impl ContainerLab {
    /// Starts the lab below Cargo's target directory, where its built image is kept for the next time.
    ///
    /// # Errors
    ///
    /// The step of `up.sh` that failed; nothing is left running then.
    pub fn start() -> Result<Self> {
        let target = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/lab");
        fs::create_dir_all(&target).with_context(|| format!("cannot make {}", target.display()))?;
        let target = target.canonicalize()?;
        let lab = Self {
            directory: target.join("containers"),
        };
        lab.clear()?;
        let output = Command::new(script("up.sh"))
            .arg(&lab.directory)
            .env("LAB_CACHE", target.join("cache"))
            .output()
            .context("cannot run up.sh")?;
        if !output.status.success() {
            bail!(
                "the container lab did not start\n{}",
                String::from_utf8_lossy(&output.stderr)
            );
        }
        Ok(lab)
    }

    /// Stops what a test that was killed left running, and forgets its files.
    fn clear(&self) -> Result<()> {
        let output = self.down().context("cannot run down.sh")?;
        if !output.status.success() {
            bail!(
                "an earlier lab does not stop\n{}",
                String::from_utf8_lossy(&output.stderr)
            );
        }
        if self.directory.exists() {
            fs::remove_dir_all(&self.directory)?;
        }
        Ok(())
    }

    fn down(&self) -> io::Result<Output> {
        Command::new(script("down.sh"))
            .arg(&self.directory)
            .output()
    }

    /// Where `inventory.yml`, `known_hosts` and the client key `id_ed25519` are.
    pub fn dir(&self) -> &Path {
        &self.directory
    }

    /// The inventory of the three nodes, an RKE `cluster.yml` without services.
    pub fn inventory(&self) -> PathBuf {
        self.directory.join("inventory.yml")
    }

    /// Runs a shell command as root on a node, not through SSH.
    ///
    /// # Errors
    ///
    /// Docker could not be run; a command that fails is no error.
    pub fn exec(&self, node: &str, command: &str) -> Result<Output> {
        Command::new("docker")
            .args(["exec", &format!("harden-lab-{node}"), "sh", "-c", command])
            .output()
            .context("cannot run docker")
    }
}

impl Drop for ContainerLab {
    fn drop(&mut self) {
        // A test that is over can do nothing about a node that does not stop.
        let _ = Command::new(script("down.sh"))
            .arg(&self.directory)
            .output();
    }
}

fn script(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("containers")
        .join(name)
}
