//! Where an object in the cluster differs from the manifest that was to make it so (T-31).
//!
//! The API server adds what nobody asked for (identity, status, defaults) and leaves out switches
//! that are off. Everything else counts: less than is wanted, something else, and also more,
//! because one more right makes another object of it.

use std::collections::BTreeMap;

use crate::yaml;
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

/// One part of an object that is not as its manifest says.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Deviation {
    /// What is there instead.
    pub(super) told: String,
    pub(super) cure: Cure,
}

/// What applying the manifest again, as RKE's job does, would do about a difference.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum Cure {
    /// It mends it.
    Apply,
    /// It fails, and with it the whole job: a `roleRef` cannot be changed, only made anew.
    Delete,
    /// It leaves it: what somebody added is not in the manifest, and was never applied.
    Edit,
    /// Nothing can be done while it is being deleted.
    Wait,
}

/// Where kubectl notes the manifest that it applied last.
const APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";

/// Every difference, in the order of the object; none when `found` is what `wanted` makes.
pub(super) fn deviations(wanted: &Value, found: &Value) -> Vec<Deviation> {
    if found.at(&["metadata", "deletionTimestamp"]).is_some() {
        return vec![Deviation {
            told: "it is being deleted".to_owned(),
            cure: Cure::Wait,
        }];
    }
    let is_namespace = wanted.at(&["kind"]).and_then(Value::text) == Some("Namespace");
    let of_marks = ["labels", "annotations"].into_iter().filter_map(|marks| {
        let wanted = wanted.at(&["metadata", marks])?;
        let found = found.at(&["metadata", marks]).unwrap_or(&Value::Null);
        (!found.holds(wanted)).then(|| Deviation {
            told: format!("metadata.{marks} is {found}"),
            cure: Cure::Apply,
        })
    });
    let of_content = CONTENT
        .into_iter()
        // Only the server has a say in what a namespace is made of.
        .filter(|part| !(is_namespace && *part == "spec"))
        .flat_map(|part| differences(&[part], wanted.at(&[part]), found.at(&[part])));
    let applied = applied(found);
    let of_content = of_content.map(|difference| difference.deviation(applied.as_ref()));
    of_marks.chain(of_content).collect()
}

/// A difference in the parts that say what an object does.
struct Difference<'a> {
    path: Vec<&'a str>,
    found: Option<&'a Value>,
    /// True when the manifest says nothing at this place.
    is_added: bool,
}

impl Difference<'_> {
    fn deviation(&self, applied: Option<&Value>) -> Deviation {
        let path = self.path.join(".");
        let told = match self.found {
            Some(found) => format!("{path} is {found}"),
            None => format!("{path} is not set"),
        };
        let was_applied = applied.is_some_and(|applied| applied.at(&self.path).is_some());
        let cure = if self.path.first() == Some(&"roleRef") {
            Cure::Delete
        } else if self.is_added && !was_applied {
            Cure::Edit
        } else {
            Cure::Apply
        };
        Deviation { told, cure }
    }
}

/// The manifest that was applied last: what it had and the next one has not is taken out.
fn applied(found: &Value) -> Option<Value> {
    let noted = found.at(&["metadata", "annotations", APPLIED])?.text()?;
    yaml::documents(APPLIED, noted).ok()?.into_iter().next()
}

fn differences<'a>(
    path: &[&'a str],
    wanted: Option<&'a Value>,
    found: Option<&'a Value>,
) -> Vec<Difference<'a>> {
    let key = path.last().copied().unwrap_or_default();
    let is_alike = match (wanted, found) {
        (Some(Value::Map(wanted)), Some(Value::Map(found))) => {
            return in_maps(path, wanted, found);
        }
        (Some(Value::List(wanted)), Some(Value::List(found))) => are_alike(wanted, found),
        (wanted, None) => wanted.is_none_or(|wanted| is_nothing(key, wanted)),
        (None, Some(found)) => is_nothing(key, found),
        (wanted, found) => wanted == found,
    };
    if is_alike {
        return Vec::new();
    }
    vec![Difference {
        path: path.to_vec(),
        found,
        is_added: wanted.is_none(),
    }]
}

fn in_maps<'a>(
    path: &[&'a str],
    wanted: &'a BTreeMap<String, Value>,
    found: &'a BTreeMap<String, Value>,
) -> Vec<Difference<'a>> {
    let added = found.keys().filter(|key| !wanted.contains_key(*key));
    let keys = wanted.keys().chain(added);
    keys.flat_map(|key| {
        let path = [path, &[key.as_str()]].concat();
        differences(&path, wanted.get(key), found.get(key))
    })
    .collect()
}

/// Lists are sets here: verbs, subjects, volumes and capabilities have no order.
fn are_alike(wanted: &[Value], found: &[Value]) -> bool {
    let has = |list: &[Value], one: &Value| {
        let alike = |other: &Value| differences(&[""], Some(one), Some(other)).is_empty();
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

    fn value(text: &str) -> Value {
        yaml::documents("x", text).unwrap().remove(0)
    }

    fn first(wanted: &str, found: &str) -> Option<Deviation> {
        deviations(&value(wanted), &value(found)).into_iter().next()
    }

    fn told(wanted: &str, found: &str) -> Option<String> {
        first(wanted, found).map(|deviation| deviation.told)
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
    fn what_applying_again_can_mend_is_told_from_what_it_cannot() {
        let policy = |metadata: &str, spec: &str| {
            let found = format!(
                "{{metadata: {{name: p{metadata}}}, spec: {{allowPrivilegeEscalation: false, volumes: [emptyDir, secret]{spec}}}}}"
            );
            let cures = deviations(&value(POLICY), &value(&found));
            let cures: Vec<Cure> = cures.into_iter().map(|one| one.cure).collect();
            cures
        };

        assert_eq!(policy("", ", privileged: true"), [Cure::Apply]);
        assert_eq!(policy("", ", hostNetwork: true"), [Cure::Edit]);
        assert_eq!(
            policy("", ", privileged: true, hostNetwork: true"),
            [Cure::Apply, Cure::Edit]
        );
        let noted = ", annotations: {kubectl.kubernetes.io/last-applied-configuration: '{\"spec\": {\"hostNetwork\": true}}'}";
        assert_eq!(policy(noted, ", hostNetwork: true"), [Cure::Apply]);
        assert_eq!(policy(", deletionTimestamp: now", ""), [Cure::Wait]);
        let bound = |role: &str| format!("{{kind: RoleBinding, roleRef: {{name: {role}}}}}");
        let cure = first(&bound("a"), &bound("b")).map(|one| one.cure);
        assert_eq!(cure, Some(Cure::Delete));
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
