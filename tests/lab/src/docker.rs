//! The containers of a node as `docker inspect` shows them.
//!
//! Shapes and defaults are those of a real run of RKE v0.1.11 on one machine
//! (`tests/fixtures/rke-v0.1.11/inspect-default.json`); what depends on the node is rewritten.

use anyhow::Context as _;
use jiff::SignedDuration;
use jiff::Timestamp;
use serde::Serialize as _;
use serde_json::Value;
use serde_json::json;
use serde_json::ser::PrettyFormatter;
use serde_json::ser::Serializer;
use sha2::Digest as _;
use sha2::Sha256;

use crate::digest::hex;
use crate::identity::Identity;
use crate::role::Role;

const INSPECTED: &str = include_str!("../../fixtures/rke-v0.1.11/inspect-default.json");

/// The inspected containers of the smallest cluster, to make those of any node from.
pub(crate) struct Templates(Vec<Value>);

impl Templates {
    pub(crate) fn read() -> Result<Self, anyhow::Error> {
        Ok(Self(serde_json::from_str(INSPECTED)?))
    }

    /// Name and `docker inspect` element of every container of `node` (rke.md section 4).
    pub(crate) fn containers(
        &self,
        node: &Identity,
        fleet: &[Identity],
    ) -> Result<Vec<(&'static str, String)>, anyhow::Error> {
        names(node)
            .map(|name| Ok((name, self.container(name, node, fleet)?)))
            .collect()
    }

    fn container(
        &self,
        name: &'static str,
        node: &Identity,
        fleet: &[Identity],
    ) -> Result<String, anyhow::Error> {
        let mut value = match name {
            "nginx-proxy" => self.nginx_proxy()?,
            _ => self.template(name)?,
        };
        value["Config"]["Hostname"] = json!(node.name);
        let args = arguments(name, &value, node, fleet);
        set_arguments(name, &mut value, &args);
        if name == "etcd" {
            set_etcd_environment(&mut value, node);
        }
        let old = value["Id"].as_str().unwrap_or_default().to_owned();
        let id = hex(&Sha256::digest(format!("{}/{name}", node.name)));
        Ok(as_array_element(&value)?.replace(&old, &id))
    }

    fn template(&self, name: &str) -> Result<Value, anyhow::Error> {
        self.0
            .iter()
            .find(|container| container["Name"] == format!("/{name}"))
            .cloned()
            .with_context(|| format!("no inspected container is called {name}"))
    }

    /// The fixture's machine has a control plane, so it has no proxy to one.
    fn nginx_proxy(&self) -> Result<Value, anyhow::Error> {
        let mut value = self.template("kube-scheduler")?;
        let image = self.template("service-sidekick")?["Config"]["Image"].clone();
        value["Name"] = json!("/nginx-proxy");
        value["Path"] = json!("nginx-proxy");
        value["Mounts"] = json!([]);
        value["HostConfig"]["Binds"] = Value::Null;
        value["HostConfig"]["VolumesFrom"] = Value::Null;
        value["Config"]["Image"] = image;
        value["Config"]["Labels"]["io.rancher.rke.container.name"] = json!("nginx-proxy");
        Ok(value)
    }
}

/// Turns a container into one that crashes again and again, or back (rke.md section 4).
pub(crate) fn set_crashing(container: &str, crashing: bool) -> Result<String, anyhow::Error> {
    let mut value: Value = serde_json::from_str(container)?;
    value["State"]["Status"] = json!(if crashing { "restarting" } else { "running" });
    value["State"]["Running"] = json!(true);
    value["State"]["Restarting"] = json!(crashing);
    value["State"]["Pid"] = json!(if crashing { 0 } else { 21946 });
    value["State"]["ExitCode"] = json!(i32::from(crashing));
    value["RestartCount"] = json!(if crashing { 17 } else { 0 });
    as_array_element(&value)
}

/// The same container, started `seconds` later; one that never was stays so.
pub(crate) fn started_later(container: &str, seconds: i64) -> Result<String, anyhow::Error> {
    let mut value: Value = serde_json::from_str(container)?;
    let started = value["State"]["StartedAt"].as_str().unwrap_or_default();
    if let Ok(started) = started.parse::<Timestamp>() {
        let later = started.checked_add(SignedDuration::from_secs(seconds))?;
        value["State"]["StartedAt"] = json!(later.to_string());
    }
    as_array_element(&value)
}

/// The same container, started at `time`; one that does not run stays so.
pub(crate) fn started_at(container: &str, time: &str) -> Result<String, anyhow::Error> {
    let mut value: Value = serde_json::from_str(container)?;
    if value["State"]["Running"] == true {
        value["State"]["StartedAt"] = json!(time);
    }
    as_array_element(&value)
}

