//! Pods that a restrictive policy would refuse once it is everybody's default (T-24).
//!
//! They run on until something recreates them, and then they are gone: they must be known before.
//! Only what the policy refuses for certain is named; whether an image runs as root nobody can see here.

use crate::cluster_file::Document;
use crate::facts::Observed;
use crate::facts::object::Kind;
use crate::facts::object::Object;
use crate::fleet::Fleet;
use crate::plan::blocker::Blocker;
use crate::profile::Profile;
use crate::profile::Rule;
use crate::resource::Resource;
use crate::yaml::Value;

/// Pods of these are RKE's own; it exempts them itself (guide.md 6).
const EXEMPT: &str = "kube-system";

/// A blocker when the policy is still to come and pods are there that it would refuse.
pub(super) fn blocker(profile: &Profile, fleet: &Fleet, level: u8) -> Option<Blocker> {
    let Observed::Present(pods) = fleet.objects.list(Kind::Pod) else {
        return None;
    };
    let wanted = addons(profile, level);
    let policy = wanted
        .iter()
        .find(|document| document.kind == Kind::PodSecurityPolicy.name())?;
    if is_there(fleet, policy) {
        return None;
    }
    let exempt = exempt_namespaces(&wanted, fleet, &policy.name);
    let refused = pods.iter().filter_map(|pod| {
        let namespace = pod.namespace.as_deref()?;
        let is_exempt = namespace == EXEMPT || exempt.iter().any(|own| own == namespace);
        let why = (!is_exempt).then(|| refusal(pod, policy))??;
        Some(format!("{namespace}/{} ({why})", pod.name))
    });
    let pods: Vec<String> = refused.collect();
    (!pods.is_empty()).then(|| Blocker::PodsRefused {
        policy: policy.name.clone(),
        pods,
    })
}

pub(super) fn addons(profile: &Profile, level: u8) -> Vec<Document> {
    let controls = profile.controls.iter();
    let audits = controls
        .filter(|control| control.level <= level)
        .filter_map(|control| match &control.rule {
            Rule::Audit(audit) => Some(&audit.resources),
            Rule::Manual(_) | Rule::NotApplicable(_) => None,
        });
    let texts = audits.flatten().filter_map(|resource| match resource {
        Resource::Addons(addons) => Some(addons.content.as_str()),
        _ => None,
    });
    texts
        .flat_map(|text| Document::all(text).unwrap_or_default())
        .collect()
}

fn is_there(fleet: &Fleet, policy: &Document) -> bool {
    let found = fleet
        .objects
        .find(Kind::PodSecurityPolicy, None, &policy.name);
    !matches!(found, Observed::Absent)
}

/// Namespaces in which a role binding, planned or there, lets somebody use another policy.
fn exempt_namespaces(wanted: &[Document], fleet: &Fleet, policy: &str) -> Vec<String> {
    let listed = |kind| match fleet.objects.list(kind) {
        Observed::Present(objects) => objects,
        Observed::Absent | Observed::Unread { .. } => &[],
    };
    let planned = |kind: Kind| {
        let documents = wanted
            .iter()
            .filter(move |document| document.kind == kind.name());
        documents.map(|document| &document.value)
    };
    let there = |kind| listed(kind).iter().map(|object| &object.content);
    let all = |kind| planned(kind).chain(there(kind)).collect::<Vec<&Value>>();
    let roles: Vec<&Value> = [all(Kind::Role), all(Kind::ClusterRole)].concat();
    let frees = |binding: &&Value| {
        let named = |role: &&&Value| {
            role.at(&["metadata", "name"]) == binding.at(&["roleRef", "name"])
                && (role.at(&["metadata", "namespace"]).is_none()
                    || role.at(&["metadata", "namespace"])
                        == binding.at(&["metadata", "namespace"]))
        };
        let mut bound = roles.iter().filter(named);
        bound.any(|role| lets_use_another(role, policy))
    };
    let bindings = all(Kind::RoleBinding).into_iter().filter(frees);
    bindings
        .filter_map(|binding| binding.at(&["metadata", "namespace"])?.text())
        .map(str::to_owned)
        .collect()
}

fn lets_use_another(role: &Value, policy: &str) -> bool {
    let has = |rule: &Value, key: &str, item: &str| {
        let mut items = list(rule.at(&[key])).iter().filter_map(Value::text);
        items.any(|own| own == item || own == "*")
    };
    list(role.at(&["rules"])).iter().any(|rule| {
        let names = list(rule.at(&["resourceNames"]));
        let is_another = names.is_empty() || names.iter().any(|name| name.text() != Some(policy));
        has(rule, "resources", "podsecuritypolicies") && has(rule, "verbs", "use") && is_another
    })
}

/// Why the policy refuses the pod for certain.
fn refusal(pod: &Object, policy: &Document) -> Option<String> {
    let spec = pod.content.at(&["spec"])?;
    let policy = policy.value.at(&["spec"])?;
    let is_on = |value: &Value, key: &str| value.at(&[key]) == Some(&Value::Bool(true));
    let host = ["hostNetwork", "hostPID", "hostIPC"]
        .into_iter()
        .find(|key| is_on(spec, key) && !is_on(policy, key));
    if let Some(host) = host {
        return Some(host.to_owned());
    }
    volume(spec, policy).or_else(|| {
        let containers = ["containers", "initContainers"];
        let mut containers = containers.into_iter().flat_map(|key| list(spec.at(&[key])));
        containers.find_map(|container| of_container(container, spec, policy))
    })
}

fn volume(spec: &Value, policy: &Value) -> Option<String> {
    let allowed: Vec<&str> = list(policy.at(&["volumes"]))
        .iter()
        .filter_map(Value::text)
        .collect();
    let volumes = list(spec.at(&["volumes"])).iter();
    let kinds = volumes.filter_map(|volume| match volume {
        Value::Map(parts) => parts.keys().find(|key| *key != "name"),
        _ => None,
    });
    let mut kinds =
        kinds.filter(|kind| !allowed.contains(&"*") && !allowed.contains(&kind.as_str()));
    kinds.next().map(|kind| format!("a {kind} volume"))
}

fn of_container(container: &Value, spec: &Value, policy: &Value) -> Option<String> {
    let context = container.at(&["securityContext"]);
    let of_context = |key: &str| context.and_then(|context| context.at(&[key]));
    let on = Some(&Value::Bool(true));
    for key in ["privileged", "allowPrivilegeEscalation"] {
        if of_context(key) == on && policy.at(&[key]) != on {
            return Some(key.to_owned());
        }
    }
    let user = of_context("runAsUser").or_else(|| spec.at(&["securityContext", "runAsUser"]));
    let rule = policy.at(&["runAsUser", "rule"]).and_then(Value::text);
    if user == Some(&Value::Int(0)) && rule == Some("MustRunAsNonRoot") {
        return Some("runs as root".to_owned());
    }
    let added = context.and_then(|context| context.at(&["capabilities", "add"]));
    if !list(added).is_empty() && list(policy.at(&["allowedCapabilities"])).is_empty() {
        return Some("adds capabilities".to_owned());
    }
    let mut ports = list(container.at(&["ports"])).iter();
    let on_host = |port: &Value| matches!(port.at(&["hostPort"]), Some(Value::Int(1..)));
    (ports.any(on_host) && list(policy.at(&["hostPorts"])).is_empty())
        .then(|| "a port of the host".to_owned())
}

fn list(value: Option<&Value>) -> &[Value] {
    match value {
        Some(Value::List(items)) => items,
        _ => &[],
    }
}
