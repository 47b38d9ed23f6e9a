//! What must be so before `rke up` may run at all.

use std::fmt;
use std::path::Path;
use std::path::PathBuf;

use crate::cluster_file::state_files;

/// Kubernetes versions that releases of RKE take when the file pins none (rke.md 2).
const DEFAULTS: [(&str, &str); 3] = [
    ("v0.1.11", "v1.11.3-rancher1-1"),
    ("v0.1.17", "v1.13.4-rancher1-1"),
    ("v0.2.8", "v1.14.6-rancher1-1"),
];

/// Something that speaks against running `rke up` now.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Obstacle {
    /// The cluster exists, but not the file by which this RKE knows it: it would build a new
    /// one over it, with a new certificate authority (RKE fact 8).
    StateMissing { file: PathBuf },
    /// RKE would choose the Kubernetes version, and perhaps upgrade (RKE fact 15).
    Unpinned { would_take: Option<&'static str> },
    /// RKE would bring another Kubernetes than the one that runs (RKE fact 15).
    Upgrades { running: String, to: String },
    /// This RKE writes files of the same names itself (T-63).
    OwnsFiles { version: String, files: Vec<String> },
    /// Not a release of RKE.
    Unofficial { version: String },
}

impl Obstacle {
    /// True when `rke up` must not run; otherwise it is a warning.
    pub fn is_blocking(&self) -> bool {
        matches!(
            self,
            Self::StateMissing { .. } | Self::Upgrades { .. } | Self::OwnsFiles { .. }
        )
    }

    /// A stable name, as a blocker has one.
    pub fn id(&self) -> &'static str {
        match self {
            Self::StateMissing { .. } => "state-missing",
            Self::Unpinned { .. } => "unpinned",
            Self::Upgrades { .. } => "kubernetes-upgrade",
            Self::OwnsFiles { .. } => "rke-owns-files",
            Self::Unofficial { .. } => "unofficial-rke",
        }
    }

    /// The next thing to do.
    pub fn hint(&self) -> String {
        match self {
            Self::StateMissing { file } => format!(
                "put {} back from where `rke up` ran last, and never rename the configuration",
                file.display()
            ),
            Self::Unpinned { .. } => {
                "set `kubernetes_version` to the version that runs now".to_owned()
            }
            Self::Upgrades { .. } => {
                "set `kubernetes_version` in cluster.yml to the version that runs; upgrade on another day".to_owned()
            }
            Self::OwnsFiles { .. } => {
                "use the `rke` that built this cluster; from v1.0 on, `secrets_encryption_config.custom_config` must take over the key first".to_owned()
            }
            Self::Unofficial { .. } => "use a release of RKE".to_owned(),
        }
    }
}

impl fmt::Display for Obstacle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::StateMissing { file } => write!(
                f,
                "{} is missing: `rke up` would take this cluster for a new one",
                file.display()
            ),
            Self::Unpinned { would_take: None } => f.write_str(
                "`kubernetes_version` is not set: `rke up` chooses one, and may upgrade the cluster",
            ),
            Self::Unpinned {
                would_take: Some(version),
            } => write!(
                f,
                "`kubernetes_version` is not set: `rke up` takes {version}, and may upgrade the cluster",
            ),
            Self::Upgrades { running, to } => write!(
                f,
                "`rke up` would bring Kubernetes {to}, and {running} runs"
            ),
            Self::OwnsFiles { version, files } => {
                write!(f, "rke {version} writes {} itself", files.join(", "))
            }
            Self::Unofficial { version } => write!(f, "rke {version} is not a release"),
        }
    }
}

/// Looks for what speaks against running RKE `version` on `config`.
///
/// `cluster_exists` says whether the nodes run a cluster; `kubernetes_version`
/// is what the file pins.
pub fn preflight(
    config: &Path,
    cluster_exists: bool,
    version: &str,
    kubernetes_version: Option<&str>,
) -> Vec<Obstacle> {
    let mut obstacles = Vec::new();
    let [kubeconfig, state] = state_files(config);
    let file = if keeps_state_in_cluster(version) {
        kubeconfig
    } else {
        state
    };
    if cluster_exists && !file.exists() {
        obstacles.push(Obstacle::StateMissing { file });
    }
    if kubernetes_version.is_none_or(str::is_empty) {
        let known = DEFAULTS.iter().find(|(release, _)| *release == version);
        obstacles.push(Obstacle::Unpinned {
            would_take: known.map(|(_, kubernetes)| *kubernetes),
        });
    }
    if !is_release(version) {
        obstacles.push(Obstacle::Unofficial {
            version: version.to_owned(),
        });
    }
    obstacles
}

/// Files that RKE writes itself from v1.0 on (T-63, rke.md 3.6).
const OWNED: [&str; 3] = [
    "/etc/kubernetes/admission.yaml",
    "/etc/kubernetes/audit-policy.yaml",
    "/etc/kubernetes/ssl/encryption.yaml",
];