fn names(node: &Identity) -> impl Iterator<Item = &'static str> {
    let control = node.has(Role::ControlPlane);
    let all = [
        ("etcd", node.has(Role::Etcd)),
        ("kube-apiserver", control),
        ("kube-controller-manager", control),
        ("kube-scheduler", control),
        ("kubelet", true),
        ("kube-proxy", true),
        ("nginx-proxy", !control),
        ("service-sidekick", true),
    ];
    all.into_iter()
        .filter_map(|(name, is_here)| is_here.then_some(name))
}

fn arguments(name: &str, value: &Value, node: &Identity, fleet: &[Identity]) -> Vec<String> {
    if name == "nginx-proxy" {
        return vec![format!(
            "CP_HOSTS={}",
            addresses(fleet, Role::ControlPlane, |of| of)
        )];
    }
    let mut args: Vec<_> = strings(&value["Args"])
        .map(|arg| match arg.split_once('=') {
            Some((flag, old)) => format!("{flag}={}", argument(flag, old, node, fleet)),
            None => arg.to_owned(),
        })
        .collect();
    if name == "kubelet" {
        args.push(format!("--node-ip={}", node.internal));
        if node.has(Role::ControlPlane) && !node.has(Role::Worker) {
            let taint = "node-role.kubernetes.io/controlplane=true:NoSchedule";
            args.push(format!("--register-with-taints={taint}"));
        }
    }
    args
}

fn argument(flag: &str, old: &str, node: &Identity, fleet: &[Identity]) -> String {
    let me = node.internal;
    match flag {
        "--etcd-servers" => addresses(fleet, Role::Etcd, |address| {
            format!("https://{address}:2379")
        }),
        "--hostname-override" => node.name.clone(),
        "--name" => format!("etcd-{}", node.name),
        "--advertise-client-urls" => format!("https://{me}:2379,https://{me}:4001"),
        "--initial-advertise-peer-urls" => format!("https://{me}:2380"),
        "--initial-cluster" => fleet
            .iter()
            .filter(|peer| peer.has(Role::Etcd))
            .map(|peer| format!("etcd-{}=https://{}:2380", peer.name, peer.internal))
            .collect::<Vec<_>>()
            .join(","),
        _ => with_own_certificate(old, node),
    }
}

fn addresses(fleet: &[Identity], role: Role, show: impl Fn(String) -> String) -> String {
    let with_role = fleet.iter().filter(|node| node.has(role));
    with_role
        .map(|node| show(node.internal.to_string()))
        .collect::<Vec<_>>()
        .join(",")
}

fn with_own_certificate(text: &str, node: &Identity) -> String {
    let own = node.internal.to_string().replace('.', "-");
    text.replace("kube-etcd-127-0-0-1", &format!("kube-etcd-{own}"))
}

/// Splits `args` between `.Args`, `.Config.Entrypoint` and `.Config.Cmd` (table of rke.md section 4).
fn set_arguments(name: &str, value: &mut Value, args: &[String]) {
    let path = value["Path"].clone();
    value["Args"] = json!(args);
    let config = &mut value["Config"];
    match name {
        "etcd" => config["Cmd"] = prefixed(path, args),
        "nginx-proxy" => {
            config["Entrypoint"] = json!([path]);
            config["Cmd"] = json!(args);
        }
        "service-sidekick" => {}
        "kube-controller-manager" => {
            let in_cmd = config["Cmd"].clone();
            let rest: Vec<_> = args
                .iter()
                .filter(|arg| !strings(&in_cmd).any(|cmd| cmd == **arg))
                .collect();
            config["Entrypoint"] = prefixed(path, rest);
        }
        _ => config["Entrypoint"] = prefixed(path, args),
    }
}

fn prefixed<'a>(first: Value, rest: impl IntoIterator<Item = &'a String>) -> Value {
    std::iter::once(first)
        .chain(rest.into_iter().map(|arg| json!(arg)))
        .collect()
}

fn set_etcd_environment(value: &mut Value, node: &Identity) {
    let environment = &mut value["Config"]["Env"];
    *environment = strings(environment)
        .map(|one| with_own_certificate(one, node))
        .collect();
}

fn strings(list: &Value) -> impl Iterator<Item = &str> {
    list.as_array()
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
}

