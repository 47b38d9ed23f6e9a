//! Where RKE keeps its files on a host (RKE fact 14, rke.md 6).

use crate::facts::Facts;
use crate::facts::Observed;

/// The directory of the components' files, as the components see it.
const KUBERNETES: &str = "/etc/kubernetes";

/// The components of which every one mounts that directory.
const COMPONENTS: [&str; 6] = [
    "kube-apiserver",
    "kubelet",
    "kube-proxy",
    "kube-controller-manager",
    "kube-scheduler",
    "etcd",
];

/// RKE's own choice where `prefix_path` is `/`, by a word in the name of the operating system.
const AUTOMATIC: [(&str, &str); 4] = [
    ("RancherOS", "/opt/rke"),
    ("CoreOS", "/opt/rke"),
    (FLATCAR, "/opt/rke"),
    ("Boot2Docker", "/mnt/sda1/rke"),
];

/// RKE knows it from v1.1.11 on; before, its files are in the root directory.
const FLATCAR: &str = "Flatcar";

/// The host's side of the directories that RKE mounts into its components.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Layout {
    /// Without a slash at its end, so the root directory's is empty.
    prefix: String,
    /// What the components see as `/etc/kubernetes`.
    kubernetes: String,
}

impl Default for Layout {
    fn default() -> Self {
        Self::below("/")
    }
}

impl Layout {
    /// With everything below `prefix`.
    pub fn below(prefix: &str) -> Self {
        let prefix = prefix.trim_end_matches('/').to_owned();
        let kubernetes = format!("{prefix}{KUBERNETES}");
        Self { prefix, kubernetes }
    }

    /// What may be, before the node has said anything: the `declared` prefix, and where that is
    /// `/`, those that RKE chooses by itself too.
    pub fn candidates(declared: &str) -> Vec<Self> {
        let mut all = vec![Self::below(declared)];
        if is_automatic(declared) {
            all.extend(["/opt/rke", "/mnt/sda1/rke"].map(Self::below));
        }
        all
    }

    /// What is: by the mounts of a component where there is one, else what RKE would choose.
    pub fn of(declared: &str, facts: &Facts) -> Self {
        let chosen = Self::chosen(declared, facts);
        match mounted(facts) {
            None => chosen,
            Some(source) => match source.strip_suffix(KUBERNETES) {
                Some(prefix) => Self::below(prefix),
                None => Self {
                    kubernetes: source.to_owned(),
                    ..chosen
                },
            },
        }
    }

    /// What the next `rke up` will choose, as far as the operating system is known.
    fn chosen(declared: &str, facts: &Facts) -> Self {
        if !is_automatic(declared) {
            return Self::below(declared);
        }
        let system = facts.operating_system.as_deref().unwrap_or_default();
        let found = AUTOMATIC.iter().find(|(word, _)| system.contains(word));
        Self::below(found.map_or("/", |(_, prefix)| prefix))
    }

    /// The path on the host of what components see, as RKE mounts it (guide.md 6).
    pub fn host_path(&self, path: &str) -> String {
        let mounts = [
            (KUBERNETES, self.kubernetes.clone()),
            ("/var/lib/cni", format!("{}/var/lib/cni", self.prefix)),
            (
                "/var/lib/rancher/etcd",
                format!("{}/var/lib/etcd", self.prefix),
            ),
        ];
        let mounted = mounts.iter().find_map(|(target, source)| {
            let rest = path.strip_prefix(target)?;
            (rest.is_empty() || rest.starts_with('/')).then(|| format!("{source}{rest}"))
        });
        mounted.unwrap_or_else(|| path.to_owned())
    }
}

/// Why the files of a node would be out of the components' sight after the next `rke up`.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Displaced {
    /// The components mount one directory, and `rke up` would mount another.
    Moved { mounted: String, next: String },
    /// Nothing is mounted yet, and versions of RKE differ about this operating system.
    Undecided { system: String },
}

impl Displaced {
    /// Compares what is with what the `declared` prefix will lead to.
    pub fn on(declared: &str, facts: &Facts) -> Option<Self> {
        let system = facts.operating_system.as_deref();
        let flatcar = system.filter(|name| is_automatic(declared) && name.contains(FLATCAR));
        let next = Layout::chosen(declared, facts).kubernetes;
        match (mounted(facts), flatcar) {
            (None, Some(system)) => Some(Self::Undecided {
                system: system.to_owned(),
            }),
            (Some(KUBERNETES), Some(_)) | (None, None) => None,
            // What RKE will choose is not known without the operating system.
            (Some(mounted), None) if system.is_none() && is_automatic(declared) => {
                let candidates = Layout::candidates(declared);
                let is_usual = candidates.iter().any(|one| one.kubernetes == mounted);
                (!is_usual).then(|| Self::moved(mounted, next))
            }
            (Some(mounted), _) => (mounted != next).then(|| Self::moved(mounted, next)),
        }
    }

    fn moved(mounted: &str, next: String) -> Self {
        Self::Moved {
            mounted: mounted.to_owned(),
            next,
        }
    }
}

/// `/` leaves the choice to RKE, and cannot force the root directory.
fn is_automatic(declared: &str) -> bool {
    declared.trim_end_matches('/').is_empty()
}

