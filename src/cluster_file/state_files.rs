//! What RKE keeps beside a `cluster.yml`.

use std::path::Path;
use std::path::PathBuf;

/// The files beside `config` that RKE derives from its name: the kubeconfig, and the state that
/// v0.2 and newer keep (rke.md 3.3). They need not exist.
pub fn state_files(config: &Path) -> [PathBuf; 2] {
    let name = config.file_name().unwrap_or_default().to_string_lossy();
    [
        config.with_file_name(format!("kube_config_{name}")),
        config.with_extension("rkestate"),
    ]
}