/// `value` as docker prints it inside the array: four blanks per level, one level deep.
fn as_array_element(value: &Value) -> Result<String, anyhow::Error> {
    let mut text = Vec::new();
    let mut serializer =
        Serializer::with_formatter(&mut text, PrettyFormatter::with_indent(b"    "));
    json!([value]).serialize(&mut serializer)?;
    let text = String::from_utf8(text)?;
    let inner = text
        .strip_prefix("[\n")
        .and_then(|rest| rest.strip_suffix("\n]"));
    Ok(inner.unwrap_or(&text).to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fleet() -> Vec<Identity> {
        let node = |index, name: &str, roles: &[Role]| {
            Identity::new(index, name.to_owned(), roles.to_vec(), "root".to_owned())
        };
        vec![
            node(0, "cp-1", &[Role::ControlPlane, Role::Etcd]),
            node(1, "etcd-1", &[Role::Etcd]),
            node(2, "w-1", &[Role::Worker]),
        ]
    }

    fn container(node: usize, name: &str) -> Value {
        let fleet = fleet();
        let containers = Templates::read()
            .unwrap()
            .containers(&fleet[node], &fleet)
            .unwrap();
        let (_, text) = containers
            .into_iter()
            .find(|(found, _)| *found == name)
            .unwrap();
        serde_json::from_str(&text).unwrap()
    }

    fn names_of(node: usize) -> Vec<&'static str> {
        names(&fleet()[node]).collect()
    }

    #[test]
    fn a_role_decides_which_containers_run() {
        assert_eq!(
            names_of(0),
            [
                "etcd",
                "kube-apiserver",
                "kube-controller-manager",
                "kube-scheduler",
                "kubelet",
                "kube-proxy",
                "service-sidekick"
            ]
        );
        assert_eq!(
            names_of(1),
            [
                "etcd",
                "kubelet",
                "kube-proxy",
                "nginx-proxy",
                "service-sidekick"
            ]
        );
        assert_eq!(
            names_of(2),
            ["kubelet", "kube-proxy", "nginx-proxy", "service-sidekick"]
        );
    }

    #[test]
    fn addresses_and_names_are_the_fleets_and_defaults_stay() {
        let apiserver = container(0, "kube-apiserver");
        let args: Vec<_> = strings(&apiserver["Args"]).collect();
        assert!(args.contains(&"--etcd-servers=https://172.31.0.1:2379,https://172.31.0.2:2379"));
        assert!(args.contains(&"--insecure-bind-address=127.0.0.1"));
        assert_eq!(args.len(), 32);

        let etcd = container(1, "etcd");
        let args: Vec<_> = strings(&etcd["Args"]).collect();
        assert!(args.contains(&"--name=etcd-etcd-1"));
        assert!(args.contains(&"--key-file=/etc/kubernetes/ssl/kube-etcd-172-31-0-2-key.pem"));

        let proxy = container(2, "nginx-proxy");
        assert_eq!(proxy["Path"], "nginx-proxy");
        assert_eq!(proxy["Args"], json!(["CP_HOSTS=172.31.0.1"]));
    }

    #[test]
    fn entrypoint_and_cmd_together_are_path_and_args() {
        for (node, name) in [
            (0, "etcd"),
            (0, "kube-controller-manager"),
            (0, "kubelet"),
            (2, "nginx-proxy"),
        ] {
            let value = container(node, name);
            let config = &value["Config"];
            let started: Vec<_> = strings(&config["Entrypoint"])
                .chain(strings(&config["Cmd"]))
                .collect();
            let shown: Vec<_> = value["Path"]
                .as_str()
                .into_iter()
                .chain(strings(&value["Args"]))
                .collect();
            assert_eq!(started, shown, "{name}");
        }
    }

    #[test]
    fn two_nodes_have_different_container_ids() {
        let (first, second) = (container(0, "kubelet"), container(2, "kubelet"));
        assert_ne!(first["Id"], second["Id"]);
        assert!(
            first["LogPath"]
                .as_str()
                .unwrap()
                .contains(first["Id"].as_str().unwrap())
        );
    }

    #[test]
    fn an_unchanged_container_is_written_as_docker_writes_it() {
        let templates = Templates::read().unwrap();
        let all: Vec<_> = templates
            .0
            .iter()
            .map(|value| as_array_element(value).unwrap())
            .collect();
        assert_eq!(format!("[\n{}\n]\n", all.join(",\n")), INSPECTED);
    }

    #[test]
    fn a_crashing_container_says_running_and_restarting() {
        let apiserver = as_array_element(&container(0, "kube-apiserver")).unwrap();
        let crashing = set_crashing(&apiserver, true).unwrap();
        let value: Value = serde_json::from_str(&crashing).unwrap();
        assert_eq!(value["State"]["Running"], true);
        assert_eq!(value["State"]["Restarting"], true);
        assert_eq!(value["State"]["Status"], "restarting");
        assert_eq!(value["State"]["Pid"], 0);
        assert!(
            set_crashing(&crashing, false).unwrap() == apiserver,
            "it does not recover"
        );
    }
}
