//! A Kubernetes API that serves what the stand-in `rke` applied, and writes Secrets again: only what
//! is asked of it.

use std::fs;
use std::path::Path;
use std::path::PathBuf;

use anyhow::Context as _;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
use serde_json::json;

use crate::etcd::Etcd;
use crate::https::Authority;
use crate::https::Leaf;
use crate::https::Reply;
use crate::https::Request;
use crate::https::Server;
use crate::standin::state::State;

/// Groups of Kubernetes 1.11, as far as anybody asks.
const GROUPS: [(&str, &str); 5] = [
    ("apps", "v1"),
    ("extensions", "v1beta1"),
    ("networking.k8s.io", "v1"),
    ("policy", "v1beta1"),
    ("rbac.authorization.k8s.io", "v1"),
];

const KINDS: [(&str, &str); 9] = [
    ("clusterrolebindings", "ClusterRoleBinding"),
    ("clusterroles", "ClusterRole"),
    ("deployments", "Deployment"),
    ("namespaces", "Namespace"),
    ("networkpolicies", "NetworkPolicy"),
    ("pods", "Pod"),
    ("podsecuritypolicies", "PodSecurityPolicy"),
    ("rolebindings", "RoleBinding"),
    ("roles", "Role"),
];

/// The pod of the job that RKE runs for `addons`.
const ADDON_POD: &str = "rke-user-addon-deploy-job-7xk2p";

/// The API of one cluster; dropping it ends it.
pub struct Kubernetes {
    _server: Server,
    /// The same API for those of its servers that are not well.
    _ill: Server,
    kubeconfig: PathBuf,
}

impl Kubernetes {
    /// Serves what `state` says whenever somebody asks. Keys and kubeconfig lie in `dir`; a cluster
    /// that is taken up again keeps its authority, and its port if that is free.
    ///
    /// # Errors
    /// The directory cannot be written.
    pub fn start(dir: &Path, state: PathBuf) -> Result<Self, anyhow::Error> {
        fs::create_dir_all(dir).with_context(|| dir.display().to_string())?;
        let authority = Authority::kept(&dir.join("ca.key"))?;
        let port_file = dir.join("port");
        let port = fs::read_to_string(&port_file).ok();
        let port = port.and_then(|text| text.parse().ok()).unwrap_or(0);
        let ill = state.clone();
        let answer =
            move |request: &Request| well(request).unwrap_or_else(|| answer(request, &state));
        let leaf = authority.server("127.0.0.1")?;
        let server = Server::start_at(port, &leaf, &authority, answer)?;
        fs::write(port_file, server.port().to_string())?;
        let answer = move |request: &Request| {
            not_well(request).unwrap_or_else(|| self::answer(request, &ill))
        };
        let ill = Server::start(&leaf, &authority, answer)?;
        fs::write(dir.join("port-ill"), ill.port().to_string())?;
        let admin = authority.client("kube-admin")?;
        let kubeconfig = dir.join("kubeconfig");
        fs::write(&kubeconfig, text(&server.url(), authority.pem(), &admin))?;
        Ok(Self {
            _server: server,
            _ill: ill,
            kubeconfig,
        })
    }

    /// The administrator's kubeconfig, which `rke` copies beside the config.
    pub fn kubeconfig(&self) -> &Path {
        &self.kubeconfig
    }
}

/// A kubeconfig as RKE writes it: everything inline.
pub fn text(server: &str, authority: &str, admin: &Leaf) -> String {
    let [authority, certificate, key] =
        [authority, &admin.certificate, &admin.key].map(|pem| STANDARD.encode(pem));
    format!(
        r#"apiVersion: v1
kind: Config
clusters:
- cluster:
    api-version: v1
    certificate-authority-data: {authority}
    server: "{server}"
  name: "local"
contexts:
- context:
    cluster: "local"
    user: "kube-admin"
  name: "Default"
current-context: "Default"
users:
- name: "kube-admin"
  user:
    client-certificate-data: {certificate}
    client-key-data: {key}
"#
    )
}

/// What a server that is well says of itself.
fn well(request: &Request) -> Option<Reply> {
    let is_asked = request.has_certificate && request.path == "/healthz";
    is_asked.then(|| Reply::Text(200, "ok".to_owned()))
}

/// What Kubernetes 1.11 says whose etcd is away.
fn not_well(request: &Request) -> Option<Reply> {
    let said = "[+]ping ok\n[-]etcd failed: reason withheld\n[+]poststarthook/start-kube-apiserver-informers ok\nhealthz check failed\n";
    well(request).map(|_| Reply::Text(500, said.to_owned()))
}

