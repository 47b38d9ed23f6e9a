//! What a run of `rke up` came to, judged by all it said and by how it ended.

use std::path::Path;
use std::path::PathBuf;

use crate::rke::hint;
use crate::rke::line::Level;
use crate::rke::line::Line;

const FINISHED: &str = "Finished building Kubernetes cluster successfully";
const ADDON_FAILED: &str = "Failed to deploy addon execute job";
const INCOMPLETE: &str = "Provisioning incomplete";
const NEW_CLUSTER: &str = "[reconcile] This is newly generated cluster";

/// What is known after `rke up`.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct UpOutcome {
    pub verdict: Verdict,
    /// Containers that were replaced, in order.
    pub recreated: Vec<Recreated>,
    /// True when RKE took the cluster for a new one: an alarm if it was not.
    pub new_cluster: bool,
    /// All warnings, in order.
    pub warnings: Vec<String>,
    /// Where every line was kept.
    pub log: PathBuf,
}

/// A container that RKE replaced because its arguments differed (rke.md 3.4).
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Recreated {
    pub container: String,
    pub host: String,
}

/// A node that RKE left out.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Skipped {
    pub host: String,
    /// RKE's words; they often mislead (rke.md 1.4), see [`Verdict::hint`].
    pub cause: String,
}

/// The result of a run. Exit status 0 alone does not make a success (RKE fact 6).
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Verdict {
    Succeeded,
    /// The cluster was built, but not every addon was applied.
    AddonFailed {
        warning: String,
    },
    /// Nodes were left out while the others were changed.
    NodesSkipped {
        nodes: Vec<Skipped>,
    },
    Failed {
        reason: String,
    },
}

impl Verdict {
    /// One line for people, `None` for a success.
    pub fn message(&self) -> Option<String> {
        match self {
            Self::Succeeded => None,
            Self::AddonFailed { warning } => {
                Some(format!("`rke up` did not apply the addons: {warning}"))
            }
            Self::NodesSkipped { nodes } => {
                let nodes: Vec<String> = nodes
                    .iter()
                    .map(|node| format!("{} ({})", node.host, node.cause))
                    .collect();
                Some(format!("`rke up` left out {}", nodes.join(", ")))
            }
            Self::Failed { reason } => Some(format!("`rke up` failed: {reason}")),
        }
    }

    /// The next thing to do; `backup` is the `cluster.yml` from before the run.
    pub fn hint(&self, config: &Path, backup: Option<&Path>) -> Option<String> {
        match self {
            Self::Succeeded => None,
            Self::AddonFailed { .. } => Some(hint::ADDON.to_owned()),
            Self::NodesSkipped { nodes } => {
                let known = nodes.iter().find_map(|node| hint::of_reason(&node.cause));
                let known = known.unwrap_or_else(|| "make the node reachable".to_owned());
                Some(format!(
                    "{known}; then run again: the other nodes are changed already"
                ))
            }
            Self::Failed { reason } => {
                let known = hint::of_reason(reason);
                let known = known.unwrap_or_else(|| "read the log of `rke up`".to_owned());
                Some(match backup.filter(|_| hint::is_outage(reason)) {
                    Some(backup) => format!(
                        "{known}; to go back: `cp {} {}` and `rke up --config {}`",
                        backup.display(),
                        config.display(),
                        config.display()
                    ),
                    None => known,
                })
            }
        }
    }
}

/// What was said so far.
#[derive(Default)]
pub(super) struct Tally {
    recreated: Vec<Recreated>,
    skipped: Vec<Skipped>,
    causes: Vec<Skipped>,
    warnings: Vec<String>,
    addon: Option<String>,
    fatal: Option<String>,
    new_cluster: bool,
    last: String,
}

impl Tally {
    pub(super) fn add(&mut self, line: &Line) {
        let message = line.message.as_str();
        if message.is_empty() {
            return;
        }
        match line.level {
            Level::Warning => self.add_warning(message),
            Level::Fatal => self.fatal = Some(message.to_owned()),
            Level::Raw | Level::Debug | Level::Info | Level::Error => {}
        }
        self.new_cluster |= message == NEW_CLUSTER;
        self.recreated.extend(recreated(message));
        message.clone_into(&mut self.last);
    }

