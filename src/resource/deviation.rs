//! Where an object in the cluster differs from the manifest that was to make it so (T-31).
//!
//! The API server adds what nobody asked for (identity, status, defaults) and leaves out switches
//! that are off. Everything else counts: less than is wanted, something else, and also more,
//! because one more right makes another object of it.

use std::collections::BTreeMap;

use crate::yaml::Value;

/// The parts of an object that say what it does. The rest is the server's.
const CONTENT: [&str; 5] = ["aggregationRule", "roleRef", "rules", "spec", "subjects"];

/// Switches of a pod security policy that the API leaves out when they are off. The others are on,
/// or mean something else, when they are left out.
const LEFT_OUT_WHEN_OFF: [&str; 5] = [
    "hostIPC",
    "hostNetwork",
    "hostPID",
    "privileged",
    "readOnlyRootFilesystem",
];

/// The first difference, in words; nothing when `found` is what `wanted` makes.
pub(super) fn deviation(wanted: &Value, found: &Value) -> Option<String> {
    if found.at(&["metadata", "deletionTimestamp"]).is_some() {
        return Some("it is being deleted".to_owned());
    }
    let is_namespace = wanted.at(&["kind"]).and_then(Value::text) == Some("Namespace");
    let of_marks = ["labels", "annotations"].into_iter().find_map(|marks| {
        let wanted = wanted.at(&["metadata", marks])?;
        let found = found.at(&["metadata", marks]).unwrap_or(&Value::Null);
        (!found.holds(wanted)).then(|| format!("metadata.{marks} is {found}"))
    });
    of_marks.or_else(|| {
        CONTENT
            .into_iter()
            // Only the server has a say in what a namespace is made of.
            .filter(|part| !(is_namespace && *part == "spec"))
            .find_map(|part| differs(part, part, wanted.at(&[part]), found.at(&[part])))
    })
}

fn differs(path: &str, key: &str, wanted: Option<&Value>, found: Option<&Value>) -> Option<String> {
    match (wanted, found) {
        (Some(Value::Map(wanted)), Some(Value::Map(found))) => in_maps(path, wanted, found),
        (Some(Value::List(wanted)), Some(Value::List(found))) => {
            (!are_alike(wanted, found)).then(|| {
                let found = Value::List(found.clone());
                format!("{path} is {found}")
            })
        }
        (wanted, None) if wanted.is_none_or(|wanted| is_nothing(key, wanted)) => None,
        (None, Some(found)) if is_nothing(key, found) => None,
        (wanted, found) if wanted == found => None,
        (_, Some(found)) => Some(format!("{path} is {found}")),
        (_, None) => Some(format!("{path} is not set")),
    }
}

fn in_maps(
    path: &str,
    wanted: &BTreeMap<String, Value>,
    found: &BTreeMap<String, Value>,
) -> Option<String> {
    let keys = wanted.keys().chain(found.keys());
    keys.into_iter().find_map(|key| {
        let path = format!("{path}.{key}");
        differs(&path, key, wanted.get(key), found.get(key))
    })
}

/// Lists are sets here: verbs, subjects, volumes and capabilities have no order.
fn are_alike(wanted: &[Value], found: &[Value]) -> bool {
    let has = |list: &[Value], one: &Value| {
        let alike = |other: &Value| differs("", "", Some(one), Some(other)).is_none();
        list.iter().any(alike)
    };
    wanted.iter().all(|one| has(found, one)) && found.iter().all(|one| has(wanted, one))
}

/// True for what the API leaves out.
fn is_nothing(key: &str, value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Bool(false) => LEFT_OUT_WHEN_OFF.contains(&key),
        Value::List(items) => items.is_empty(),
        Value::Map(entries) => entries.is_empty(),
        Value::Text(text) => text.is_empty(),
        Value::Bool(true) | Value::Int(_) | Value::Float(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::yaml;

    fn value(text: &str) -> Value {
        yaml::documents("x", text).unwrap().remove(0)
    }

    fn told(wanted: &str, found: &str) -> Option<String> {
        deviation(&value(wanted), &value(found))
    }

    const POLICY: &str = "{apiVersion: extensions/v1beta1, kind: PodSecurityPolicy, metadata: {name: p}, \
         spec: {privileged: false, allowPrivilegeEscalation: false, volumes: [secret, emptyDir]}}";

    #[test]
    fn what_the_server_adds_and_leaves_out_is_no_difference() {
        let found = "{apiVersion: policy/v1beta1, kind: PodSecurityPolicy, status: {}, \
             metadata: {name: p, uid: 1, resourceVersion: '7', annotations: {a: b}}, \
             spec: {allowPrivilegeEscalation: false, volumes: [emptyDir, secret]}}";

        assert_eq!(told(POLICY, found), None);
    }

    #[test]
    fn emptied_widened_and_changed_objects_are_told_apart() {
        let spec = |spec: &str| {
            told(
                POLICY,
                &format!("{{metadata: {{name: p}}, spec: {{{spec}}}}}"),
            )
        };
        let whole = "allowPrivilegeEscalation: false, volumes: [emptyDir, secret";

        assert_eq!(
            told(POLICY, "{metadata: {name: p}}").as_deref(),
            Some("spec is not set")
        );
        assert_eq!(
            spec("volumes: [emptyDir, secret]").as_deref(),
            Some("spec.allowPrivilegeEscalation is not set"),
        );
        assert_eq!(
            spec(&format!("{whole}, hostPath]")).as_deref(),
            Some("spec.volumes is [emptyDir, secret, hostPath]"),
        );
        assert_eq!(
            spec(&format!("{whole}], hostNetwork: true")).as_deref(),
            Some("spec.hostNetwork is true"),
        );
        assert_eq!(
            spec(&format!("{whole}], privileged: true")).as_deref(),
            Some("spec.privileged is true"),
        );
    }

    #[test]
    fn a_binding_to_another_role_or_of_more_subjects_is_another_binding() {
        let binding = |role: &str, subjects: &str| {
            format!(
                "{{kind: RoleBinding, roleRef: {{kind: Role, name: {role}}}, subjects: [{subjects}]}}"
            )
        };
        let wanted = binding("a", "{kind: Group, name: x}");

        assert_eq!(told(&wanted, &wanted), None);
        assert!(told(&wanted, &binding("b", "{kind: Group, name: x}")).is_some());
        let more = binding("a", "{kind: Group, name: x}, {kind: User, name: y}");
        assert!(told(&wanted, &more).is_some());
        assert!(told(&more, &wanted).is_some());
    }

    #[test]
    fn a_namespace_is_there_or_going() {
        let wanted = "{kind: Namespace, metadata: {name: n}}";

        let there =
            "{metadata: {name: n}, spec: {finalizers: [kubernetes]}, status: {phase: Active}}";
        assert_eq!(told(wanted, there), None);
        let going = "{metadata: {name: n, deletionTimestamp: now}, spec: {}}";
        assert_eq!(told(wanted, going).as_deref(), Some("it is being deleted"));
    }
}
