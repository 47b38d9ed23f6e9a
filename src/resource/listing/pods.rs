//! Pods as a person looks at them: a line a namespace or an image, because a cluster has thousands.

use std::collections::BTreeMap;
use std::collections::BTreeSet;

use crate::facts::object::Object;
use crate::resource::Evidence;
use crate::resource::listing::shown;
use crate::yaml::Value;

/// Names in one line; of more, only the number is said.
const NAMES: usize = 10;

/// Lists of containers in a pod.
const CONTAINERS: [&str; 2] = ["containers", "initContainers"];

/// Profiles of the container runtime; the first name is the one of Kubernetes before 1.11.
const RUNTIME: [&str; 3] = ["docker/default", "runtime/default", "RuntimeDefault"];

/// Pods that run without the seccomp profile of the container runtime (cis:1.6.4).
pub(super) fn without_seccomp(pods: &[Object]) -> Vec<Evidence> {
    let lacks = |pod: &Object| {
        let of_pod = is_confined(pod, "seccomp.security.alpha.kubernetes.io/pod", spec(pod));
        let is_open = |container: &Value| {
            let name = text(container, "name").unwrap_or_default();
            let mark = format!("container.seccomp.security.alpha.kubernetes.io/{name}");
            !is_confined(pod, &mark, container)
                .or(of_pod)
                .unwrap_or(false)
        };
        containers(pod).any(is_open).then(|| pod.name.clone())
    };
    by_namespace(pods, lacks)
}

/// Pods with a container for which neither it nor the pod says how it runs (cis:1.6.5).
pub(super) fn without_context(pods: &[Object]) -> Vec<Evidence> {
    let lacks = |pod: &Object| {
        let is_bare = !has_context(spec(pod)) && containers(pod).any(|one| !has_context(one));
        is_bare.then(|| pod.name.clone())
    };
    by_namespace(pods, lacks)
}

/// Every image, and the namespaces whose pods run it (cis:1.6.6).
pub(super) fn images(pods: &[Object]) -> Vec<Evidence> {
    let mut images: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for pod in pods {
        for image in containers(pod).filter_map(|container| text(container, "image")) {
            let namespace = pod.namespace.as_deref().unwrap_or("?");
            images.entry(image).or_default().insert(namespace);
        }
    }
    let line = |(image, namespaces): (&str, BTreeSet<&str>)| {
        let namespaces: Vec<String> = namespaces.into_iter().map(str::to_owned).collect();
        shown(image.to_owned(), format!("in {}", few(&namespaces)))
    };
    images.into_iter().map(line).collect()
}

/// Pods that reach into their node, and the policies that let them (cis:1.6.8).
pub(super) fn privileged(pods: &[Object], policies: &[Object]) -> Vec<Evidence> {
    let reaches = |pod: &Object| {
        let of_pod = ["hostNetwork", "hostPID", "hostIPC"].into_iter();
        let mut reach: Vec<&str> = of_pod.filter(|key| is_on(spec(pod), &[key])).collect();
        if containers(pod).any(|one| is_on(one, &["securityContext", "privileged"])) {
            reach.insert(0, "privileged");
        }
        (!reach.is_empty()).then(|| format!("{} ({})", pod.name, reach.join(", ")))
    };
    let admits = policies.iter();
    let admits = admits.filter(|policy| is_on(&policy.content, &["spec", "privileged"]));
    let said = "admits privileged containers".to_owned();
    let policies = admits.map(|one| shown(format!("PodSecurityPolicy {}", one.name), said.clone()));
    by_namespace(pods, reaches)
        .into_iter()
        .chain(policies)
        .collect()
}

/// A line a namespace with what `told` tells of its pods; none where it tells nothing.
fn by_namespace(pods: &[Object], told: impl Fn(&Object) -> Option<String>) -> Vec<Evidence> {
    let mut namespaces: BTreeMap<&str, (usize, Vec<String>)> = BTreeMap::new();
    for pod in pods {
        let namespace = pod.namespace.as_deref().unwrap_or("?");
        let (all, names) = namespaces.entry(namespace).or_default();
        *all += 1;
        names.extend(told(pod));
    }
    let lines = namespaces.into_iter();
    let lines = lines.filter(|(_, (_, names))| !names.is_empty());
    let line = |(namespace, (all, names)): (&str, (usize, Vec<String>))| {
        let said = format!("{} of {all} pods: {}", names.len(), few(&names));
        shown(namespace.to_owned(), said)
    };
    lines.map(line).collect()
}

fn few(names: &[String]) -> String {
    let (first, rest) = names.split_at(names.len().min(NAMES));
    match rest.len() {
        0 => first.join(", "),
        more => format!("{} and {more} more", first.join(", ")),
    }
}