    fn add_warning(&mut self, message: &str) {
        self.warnings.push(message.to_owned());
        if let Some((host, cause)) =
            between(message, "Failed to set up SSH tunneling for host [", "]: ")
        {
            self.causes.push(Skipped { host, cause });
        }
        if let Some((host, _)) = between(message, "Removing host [", "]") {
            self.skip(host);
        }
        if message.starts_with(ADDON_FAILED) {
            self.addon = Some(message.to_owned());
        }
    }

    fn skip(&mut self, host: String) {
        if self.skipped.iter().any(|node| node.host == host) {
            return;
        }
        let cause = self.causes.iter().rfind(|node| node.host == host);
        let cause = cause.map_or("could not be contacted", |node| &node.cause);
        self.skipped.push(Skipped {
            cause: cause.to_owned(),
            host,
        });
    }

    /// The verdict on a run that ended with exit status 0 (`Ok`) or otherwise (`Err`, in words).
    pub(super) fn judged(mut self, end: Result<(), String>, log: PathBuf) -> UpOutcome {
        UpOutcome {
            verdict: self.verdict(end),
            recreated: self.recreated,
            new_cluster: self.new_cluster,
            warnings: self.warnings,
            log,
        }
    }

    fn verdict(&mut self, end: Result<(), String>) -> Verdict {
        let incomplete = self.fatal.take_if(|fatal| fatal.starts_with(INCOMPLETE));
        if let Some((hosts, _)) = incomplete.and_then(|fatal| between(&fatal, "[", "]")) {
            hosts
                .split([',', ' '])
                .filter(|host| !host.is_empty())
                .for_each(|host| self.skip(host.to_owned()));
        }
        if let Some(fatal) = self.fatal.take() {
            return Verdict::Failed {
                reason: with_skipped(fatal, &self.skipped),
            };
        }
        if !self.skipped.is_empty() {
            return Verdict::NodesSkipped {
                nodes: std::mem::take(&mut self.skipped),
            };
        }
        match end {
            Err(end) if self.last.is_empty() => Verdict::Failed { reason: end },
            Err(end) => Verdict::Failed {
                reason: format!("{end} after `{}`", self.last),
            },
            Ok(()) if self.last != FINISHED => Verdict::Failed {
                reason: format!("ended early, after `{}`", self.last),
            },
            Ok(()) => match self.addon.take() {
                Some(warning) => Verdict::AddonFailed { warning },
                None => Verdict::Succeeded,
            },
        }
    }
}

/// A failure may come from what was left out before it, such as the last etcd node.
fn with_skipped(fatal: String, skipped: &[Skipped]) -> String {
    skipped.iter().fold(fatal, |reason, node| {
        format!("{reason}; without {} ({})", node.host, node.cause)
    })
}

/// The texts between `start` and `end`, and behind `end`.
fn between(message: &str, start: &str, end: &str) -> Option<(String, String)> {
    let (_, rest) = message.split_once(start)?;
    let (inside, behind) = rest.split_once(end)?;
    Some((inside.to_owned(), behind.to_owned()))
}

