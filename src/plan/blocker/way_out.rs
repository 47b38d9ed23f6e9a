//! The name of each blocker, its node, and the way out.

use crate::plan::blocker::Blocker;

impl Blocker {
    /// The way out.
    pub fn hint(&self) -> String {
        match self {
            Self::Silent { node, .. } => format!(
                "mend the connection to {node}; or pass `--allow-incomplete` to change the other nodes' files and leave cluster.yml alone"
            ),
            Self::ContainerUnread { node, .. } => format!(
                "see what `docker inspect` says on {node} and run again; or pass `--allow-incomplete` to change files only and leave cluster.yml alone"
            ),
            Self::NotAFile { node, path, .. } => {
                format!("look at {path} on {node} and move it away, then run again")
            }
            Self::KeysDiffer { .. } => "if a rotation was begun, run `harden rotate-key` again; else find out which key the Secrets in etcd were written with, put that file on every control-plane node, and keep the others: Secrets written with another key are unreadable without it".into(),
            Self::KeyFileUnread { .. } => "every control-plane node must be looked at before a key is made or copied; mend the node, or leave it out of the cluster first".into(),
            Self::KeyFileInvalid { node, .. } => format!(
                "put the right file there from a backup; if {node} never encrypted, move the file away"
            ),
            Self::SampleKey { .. } => "everybody knows this key: run `harden rotate-key`, and never replace it in one step".into(),
            Self::KeyLost { file, wanted, .. } => format!(
                "restore {file} from the backup and put the same content into {wanted} on every control-plane node; a new key would lose every Secret"
            ),
            Self::KeyNotSites { file, .. } => format!(
                "put the cluster's key into {file} (`harden key export`); or run `harden rotate-key --encryption-key-file {file}` to change to the new one"
            ),
            Self::KeyNotNew { file } => format!("put a new key into {file} first: `head -c 32 /dev/urandom | base64`"),
            Self::NoKey { .. } => "run `harden apply` first; it makes one key for the whole cluster".into(),
            Self::KeyNotRotatable { .. } => "bring the file to `aescbc` for secrets and `identity` last, or rotate by hand".into(),
            Self::ServerNotReady { .. } => "run `harden apply` first, and look at `docker logs --tail 50 kube-apiserver` there".into(),
            Self::StepSkipped { .. } => "give all of them one file with both keys, restart every kube-apiserver one at a time, then run `harden rotate-key` again".into(),
            Self::KeyUnknown { .. } => "find the file with that key in a backup: without it these Secrets are lost, and a rotation would not bring them back".into(),
            Self::EtcdUnread { .. } => "on an etcd node, run `docker exec etcd etcdctl endpoint health`".into(),
            Self::NotInVersion { thing, .. } => format!("take {thing} out of cluster.yml, or use a profile for this version"),
            Self::BothAdmissionFlags { set, .. } => format!("take {set} out of services.kube-api.extra_args in cluster.yml; `apply` writes the flag that runs"),
            Self::NoNamespace { namespace } => format!("run `kubectl create namespace {namespace}`, or add a Namespace document to templates/addons.yaml.hbs of the site"),
            Self::Unchangeable { command, .. } => format!("run `{command}`; apply brings it back as it should be"),
            Self::NoRoomForAudit { near, .. } => format!("make room for {near}, or set a smaller audit_log_max_size or audit_log_max_backup in the playbook"),
            Self::Template { template } => format!("compare templates/{template}.hbs with the one of this program"),
            Self::Kernel { node, key, wanted, .. } => format!(
                "on {node}: find what sets {key}, then run `sysctl -w {key}={wanted}`"
            ),
            Self::Moved { mounted, .. } => match mounted.strip_suffix("/etc/kubernetes") {
                Some("") => "take `prefix_path` out of cluster.yml, as it was when the cluster was built: no component finds its files elsewhere".into(),
                Some(prefix) => format!("write `prefix_path: {prefix}` into cluster.yml, as it was when the cluster was built: no component finds its files elsewhere"),
                None => "look for it in `extra_binds` of cluster.yml, and mount what `prefix_path` says".into(),
            },
            Self::Undecided { .. } => "write `prefix_path: /opt/rke` into cluster.yml, which every version understands".into(),
            Self::Overruled { file, key, .. } => format!(
                "take {key} out of {file}, or mask that file by one of the same name in /etc/sysctl.d"
            ),
            Self::Unwritable { path, .. } => format!("make room for {path}, or mount its file system writable, then run again"),
            Self::Tools { .. } => "install them (Debian: coreutils), then run again".into(),
            Self::Kubernetes { .. } => "an unknown flag or plug-in stops a component; use a profile for this version".into(),
            Self::NodeLists { .. } => "make both lists equal: `rke up` removes a node that is missing in cluster.yml, and deletes /etc/kubernetes on it".into(),
            Self::PodsRefused { .. } => "bind what their namespaces need to default-psp with a RoleBinding first, or mend the workloads; or pass `--allow-refused-pods`".into(),
            Self::ClusterFile { hint, .. } | Self::Rke { hint, .. } => hint.clone(),
        }
    }