/// What RKE `version` would do to a cluster that runs Kubernetes `running`, given as `1.11`, and
/// to the files that are written here.
pub fn clashes<'a>(
    version: &str,
    pinned: Option<&str>,
    running: Option<&str>,
    files: impl IntoIterator<Item = &'a str>,
) -> Vec<Obstacle> {
    let mut obstacles = Vec::new();
    let default = DEFAULTS.iter().find(|(release, _)| *release == version);
    let to = pinned
        .filter(|pinned| !pinned.is_empty())
        .or(default.map(|(_, kubernetes)| *kubernetes));
    if let (Some(to), Some(running)) = (to, running)
        && minor_of(to).is_some_and(|minor| minor != running)
    {
        obstacles.push(Obstacle::Upgrades {
            running: running.to_owned(),
            to: to.to_owned(),
        });
    }
    let files = files.into_iter().filter(|file| OWNED.contains(file));
    let files: Vec<String> = files.map(str::to_owned).collect();
    if !files.is_empty() && is_release(version) && !version.starts_with("v0.") {
        let version = version.to_owned();
        obstacles.push(Obstacle::OwnsFiles { version, files });
    }
    obstacles
}

/// `1.11` of `v1.11.3-rancher1-1`.
fn minor_of(version: &str) -> Option<String> {
    let mut parts = version.trim_start_matches('v').split('.');
    Some(format!("{}.{}", parts.next()?, parts.next()?))
}

/// True for v0.1, which finds its state through the kubeconfig.
fn keeps_state_in_cluster(version: &str) -> bool {
    version.trim_start_matches('v').starts_with("0.1.")
}

fn is_release(version: &str) -> bool {
    let Some(numbers) = version.strip_prefix('v') else {
        return false;
    };
    let number = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    numbers.split('.').count() == 3 && numbers.split('.').all(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PINNED: Option<&str> = Some("v1.11.3-rancher1-1");

    #[test]
    fn an_existing_cluster_needs_the_file_its_rke_knows_it_by() {
        let folder = tempfile::tempdir().unwrap();
        let config = folder.path().join("prod.cluster.yml");
        let blocked = |version| preflight(&config, true, version, PINNED);

        assert_eq!(
            blocked("v0.1.11"),
            [Obstacle::StateMissing {
                file: folder.path().join("kube_config_prod.cluster.yml")
            }],
        );
        assert_eq!(
            blocked("v1.3.8"),
            [Obstacle::StateMissing {
                file: folder.path().join("prod.cluster.rkestate")
            }],
        );
        assert!(blocked("v0.1.11")[0].is_blocking());
        assert_eq!(preflight(&config, false, "v0.1.11", PINNED), []);
        for file in state_files(&config) {
            std::fs::write(file, "").unwrap();
        }
        assert_eq!(blocked("v0.1.11"), []);
        assert_eq!(blocked("v1.3.8"), []);
    }

    #[test]
    fn an_unpinned_version_is_warned_of_with_what_rke_would_take() {
        let seen = preflight(Path::new("c.yml"), false, "v0.1.11", None);

        assert!(seen[0].to_string().contains("v1.11.3-rancher1-1"));
        assert!(!seen[0].is_blocking());
        assert_eq!(
            preflight(Path::new("c.yml"), false, "v0.1.15", Some("")),
            [Obstacle::Unpinned { would_take: None }],
        );
    }

    #[test]
    fn an_upgrade_that_nobody_asked_for_is_blocking_pinned_or_not() {
        let ids = |version, pinned, running| {
            let found = clashes(version, pinned, running, []);
            found.iter().map(Obstacle::id).collect::<Vec<_>>()
        };

        assert_eq!(ids("v0.1.11", PINNED, Some("1.11")), [""; 0]);
        assert_eq!(ids("v0.1.17", None, Some("1.11")), ["kubernetes-upgrade"]);
        assert_eq!(
            ids("v0.1.11", Some("v1.12.1-rancher1-1"), Some("1.11")),
            ["kubernetes-upgrade"]
        );
        assert_eq!(ids("v0.1.17", None, None), [""; 0]);
    }

    #[test]
    fn an_rke_that_writes_our_files_itself_is_blocking() {
        let files = [
            "/etc/kubernetes/audit.yaml",
            "/etc/kubernetes/admission.yaml",
        ];
        let found = |version| clashes(version, PINNED, Some("1.11"), files);

        assert_eq!(found("v0.3.2"), []);
        let blocking = found("v1.0.0");
        assert!(blocking[0].is_blocking());
        assert!(blocking[0].to_string().contains("admission.yaml"));
        assert!(!blocking[0].to_string().contains("audit.yaml"));
    }

    #[test]
    fn a_build_that_is_no_release_is_warned_of() {
        for version in ["v0.1.11-rc1", "dev", "v0.1", "1.2.3"] {
            let seen = preflight(Path::new("c.yml"), false, version, PINNED);
            assert!(
                matches!(seen[..], [Obstacle::Unofficial { .. }]),
                "{version}"
            );
        }
    }
}
