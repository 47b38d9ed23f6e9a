//! The administrator's kubeconfig, which RKE leaves beside the config (section 3.3).

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::path::PathBuf;

use anyhow::Context;

use super::machine::Result;

/// Where it is: `kube_config_<name of the config>`, in the config's directory.
pub fn beside(config: &Path) -> PathBuf {
    let file = config.file_name().unwrap_or_default().to_string_lossy();
    let directory = match config.parent() {
        Some(parent) if parent != Path::new("") => parent,
        _ => Path::new("."),
    };
    directory.join(format!("kube_config_{file}"))
}

/// Writes it with the mode of v0.1, 0640; `server` is the address of the first control-plane node.
///
/// # Errors
///
/// It cannot be written.
pub fn write(path: &Path, server: &str) -> Result<()> {
    let failure = || format!("cannot write {}", path.display());
    fs::write(path, text(server)).with_context(failure)?;
    fs::set_permissions(path, fs::Permissions::from_mode(0o640)).with_context(failure)
}

fn text(server: &str) -> String {
    format!(
        r#"apiVersion: v1
kind: Config
clusters:
- cluster:
    api-version: v1
    server: "https://{server}:6443"
  name: "local"
contexts:
- context:
    cluster: "local"
    user: "kube-admin"
  name: "Default"
current-context: "Default"
users:
- name: "kube-admin"
  user: {{}}
"#
    )
}
