//! `cluster.yml` as RKE v0.1.11 reads it (sections 1 and 2): leniently, first document only.

use std::collections::BTreeMap;
use std::collections::BTreeSet;

use serde::Deserialize;
use serde::Deserializer;
use serde::de::DeserializeOwned;
use serde::de::Error;
use serde_json::Value;
use serde_saphyr::DuplicateKeyPolicy;

/// The parts of `cluster.yml` that this stand-in acts on; every other key is ignored.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Cluster {
    #[serde(deserialize_with = "or_default")]
    pub kubernetes_version: String,
    #[serde(deserialize_with = "or_default")]
    pub nodes: Vec<Node>,
    #[serde(deserialize_with = "or_default")]
    pub services: Services,
    #[serde(deserialize_with = "or_default")]
    pub authorization: Authorization,
    #[serde(deserialize_with = "or_default")]
    pub ingress: Ingress,
    #[serde(deserialize_with = "or_default")]
    pub addons: String,
    #[serde(deserialize_with = "or_default")]
    pub addons_include: Vec<String>,
}

/// One entry of `nodes`, with RKE's defaults filled in by [`Cluster::parse`].
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Node {
    #[serde(deserialize_with = "or_default")]
    pub address: String,
    #[serde(deserialize_with = "or_default")]
    pub port: String,
    #[serde(deserialize_with = "or_default")]
    pub internal_address: String,
    #[serde(deserialize_with = "or_default")]
    pub role: Vec<String>,
    #[serde(deserialize_with = "or_default")]
    pub hostname_override: String,
    #[serde(deserialize_with = "or_default")]
    pub user: String,
}

/// `services`, by RKE's own names: a misspelt one (`kube_api`) is silently ignored.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
pub struct Services {
    #[serde(deserialize_with = "or_default")]
    pub etcd: Service,
    #[serde(deserialize_with = "or_default")]
    pub kube_api: Service,
    #[serde(deserialize_with = "or_default")]
    pub kube_controller: Service,
    #[serde(deserialize_with = "or_default")]
    pub scheduler: Service,
    #[serde(deserialize_with = "or_default")]
    pub kubelet: Service,
    #[serde(deserialize_with = "or_default")]
    pub kubeproxy: Service,
}

/// One service; the options that only some services have are empty for the others.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Service {
    /// Values keep their source text (`0600` stays `0600`), null is the empty string (section 1.3).
    #[serde(deserialize_with = "texts")]
    pub extra_args: BTreeMap<String, String>,
    #[serde(deserialize_with = "or_default")]
    pub extra_binds: Vec<String>,
    #[serde(deserialize_with = "or_default")]
    pub extra_env: Vec<String>,
    #[serde(deserialize_with = "boolean")]
    pub pod_security_policy: bool,
    #[serde(deserialize_with = "or_default")]
    pub service_cluster_ip_range: String,
    #[serde(deserialize_with = "or_default")]
    pub service_node_port_range: String,
    #[serde(deserialize_with = "or_default")]
    pub cluster_cidr: String,
    #[serde(deserialize_with = "or_default")]
    pub cluster_domain: String,
    #[serde(deserialize_with = "or_default")]
    pub cluster_dns_server: String,
    #[serde(deserialize_with = "boolean")]
    pub fail_swap_on: bool,
}

/// `authorization`; the empty mode means `rbac`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Authorization {
    #[serde(deserialize_with = "or_default")]
    pub mode: String,
}

/// `ingress`; the empty provider means `nginx`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Ingress {
    #[serde(deserialize_with = "or_default")]
    pub provider: String,
}

impl Cluster {
    /// Reads the text of a `cluster.yml` and fills in RKE's defaults.
    ///
    /// # Errors
    ///
    /// RKE's own sentence: a YAML mistake, an unknown role, or what section 1.3 lists.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut cluster: Self = from_yaml(first_document(text))
            .map_err(|error| format!("Failed to parse cluster file: yaml: {error}"))?;
        for node in &mut cluster.nodes {
            node.fill_in();
        }
        cluster.classify()?;
        cluster
            .validate()
            .map_err(|why| format!("Failed to validate cluster: {why}"))?;
        Ok(cluster)
    }

    /// The nodes with a role, in the order of the file.
    pub fn with_role<'a>(&'a self, role: &'a str) -> impl Iterator<Item = &'a Node> {
        self.nodes.iter().filter(move |node| node.is(role))
    }

    /// Is role-based access control on?
    pub fn has_rbac(&self) -> bool {
        self.authorization.mode.is_empty() || self.authorization.mode == "rbac"
    }

    /// Is RKE's own ingress controller wanted?
    pub fn has_ingress(&self) -> bool {
        self.ingress.provider != "none"
    }

    /// Is PSP on? RKE ignores the wish without RBAC (section 2.1).
    pub fn has_pod_security_policy(&self) -> bool {
        self.services.kube_api.pod_security_policy && self.has_rbac()
    }

    /// The minor version of Kubernetes 1.x; 11, this release's default, when not given.
    pub fn minor_version(&self) -> u32 {
        self.kubernetes_version
            .trim_start_matches('v')
            .split('.')
            .nth(1)
            .and_then(|minor| minor.parse().ok())
            .unwrap_or(11)
    }

    fn classify(&self) -> Result<(), String> {
        for node in &self.nodes {
            for role in &node.role {
                if !["controlplane", "etcd", "worker"].contains(&role.as_str()) {
                    return Err(format!(
                        "Failed to classify hosts from config file: Failed to recognize host [{}] role {role}",
                        node.address
                    ));
                }
            }
        }
        Ok(())
    }

    fn validate(&self) -> Result<(), String> {
        if self.with_role("etcd").next().is_none() {
            return Err("Cluster must have at least one etcd plane host: please specify one or more etcd in cluster config".to_owned());
        }
        let mut addresses = BTreeSet::new();
        let mut names = BTreeSet::new();
        for (index, node) in self.nodes.iter().enumerate() {
            node.validate(index + 1)?;
            if !addresses.insert(&node.address) {
                return Err(format!(
                    "Cluster can't have duplicate node: {}",
                    node.address
                ));
            }
            if !names.insert(&node.hostname_override) {
                return Err(format!(
                    "Cluster can't have duplicate node: {}",
                    node.hostname_override
                ));
            }
        }
        Ok(())
    }
}

