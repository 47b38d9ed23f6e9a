//! What must be so before `rke up` may run at all.

use std::fmt;
use std::path::Path;
use std::path::PathBuf;

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
    /// Not a release of RKE.
    Unofficial { version: String },
}

impl Obstacle {
    /// True when `rke up` must not run; otherwise it is a warning.
    pub fn is_blocking(&self) -> bool {
        matches!(self, Self::StateMissing { .. })
    }

    /// A stable name, as a blocker has one.
    pub fn id(&self) -> &'static str {
        match self {
            Self::StateMissing { .. } => "state-missing",
            Self::Unpinned { .. } => "unpinned",
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

/// The files beside `config` that RKE derives from its name: the kubeconfig, and the state that
/// v0.2 and newer keep (rke.md 3.3). They need not exist.
pub fn state_files(config: &Path) -> [PathBuf; 2] {
    let name = config.file_name().unwrap_or_default().to_string_lossy();
    [
        config.with_file_name(format!("kube_config_{name}")),
        config.with_extension("rkestate"),
    ]
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