    /// A stable name; `docs/blockers/ID.md` says more about it.
    pub fn id(&self) -> &'static str {
        match self {
            Self::Silent { .. } => "silent-node",
            Self::ContainerUnread { .. } => "container-unread",
            Self::NotAFile { .. } => "not-a-file",
            Self::KeysDiffer { .. } => "keys-differ",
            Self::KeyFileUnread { .. } => "key-unread",
            Self::KeyFileInvalid { .. } => "key-invalid",
            Self::SampleKey { .. } => "sample-key",
            Self::KeyLost { .. } => "key-lost",
            Self::KeyNotSites { .. } => "key-not-sites",
            Self::KeyNotNew { .. } => "key-not-new",
            Self::NoKey { .. } => "no-key",
            Self::KeyNotRotatable { .. } => "key-not-rotatable",
            Self::ServerNotReady { .. } => "server-not-ready",
            Self::StepSkipped { .. } => "step-skipped",
            Self::KeyUnknown { .. } => "key-unknown",
            Self::EtcdUnread { .. } => "etcd-unread",
            Self::Template { .. } => "template",
            Self::Kernel { .. } => "kernel-value",
            Self::Moved { .. } => "files-elsewhere",
            Self::Undecided { .. } => "files-undecided",
            Self::Overruled { .. } => "kernel-overruled",
            Self::Unwritable { .. } => "unwritable",
            Self::Tools { .. } => "tools-missing",
            Self::Kubernetes { .. } => "kubernetes-version",
            Self::NotInVersion { .. } => "not-in-version",
            Self::BothAdmissionFlags { .. } => "both-admission-flags",
            Self::NoNamespace { .. } => "no-namespace",
            Self::Unchangeable { .. } => "unchangeable-object",
            Self::NoRoomForAudit { .. } => "no-room-for-audit",
            Self::NodeLists { .. } => "node-lists",
            Self::PodsRefused { .. } => "pods-refused",
            Self::ClusterFile { .. } => "cluster-file",
            Self::Rke { id, .. } => id,
        }
    }

    /// The node that it is about, where it is about one.
    pub fn node(&self) -> Option<&str> {
        match self {
            Self::Silent { node, .. }
            | Self::ContainerUnread { node, .. }
            | Self::NotAFile { node, .. }
            | Self::KeyFileUnread { node, .. }
            | Self::KeyFileInvalid { node, .. }
            | Self::SampleKey { node }
            | Self::KeyLost { node, .. }
            | Self::NoKey { node }
            | Self::KeyNotRotatable { node, .. }
            | Self::ServerNotReady { node, .. }
            | Self::Kernel { node, .. }
            | Self::Moved { node, .. }
            | Self::Undecided { node, .. }
            | Self::Overruled { node, .. }
            | Self::Unwritable { node, .. }
            | Self::NoRoomForAudit { node, .. }
            | Self::Tools { node, .. } => Some(node),
            Self::KeysDiffer { .. }
            | Self::KeyNotSites { .. }
            | Self::KeyNotNew { .. }
            | Self::StepSkipped { .. }
            | Self::KeyUnknown { .. }
            | Self::EtcdUnread { .. }
            | Self::Template { .. }
            | Self::Kubernetes { .. }
            | Self::NotInVersion { .. }
            | Self::BothAdmissionFlags { .. }
            | Self::NoNamespace { .. }
            | Self::Unchangeable { .. }
            | Self::NodeLists { .. }
            | Self::PodsRefused { .. }
            | Self::ClusterFile { .. }
            | Self::Rke { .. } => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::fs;
    use std::path::Path;

    /// Every id that this program can print, from the source that prints it.
    fn ids() -> BTreeSet<String> {
        let own = include_str!("way_out.rs");
        let own = own.split("pub fn id(").nth(1).unwrap();
        let own = own.split("pub fn node(").next().unwrap();
        let of_rke = include_str!("../../rke/preflight.rs");
        let of_rke = of_rke.split("pub fn id(").nth(1).unwrap();
        let of_rke = of_rke.split("pub fn hint(").next().unwrap();
        let quoted = |text: &'static str| text.split('"').skip(1).step_by(2);
        let ids = [own, of_rke]
            .into_iter()
            .flat_map(quoted)
            .map(str::to_owned);
        // These two are warnings; the last is the engine's.
        let ids = ids.filter(|id| !["unpinned", "unofficial-rke"].contains(&id.as_str()));
        ids.chain(["rke-missing".to_owned()]).collect()
    }

    #[test]
    fn every_blocker_has_a_page_and_every_page_a_blocker() {
        let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/blockers");
        let pages = fs::read_dir(&dir)
            .unwrap()
            .map(|entry| entry.unwrap().path());
        let pages = pages.filter(|page| !page.ends_with("README.md"));
        let pages: BTreeSet<String> = pages
            .map(|page| page.file_stem().unwrap().to_str().unwrap().to_owned())
            .collect();

        assert_eq!(pages, ids());
        for id in pages {
            let text = fs::read_to_string(dir.join(format!("{id}.md"))).unwrap();
            for part in [&format!("# {id}\n")[..], "\n## Why", "\n## What to type"] {
                assert!(text.contains(part), "{id}: {part}");
            }
            let index = fs::read_to_string(dir.join("README.md")).unwrap();
            assert!(
                index.contains(&format!("({id}.md)")),
                "{id} is not in the index"
            );
        }
    }
}