fn answer(request: &Request, state: &Path) -> Reply {
    if !request.has_certificate {
        return refusal(401, "Unauthorized");
    }
    if request.method == "PATCH" {
        return patched(request, state);
    }
    let Ok(state) = State::read(state) else {
        return refusal(500, "the state cannot be read");
    };
    let parts: Vec<&str> = request.path.trim_matches('/').split('/').collect();
    match parts.as_slice() {
        ["apis"] => Reply::Json(200, groups()),
        ["api", "v1", "namespaces", "kube-system", "pods"] => {
            Reply::Json(200, json!({ "items": addon_pods(&state) }))
        }
        [
            "api",
            "v1",
            "namespaces",
            "kube-system",
            "pods",
            name,
            "log",
        ] if *name == ADDON_POD => Reply::Text(200, state.addon_log.unwrap_or_default()),
        ["api", "v1", "namespaces", "kube-system", "configmaps", name] => config_map(name, &state),
        [
            "apis",
            "batch",
            "v1",
            "namespaces",
            "kube-system",
            "jobs",
            name,
        ] => job(name, &state),
        ["api", "v1", plural] | ["apis", _, _, plural] => list(plural, request, &state),
        _ => refusal(404, "the server could not find the requested resource"),
    }
}

/// A patch that changes nothing of a Secret; nothing else may be changed here.
fn patched(request: &Request, state: &Path) -> Reply {
    let parts: Vec<&str> = request.path.trim_matches('/').split('/').collect();
    let ["api", "v1", "namespaces", namespace, "secrets", name] = parts.as_slice() else {
        return refusal(405, "the lab knows no such patch");
    };
    if request.body != b"{}" {
        return refusal(400, "the lab knows no such patch");
    }
    let etcd = state.parent().map(Etcd::of);
    let Some(Ok(etcd)) = etcd else {
        return refusal(500, "etcd cannot be read");
    };
    match etcd.rewrite(&format!("{namespace}/{name}")) {
        Ok(Some(())) => Reply::Json(200, json!({ "kind": "PartialObjectMetadata" })),
        Ok(None) => refusal(404, "secrets not found"),
        Err(why) => refusal(500, &why),
    }
}

fn groups() -> Value {
    let group = |(name, version): &(&str, &str)| {
        let version = json!({ "groupVersion": format!("{name}/{version}"), "version": version });
        json!({ "name": name, "versions": [version] })
    };
    json!({ "kind": "APIGroupList", "groups": GROUPS.iter().map(group).collect::<Vec<_>>() })
}

/// What RKE stored for one of its addons.
fn config_map(name: &str, state: &State) -> Reply {
    match state.jobs.get(name) {
        Some(job) => Reply::Json(
            200,
            json!({ "metadata": { "name": name }, "data": { name: job.text } }),
        ),
        None => refusal(404, "configmaps not found"),
    }
}

fn job(name: &str, state: &State) -> Reply {
    let job = name
        .strip_suffix("-deploy-job")
        .and_then(|name| state.jobs.get(name));
    let Some(job) = job else {
        return refusal(404, "jobs.batch not found");
    };
    let condition = json!({ "type": "Complete", "status": "True" });
    let conditions: Vec<Value> = job.is_complete.then_some(condition).into_iter().collect();
    Reply::Json(
        200,
        json!({ "metadata": { "name": name }, "status": { "conditions": conditions } }),
    )
}

fn addon_pods(state: &State) -> Vec<Value> {
    let pod = || {
        json!({ "metadata": { "name": ADDON_POD, "namespace": "kube-system",
            "creationTimestamp": "2018-11-20T10:00:00Z" } })
    };
    state.addon_log.iter().map(|_| pod()).collect()
}

/// Two objects a page, whatever is asked for, so that every reader must turn pages.
fn list(plural: &str, request: &Request, state: &State) -> Reply {
    const PAGE: usize = 2;
    let Some((_, kind)) = KINDS.iter().find(|(own, _)| *own == plural) else {
        return refusal(404, "the server could not find the requested resource");
    };
    let own: Vec<Value> = built_in(kind);
    let all = own.iter().chain(&state.objects);
    let all: Vec<&Value> = all.filter(|object| object["kind"] == *kind).collect();
    let start = request.asked("continue").unwrap_or("0").parse();
    let start: usize = start.unwrap_or(0).min(all.len());
    let end = (start + PAGE).min(all.len());
    let mut metadata = json!({});
    if end < all.len() {
        metadata["continue"] = json!(end.to_string());
    }
    Reply::Json(
        200,
        json!({ "metadata": metadata, "items": &all[start..end] }),
    )
}

/// What is there before anybody applies anything.
fn built_in(kind: &str) -> Vec<Value> {
    let named = |names: &[&str]| {
        let object = |name: &&str| json!({ "kind": kind, "metadata": { "name": name } });
        names.iter().map(object).collect()
    };
    match kind {
        "Namespace" => named(&["default", "ingress-nginx", "kube-public", "kube-system"]),
        "ClusterRoleBinding" => vec![
            json!({ "kind": kind, "metadata": { "name": "cluster-admin" },
            "roleRef": { "apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "cluster-admin" },
            "subjects": [{ "apiGroup": "rbac.authorization.k8s.io", "kind": "Group", "name": "system:masters" }] }),
        ],
        _ => Vec::new(),
    }
}

fn refusal(code: u16, message: &str) -> Reply {
    let status = json!({ "kind": "Status", "status": "Failure", "message": message, "code": code });
    Reply::Json(code, status)
}
