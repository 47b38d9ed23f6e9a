//! What running components still need of what a run made.

use crate::facts::Facts;
use crate::facts::Observed;
use crate::facts::container::Container;
use crate::facts::question::BOOT_DIRECTORIES;
use crate::facts::question::SYSCTL_CONF;
use crate::plan::KUBELET_VALUES;

/// The components of which any may read a file of a run.
pub(super) const COMPONENTS: [&str; 6] = [
    "etcd",
    "kube-apiserver",
    "kube-controller-manager",
    "kube-proxy",
    "kube-scheduler",
    "kubelet",
];

/// The API server's option for the encryption file, up to Kubernetes 1.12 and from 1.13 on (T-15).
pub(super) const ENCRYPTION_FLAGS: [&str; 2] = [
    "experimental-encryption-provider-config",
    "encryption-provider-config",
];

/// Why a file must stay, when it must.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum Use {
    /// This component runs with an option that names it.
    Named { component: String, flag: String },
    /// A file in use names it.
    Mentioned { by: String },
    /// Nobody knows: docker did not say.
    Unknown { component: String, why: String },
}

impl Use {
    pub(super) fn why(&self) -> String {
        match self {
            Self::Named { component, flag } => {
                format!("{component} runs with `--{flag}` and would not start without it")
            }
            Self::Mentioned { by } => {
                format!("{by} names it, and a component runs with that")
            }
            Self::Unknown { component, why } => {
                format!("it is not known whether {component} uses it: {why}")
            }
        }
    }

    /// True for the file that holds the key of the cluster's Secrets.
    pub(super) fn is_of_key(&self) -> bool {
        matches!(self, Self::Named { flag, .. } if ENCRYPTION_FLAGS.contains(&flag.as_str()))
    }
}

/// Who uses the file at `path`, `others` being the run's other files on this node.
pub(super) fn of_file(path: &str, others: &[&str], facts: &Facts) -> Option<Use> {
    of_component(path, facts).or_else(|| {
        let name = path.rsplit_once('/')?.1;
        let by = others.iter().find(|other| {
            **other != path && mentions(facts, other, name) && of_component(other, facts).is_some()
        })?;
        Some(Use::Mentioned {
            by: (*by).to_owned(),
        })
    })
}

/// Why kernel values must stay: a kubelet compares them when it starts (T-20).
pub(super) fn of_kernel(facts: &Facts) -> Option<String> {
    let flag = "protect-kernel-defaults";
    match facts.container("kubelet") {
        Observed::Present(kubelet) if kubelet.flag(flag) == Some("true") => Some(format!(
            "the kubelet runs with `--{flag}` and would not start with another value"
        )),
        Observed::Present(_) | Observed::Absent => None,
        Observed::Unread { why } => Some(format!(
            "it is not known whether the kubelet compares it: {why}"
        )),
    }
}

/// True for a value that a kubelet with that option would refuse.
pub(super) fn is_refused(key: &str, value: &str) -> bool {
    KUBELET_VALUES
        .iter()
        .any(|(known, wanted)| *known == key && *wanted != value)
}

/// True for a file from which kernel values are set at boot.
pub(super) fn is_read_at_boot(path: &str) -> bool {
    let dir = path.rsplit_once('/').map_or("", |(dir, _)| dir);
    path == SYSCTL_CONF || BOOT_DIRECTORIES.contains(&dir)
}

fn of_component(path: &str, facts: &Facts) -> Option<Use> {
    COMPONENTS
        .iter()
        .find_map(|component| match facts.container(component) {
            Observed::Present(container) => {
                let flag = flag_that_names(path, container)?;
                let component = (*component).to_owned();
                Some(Use::Named { component, flag })
            }
            Observed::Absent => None,
            Observed::Unread { why } => {
                let component = (*component).to_owned();
                Some(Use::Unknown { component, why })
            }
        })
}

fn flag_that_names(path: &str, container: &Container) -> Option<String> {
    container.command.iter().find_map(|word| {
        let (flag, value) = word.trim_start_matches('-').split_once('=')?;
        let named = container.host_path(value)?;
        (named == path).then(|| flag.to_owned())
    })
}

fn mentions(facts: &Facts, file: &str, name: &str) -> bool {
    let Observed::Present(file) = facts.file(file) else {
        return false;
    };
    let text = file.content.as_ref().and_then(|content| content.text());
    text.is_some_and(|text| text.contains(&format!("/{name}")))
}