fn recreated(message: &str) -> Option<Recreated> {
    let (container, rest) = between(message, "Successfully updated [", "] container on host [")?;
    Some(Recreated {
        container,
        host: rest.trim_end_matches(']').to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcome(log: &str, end: Result<(), &str>) -> UpOutcome {
        let mut tally = Tally::default();
        for line in log.lines() {
            tally.add(&Line::parse(line));
        }
        tally.judged(end.map_err(str::to_owned), PathBuf::from("rke.log"))
    }

    macro_rules! genuine {
        ($name:literal, $end:expr) => {
            outcome(
                include_str!(concat!(
                    "../../tests/fixtures/rke-v0.1.11/rke-up-",
                    $name,
                    ".log"
                )),
                $end,
            )
        };
    }

    #[test]
    fn a_fresh_build_succeeds_and_is_known_as_new() {
        let outcome = genuine!("fresh", Ok(()));

        assert_eq!(outcome.verdict, Verdict::Succeeded);
        assert!(outcome.new_cluster);
        assert_eq!(outcome.recreated, []);
    }

    #[test]
    fn a_changed_argument_succeeds_and_names_the_container() {
        let outcome = genuine!("default", Ok(()));

        assert_eq!(outcome.verdict, Verdict::Succeeded);
        assert!(!outcome.new_cluster);
        let kubelet = Recreated {
            container: "kubelet".to_owned(),
            host: "127.0.0.1".to_owned(),
        };
        assert_eq!(outcome.recreated, [kubelet]);
    }

    #[test]
    fn a_run_without_changes_succeeds_with_its_warnings_kept() {
        let outcome = genuine!("hardened", Ok(()));

        assert_eq!(outcome.verdict, Verdict::Succeeded);
        assert_eq!(outcome.recreated, []);
        assert_eq!(outcome.warnings.len(), 1, "the Docker version");
    }

    #[test]
    fn a_failed_addon_is_no_success_though_rke_says_so() {
        let outcome = genuine!("addon-failed", Ok(()));

        let Verdict::AddonFailed { warning } = &outcome.verdict else {
            panic!("{:?}", outcome.verdict);
        };
        assert!(warning.contains("rke-user-includes-addons"), "{warning}");
    }

    #[test]
    fn an_unhealthy_api_server_fails_with_the_way_back() {
        let outcome = genuine!("missing-file", Err("exit status 1"));

        let message = outcome.verdict.message().unwrap();
        assert!(
            message.contains("encryption.yaml: no such file"),
            "{message}"
        );
        let hint = outcome
            .verdict
            .hint(Path::new("cluster.yml"), Some(Path::new("cluster.yml.old")))
            .unwrap();
        assert!(hint.contains("docker logs kube-apiserver"), "{hint}");
        assert!(hint.contains("cp cluster.yml.old cluster.yml"), "{hint}");
        assert_eq!(outcome.recreated.len(), 1);
    }

    #[test]
    fn a_node_left_out_is_named_with_its_cause() {
        let outcome = genuine!("unreachable-node", Err("exit status 1"));

        let Verdict::NodesSkipped { nodes } = &outcome.verdict else {
            panic!("{:?}", outcome.verdict);
        };
        assert_eq!(nodes[0].host, "127.0.0.9");
        assert!(
            nodes[0]
                .cause
                .contains("Cannot connect to the Docker daemon")
        );
        let hint = outcome.verdict.hint(Path::new("c.yml"), None).unwrap();
        assert!(hint.contains("SSH"), "{hint}");
    }

    #[test]
    fn several_nodes_left_out_are_all_named() {
        let outcome = outcome(
            "FATA[0010] Provisioning incomplete, host(s) [10.0.0.1,10.0.0.2] skipped because they could not be contacted",
            Err("exit status 1"),
        );

        let message = outcome.verdict.message().unwrap();
        assert!(
            message.contains("10.0.0.1 (") && message.contains("10.0.0.2 ("),
            "{message}"
        );
    }

    #[test]
    fn a_failure_for_want_of_a_node_is_explained_by_that_node() {
        let outcome = outcome(
            "WARN[0001] Failed to set up SSH tunneling for host [10.0.0.1]: ssh: unable to authenticate, attempted methods [none publickey]\n\
             WARN[0001] Removing host [10.0.0.1] from node lists\n\
             FATA[0001] Cluster must have at least one etcd plane host",
            Err("exit status 1"),
        );

        let message = outcome.verdict.message().unwrap();
        assert!(
            message.contains("one etcd plane host; without 10.0.0.1"),
            "{message}"
        );
        let hint = outcome.verdict.hint(Path::new("c.yml"), None).unwrap();
        assert!(hint.contains("ed25519"), "{hint}");
    }

    #[test]
    fn neither_a_good_last_line_nor_a_good_status_is_enough_alone() {
        let finished = format!("INFO[0001] {FINISHED}");

        assert_eq!(outcome(&finished, Ok(())).verdict, Verdict::Succeeded);
        for (log, end) in [
            (finished.as_str(), Err("exit status 1")),
            ("INFO[0001] Building Kubernetes cluster", Ok(())),
            ("", Ok(())),
            ("", Err("ended by signal 9")),
            (&format!("{finished}\npanic: late"), Ok(())),
        ] {
            let outcome = outcome(log, end);
            assert!(
                matches!(outcome.verdict, Verdict::Failed { .. }),
                "{log:?} {end:?}"
            );
            assert!(outcome.verdict.hint(Path::new("c.yml"), None).is_some());
        }
    }
}
