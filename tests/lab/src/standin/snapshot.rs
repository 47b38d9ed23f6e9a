//! `rke etcd snapshot-save`, which leaves a file on every etcd node.

use std::fs;
use std::path::Path;

use anyhow::anyhow;
use anyhow::bail;

use super::cluster::Cluster;
use super::fault::Faults;
use super::fleet::Fleet;
use super::log;
use super::machine::Result;

/// Where RKE leaves snapshots.
const DIRECTORY: &str = "/opt/rke/etcd-snapshots";

/// Saves a snapshot called `name` on every etcd node of the config.
///
/// # Errors
///
/// The message of the last, fatal line.
pub fn save(config: &Path, name: &str, fleet: &Fleet, faults: &Faults) -> Result<()> {
    let text = fs::read_to_string(config)?;
    log::info("Starting saving snapshot on etcd hosts");
    let cluster = Cluster::parse(&text).map_err(|why| anyhow!(why))?;
    if faults.snapshot {
        bail!("[etcd] Failed to take snapshot, told to fail");
    }
    for node in cluster.with_role("etcd") {
        let address = &node.address;
        let machine = fleet.machine(node);
        let machine = machine.ok_or_else(|| anyhow!("host [{address}] cannot be reached"))?;
        log::info(&format!(
            "[etcd] Saving snapshot [{name}] on host [{address}]"
        ));
        let path = format!("{DIRECTORY}/{name}");
        machine.write(&path, "stands for the content of etcd\n", 0o600)?;
    }
    log::info(&format!(
        "Finished saving snapshot [{name}] on all etcd hosts"
    ));
    Ok(())
}