impl Node {
    /// Has it this role?
    pub fn is(&self, role: &str) -> bool {
        self.role.iter().any(|own| own == role)
    }

    fn fill_in(&mut self) {
        for (field, default) in [
            (&mut self.port, "22"),
            (&mut self.internal_address, self.address.as_str()),
            (&mut self.hostname_override, self.address.as_str()),
        ] {
            if field.is_empty() {
                default.clone_into(field);
            }
        }
    }

    fn validate(&self, number: usize) -> Result<(), String> {
        let missing = if self.address.is_empty() {
            "Address"
        } else if self.user.is_empty() {
            "User"
        } else if self.role.is_empty() {
            "Role"
        } else {
            return Ok(());
        };
        Err(format!("{missing} for host ({number}) is not provided"))
    }
}

/// RKE reads nothing behind the second `---`; in a mapping such a line cannot be anything else.
fn first_document(text: &str) -> &str {
    let mut offset = 0;
    let mut has_content = false;
    for line in text.split_inclusive('\n') {
        if line.trim_end() == "---" && has_content {
            return &text[..offset];
        }
        has_content |= !line.trim().is_empty() && !line.starts_with(['#', '-', '%', '\u{feff}']);
        offset += line.len();
    }
    text
}

fn from_yaml<T: DeserializeOwned>(text: &str) -> Result<T, String> {
    let options = serde_saphyr::options! {
        legacy_octal_numbers: true,
        duplicate_keys: DuplicateKeyPolicy::LastWins,
        with_snippet: false,
    };
    serde_saphyr::from_str_with_options(text, options).map_err(|error| error.to_string())
}

fn or_default<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Default + Deserialize<'de>,
{
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

/// `yes` and `on` are true for RKE, a quoted `"true"` is a mistake (section 1.3).
fn boolean<'de, D: Deserializer<'de>>(deserializer: D) -> Result<bool, D::Error> {
    match Value::deserialize(deserializer)? {
        Value::Null => Ok(false),
        Value::Bool(value) => Ok(value),
        other => Err(D::Error::custom(format!(
            "cannot unmarshal `{other}` into bool"
        ))),
    }
}

fn texts<'de, D: Deserializer<'de>>(deserializer: D) -> Result<BTreeMap<String, String>, D::Error> {
    let values: BTreeMap<String, Option<String>> = or_default(deserializer)?;
    Ok(values
        .into_iter()
        .map(|(name, value)| (name, value.unwrap_or_default()))
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    const NODE: &str = "nodes:\n- {address: 10.0.0.1, user: root, role: [etcd, controlplane]}\n";

    fn parse(rest: &str) -> Result<Cluster, String> {
        Cluster::parse(&format!("{NODE}{rest}"))
    }

    #[test]
    fn a_scalar_keeps_its_source_text_and_null_is_empty() {
        let text = "services:\n  kubelet:\n    extra_args: {a: false, b: 0600, c: 1.0, d: 0x10, e: , f: \"q\", g: yes}\n";

        let args = parse(text).unwrap().services.kubelet.extra_args;

        let values: Vec<&str> = args.values().map(String::as_str).collect();
        assert_eq!(values, ["false", "0600", "1.0", "0x10", "", "q", "yes"]);
    }

    #[test]
    fn what_rke_ignores_is_ignored() {
        let text = "services:\n  kube_api: {extra_args: {a: b}}\n  kubelet:\nnetwork: {plugin: canal}\n---\nnodes: 7\n";

        let cluster = parse(text).unwrap();

        assert!(cluster.services.kube_api.extra_args.is_empty());
    }

    #[test]
    fn a_node_has_the_defaults_of_rke() {
        let cluster = parse("").unwrap();

        let node = &cluster.nodes[0];
        assert_eq!(
            (node.port.as_str(), node.hostname_override.as_str()),
            ("22", "10.0.0.1")
        );
        assert_eq!(cluster.minor_version(), 11);
    }

    #[test]
    fn a_wrong_file_is_refused_in_the_words_of_rke() {
        let double = parse("- {address: 10.0.0.1, user: root, role: [worker]}\n").unwrap_err();
        let role = parse("- {address: 10.0.0.2, user: root, role: [boss]}\n").unwrap_err();
        let user = parse("- {address: 10.0.0.2, role: [worker]}\n").unwrap_err();

        assert_eq!(
            double,
            "Failed to validate cluster: Cluster can't have duplicate node: 10.0.0.1"
        );
        assert!(
            role.ends_with("Failed to recognize host [10.0.0.2] role boss"),
            "{role}"
        );
        assert!(
            user.ends_with("User for host (2) is not provided"),
            "{user}"
        );
        assert!(
            Cluster::parse("nodes: [\n")
                .unwrap_err()
                .starts_with("Failed to parse cluster file: yaml: ")
        );
    }

    #[test]
    fn a_quoted_text_is_no_bool() {
        assert!(
            parse("services:\n  kube-api: {pod_security_policy: yes}\n")
                .unwrap()
                .has_pod_security_policy()
        );
        assert!(parse("services:\n  kube-api: {pod_security_policy: \"true\"}\n").is_err());
    }
}