/// The host's directory behind the components' `/etc/kubernetes`. It comes from the node, and a
/// control character would end a record to it.
fn mounted(facts: &Facts) -> Option<&str> {
    let sources = COMPONENTS
        .iter()
        .filter_map(|name| match facts.container(name) {
            Observed::Present(container) => container.mounts.get(KUBERNETES),
            Observed::Absent | Observed::Unread { .. } => None,
        });
    let mut sources = sources.filter(|source| !source.contains(char::is_control));
    sources.next().map(String::as_str)
}

/// The name of the operating system in os-release(5), which is what Docker calls it.
pub(super) fn pretty_name(os_release: &str) -> Option<&str> {
    let value = os_release
        .lines()
        .find_map(|line| line.trim().strip_prefix("PRETTY_NAME="))?;
    let value = value.trim_matches(['"', '\'']).trim();
    (!value.is_empty()).then_some(value)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::container;
    use crate::facts::store::Store;

    const INSPECT: &str = r#"[{"Name":"/kubelet","Path":"x","Args":[],"State":{"Status":"running","Running":true},
        "HostConfig":{"Binds":null},"Config":{"Image":"rancher/hyperkube:v1.11.3-rancher1"},
        "Mounts":[{"Source":"SOURCE","Destination":"/etc/kubernetes"}]}]"#;

    fn facts(system: &str, mounted: Option<&str>) -> Facts {
        let mut facts = Facts {
            operating_system: (!system.is_empty()).then(|| system.into()),
            ..Facts::default()
        };
        if let Some(source) = mounted {
            let read = container::read(&INSPECT.replace("SOURCE", source), &mut Store::default());
            let read = read.unwrap();
            let kubelet = Observed::Present(read[0].clone().into());
            facts.containers.insert("kubelet".into(), kubelet);
        }
        facts
    }

    fn audit_file(declared: &str, facts: &Facts) -> String {
        Layout::of(declared, facts).host_path("/etc/kubernetes/audit.yaml")
    }

    #[test]
    fn a_mount_counts_before_a_declaration_and_that_before_the_system() {
        let rancher_os = "RancherOS v1.4.2";
        let cases = [
            ("/", rancher_os, Some("/etc/kubernetes"), "/etc/kubernetes"),
            (
                "/x",
                rancher_os,
                Some("/y/etc/kubernetes"),
                "/y/etc/kubernetes",
            ),
            ("/x", rancher_os, Some("/data/k8s"), "/data/k8s"),
            ("/x/", rancher_os, None, "/x/etc/kubernetes"),
            ("/", rancher_os, None, "/opt/rke/etc/kubernetes"),
            ("/", "Fedora CoreOS 39", None, "/opt/rke/etc/kubernetes"),
            (
                "/",
                "Boot2Docker 18.06.1-ce",
                None,
                "/mnt/sda1/rke/etc/kubernetes",
            ),
            ("/", "Ubuntu 18.04.6 LTS", None, "/etc/kubernetes"),
            ("/", "", None, "/etc/kubernetes"),
        ];
        for (declared, system, mounted, wanted) in cases {
            let path = audit_file(declared, &facts(system, mounted));
            assert_eq!(path, format!("{wanted}/audit.yaml"), "{declared} {system}");
        }
    }

    #[test]
    fn every_place_that_rke_chooses_by_itself_is_asked_at_once() {
        for system in [
            "RancherOS",
            "Flatcar Container Linux",
            "Boot2Docker",
            "Debian",
        ] {
            let chosen = Layout::of("/", &facts(system, None));
            assert!(Layout::candidates("/").contains(&chosen), "{system}");
        }
        assert_eq!(Layout::candidates("/srv"), [Layout::below("/srv")]);
    }

    #[test]
    fn a_mount_that_the_next_run_would_move_is_found() {
        let displaced =
            |declared, system, mounted| Displaced::on(declared, &facts(system, mounted)).is_some();
        let (root, opt) = (Some("/etc/kubernetes"), Some("/opt/rke/etc/kubernetes"));

        assert!(!displaced("/", "Ubuntu 18.04", root));
        assert!(!displaced("/", "CoreOS", opt));
        assert!(displaced("/opt/rke", "Ubuntu 18.04", root));
        assert!(
            displaced("/", "Ubuntu 18.04", opt),
            "a prefix was taken out"
        );
        assert!(!displaced("/", "", opt), "the system is not known");
        assert!(displaced("/", "", Some("/data/k8s")));
    }

    #[test]
    fn flatcar_needs_a_prefix_that_every_rke_understands() {
        let displaced = |declared, mounted| {
            Displaced::on(
                declared,
                &facts("Flatcar Container Linux by Kinvolk", mounted),
            )
        };

        assert!(matches!(
            displaced("/", None),
            Some(Displaced::Undecided { .. })
        ));
        assert_eq!(displaced("/opt/rke", None), None);
        assert_eq!(displaced("/", Some("/etc/kubernetes")), None);
        assert_eq!(displaced("/", Some("/opt/rke/etc/kubernetes")), None);
    }

    #[test]
    fn the_systems_name_is_read_with_and_without_quotes() {
        let name = pretty_name;

        assert_eq!(
            name("ID=x\nPRETTY_NAME=\"RancherOS v1.4\"\n"),
            Some("RancherOS v1.4")
        );
        assert_eq!(name("PRETTY_NAME=Linux"), Some("Linux"));
        assert_eq!(name("NAME=x\n"), None);
    }
}
