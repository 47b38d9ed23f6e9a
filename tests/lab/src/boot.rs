//! What a node has after a boot that it did not have before it.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::Path;
use std::path::PathBuf;

use anyhow::Context as _;
use jiff::Timestamp;

use crate::disk;
use crate::docker;
use crate::mounts::BOOT_ID;
use crate::mounts::KERNEL_VALUES;

/// A kernel that nothing has touched; and one whose kubelet has set what it wants, which it does
/// unless `protect-kernel-defaults` forbids it.
pub(crate) const STOCK: [&str; 9] = [
    "0", "0", "0", "0", "1000000", "25000000", "4 4 1 7", "1", "60",
];
pub(crate) const UNDER_A_KUBELET: [&str; 9] = [
    "1", "0", "10", "1", "1000000", "25000000", "4 4 1 7", "1", "60",
];

/// Of those, what a kubelet sets.
const SET_BY_A_KUBELET: usize = 4;

/// Gives this boot of the node in `dir` a name of its own.
pub(crate) fn begin(dir: &Path) -> io::Result<()> {
    let fresh = fs::read("/proc/sys/kernel/random/uuid")?;
    disk::replace(&dir.join("proc").join(BOOT_ID), fresh)
}

/// Takes the node in `dir` through a power failure: what was only in memory is gone, kernel values
/// are those of its files, and every container has been started anew.
pub(crate) fn anew(dir: &Path) -> Result<(), anyhow::Error> {
    begin(dir)?;
    for volatile in ["run", "tmp"] {
        let place = dir.join(volatile);
        for entry in fs::read_dir(&place)? {
            let path = entry?.path();
            let removed = if path.is_dir() {
                fs::remove_dir_all(&path)
            } else {
                fs::remove_file(&path)
            };
            removed.with_context(|| path.display().to_string())?;
        }
    }
    fs::create_dir_all(dir.join("run/sysctl.d"))?;
    load_kernel_values(dir)?;
    start_containers(dir)
}

fn load_kernel_values(dir: &Path) -> Result<(), anyhow::Error> {
    let mut values: BTreeMap<&str, String> = KERNEL_VALUES
        .into_iter()
        .zip(STOCK.map(str::to_owned))
        .collect();
    for file in in_order(dir)? {
        let text = fs::read_to_string(&file).unwrap_or_default();
        for (key, value) in text.lines().filter_map(assignment) {
            if let Some(known) = values.get_mut(key.as_str()) {
                *known = value;
            }
        }
    }
    let kubelet = fs::read_to_string(dir.join("docker/kubelet.json"));
    if kubelet.is_ok_and(|kubelet| !kubelet.contains("--protect-kernel-defaults=true")) {
        for index in 0..SET_BY_A_KUBELET {
            values.insert(KERNEL_VALUES[index], UNDER_A_KUBELET[index].to_owned());
        }
    }
    for (name, value) in values {
        fs::write(dir.join("proc").join(name), format!("{value}\n"))?;
    }
    Ok(())
}

/// By name, one of `/etc` in place of one of the same name elsewhere, and `sysctl.conf` last.
fn in_order(dir: &Path) -> io::Result<Vec<PathBuf>> {
    let mut by_name = BTreeMap::new();
    for place in ["usr-lib-sysctl.d", "run/sysctl.d", "etc/sysctl.d"] {
        for entry in fs::read_dir(dir.join(place))? {
            let path = entry?.path();
            if path
                .extension()
                .is_some_and(|extension| extension == "conf")
            {
                by_name.insert(path.file_name().map(ToOwned::to_owned), path);
            }
        }
    }
    let mut files: Vec<PathBuf> = by_name.into_values().collect();
    files.push(dir.join("etc/sysctl.conf"));
    Ok(files)
}

fn assignment(line: &str) -> Option<(String, String)> {
    let line = line.trim();
    if line.starts_with(['#', ';']) {
        return None;
    }
    let (key, value) = line.split_once('=')?;
    let key = key.trim().trim_start_matches('-').replace('/', ".");
    Some((key, value.trim().to_owned()))
}

/// An API server reads its key file anew.
fn start_containers(dir: &Path) -> Result<(), anyhow::Error> {
    let place = dir.join("docker");
    let now = Timestamp::now().to_string();
    for entry in fs::read_dir(&place)? {
        let path = entry?.path();
        if path
            .extension()
            .is_some_and(|extension| extension == "json")
        {
            let element = docker::started_at(&fs::read_to_string(&path)?, &now)?;
            disk::replace(&path, element)?;
        }
    }
    let key = dir.join("etc/kubernetes/encryption.yaml");
    if place.join("kube-apiserver.json").exists() && key.exists() {
        fs::copy(key, place.join("running-encryption.yaml"))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kernel_value_is_read_as_sysctl_reads_it() {
        let read = |line| assignment(line).unwrap_or_default();

        assert_eq!(
            read(" kernel.panic = 10 "),
            ("kernel.panic".into(), "10".into())
        );
        assert_eq!(read("-kernel/panic=5"), ("kernel.panic".into(), "5".into()));
        assert_eq!(assignment("# kernel.panic=1"), None);
        assert_eq!(assignment("kernel.panic"), None);
    }
}