/// Whether `place` or its mark, which Kubernetes before 1.19 reads, names the profile of the
/// runtime; nothing when neither names any.
fn is_confined(pod: &Object, mark: &str, place: &Value) -> Option<bool> {
    let field = place.at(&["securityContext", "seccompProfile", "type"]);
    let mark = pod.content.at(&["metadata", "annotations", mark]);
    let profile = field.or(mark).and_then(Value::text)?;
    Some(RUNTIME.contains(&profile))
}

/// The server writes an empty one where nothing is said.
fn has_context(place: &Value) -> bool {
    matches!(place.at(&["securityContext"]), Some(Value::Map(said)) if !said.is_empty())
}

fn spec(pod: &Object) -> &Value {
    pod.content.at(&["spec"]).unwrap_or(&Value::Null)
}

fn containers(pod: &Object) -> impl Iterator<Item = &Value> {
    let lists = CONTAINERS.into_iter();
    let lists = lists.filter_map(|list| match pod.content.at(&["spec", list]) {
        Some(Value::List(containers)) => Some(containers),
        _ => None,
    });
    lists.flatten()
}

fn is_on(value: &Value, path: &[&str]) -> bool {
    value.at(path) == Some(&Value::Bool(true))
}

fn text<'a>(value: &'a Value, key: &str) -> Option<&'a str> {
    value.at(&[key]).and_then(Value::text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::resource::Seen;
    use crate::yaml;

    fn object(text: &str) -> Object {
        Object::of(yaml::documents("x", text).unwrap().remove(0)).unwrap()
    }

    fn pod(name: &str, marks: &str, spec: &str) -> Object {
        object(&format!(
            "{{metadata: {{namespace: shop, name: {name}, annotations: {{{marks}}}}}, spec: {{{spec}}}}}"
        ))
    }

    fn said(lines: Vec<Evidence>) -> Vec<String> {
        let said = |line: Evidence| match line.seen {
            Seen::Met(said) => format!("{}: {said}", line.subject),
            other => panic!("{other:?}"),
        };
        lines.into_iter().map(said).collect()
    }

    #[test]
    fn a_pod_without_the_profile_of_the_runtime_is_listed_whoever_was_to_name_it() {
        let one = "containers: [{name: c}]";
        let mark = "seccomp.security.alpha.kubernetes.io/pod: docker/default";
        let other = "container.seccomp.security.alpha.kubernetes.io/c: unconfined";
        let field =
            "securityContext: {seccompProfile: {type: RuntimeDefault}}, containers: [{name: c}]";
        let pods = [
            pod("bare", "", one),
            pod("marked", mark, one),
            pod("loose", &format!("{mark}, {other}"), one),
            pod("newer", "", field),
        ];

        assert_eq!(
            said(without_seccomp(&pods)),
            ["shop: 2 of 4 pods: bare, loose"]
        );
    }

    #[test]
    fn an_empty_security_context_says_nothing() {
        let pods = [
            pod("empty", "", "securityContext: {}, containers: [{name: c}]"),
            pod(
                "whole",
                "",
                "securityContext: {runAsUser: 7}, containers: [{name: c}]",
            ),
            pod(
                "half",
                "",
                "containers: [{securityContext: {runAsUser: 7}}, {name: d}]",
            ),
        ];

        assert_eq!(
            said(without_context(&pods)),
            ["shop: 2 of 3 pods: empty, half"]
        );
    }

    #[test]
    fn an_image_stands_once_with_those_that_run_it() {
        let pods = [
            pod(
                "a",
                "",
                "containers: [{image: till:1}], initContainers: [{image: busybox}]",
            ),
            pod("b", "", "containers: [{image: till:1}]"),
        ];

        assert_eq!(said(images(&pods)), ["busybox: in shop", "till:1: in shop"]);
    }

    #[test]
    fn privileges_are_named_and_so_are_the_policies_that_admit_them() {
        let pods = [
            pod("calm", "", "containers: [{name: c}]"),
            pod(
                "agent",
                "",
                "hostNetwork: true, initContainers: [{securityContext: {privileged: true}}]",
            ),
        ];
        let policies = [
            object("{metadata: {name: default-psp}, spec: {privileged: true}}"),
            object("{metadata: {name: restricted}, spec: {privileged: false}}"),
        ];

        assert_eq!(
            said(privileged(&pods, &policies)),
            [
                "shop: 1 of 2 pods: agent (privileged, hostNetwork)",
                "PodSecurityPolicy default-psp: admits privileged containers",
            ]
        );
    }

    #[test]
    fn a_line_names_a_few_and_counts_the_rest() {
        let bare = |number| pod(&format!("p{number}"), "", "containers: [{name: c}]");
        let pods: Vec<Object> = (0..12).map(bare).collect();

        let lines = said(without_context(&pods));

        assert!(
            lines[0].starts_with("shop: 12 of 12 pods: p0, "),
            "{lines:?}"
        );
        assert!(lines[0].ends_with("p9 and 2 more"), "{lines:?}");
    }
}
