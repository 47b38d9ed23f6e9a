//! User addons: what `kubectl apply` in RKE's deploy job makes of them (section 2.2).

use serde_json::Value;

use super::state::State;

/// Where the job finds the manifest.
const FILE: &str = "\"/etc/config/rke-user-addon.yaml\"";

const NAMESPACES: [&str; 3] = ["default", "kube-system", "kube-public"];

/// Applies the documents of a manifest; those that can be applied are, whatever becomes of the others.
///
/// # Errors
///
/// At least one document was refused, in the words of `kubectl`: the job does not complete.
pub fn apply(manifest: &str, has_ingress: bool, state: &mut State) -> Result<(), Refused> {
    let documents: Vec<Value> = serde_saphyr::from_multiple(manifest)
        .map_err(|error| Refused(format!("error: error parsing {FILE}: {error}")))?;
    let mut result = Ok(());
    for document in documents.into_iter().filter(|document| !document.is_null()) {
        match refusal(&document, has_ingress, state) {
            None => state.apply(document),
            Some(why) => result = Err(Refused(why)),
        }
    }
    result
}

/// The API server, or `kubectl` before it, did not take a document.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Refused(pub String);

fn refusal(document: &Value, has_ingress: bool, state: &State) -> Option<String> {
    let text = |pointer| document.pointer(pointer).and_then(Value::as_str);
    let is_named = text("/apiVersion").is_some()
        && text("/kind").is_some()
        && text("/metadata/name").is_some();
    if !is_named {
        return Some(format!(
            "error: error validating {FILE}: apiVersion, kind or name not set"
        ));
    }
    if let Some(refused) = other_role(document, state) {
        return Some(refused);
    }
    let namespace = text("/metadata/namespace")?;
    (!has_namespace(namespace, has_ingress, state)).then(|| {
        format!(
            "Error from server (NotFound): error when creating {FILE}: namespaces \"{namespace}\" not found"
        )
    })
}

/// A binding is to one role for ever.
fn other_role(document: &Value, state: &State) -> Option<String> {
    let role = &document["roleRef"];
    let is_other = state.live(document)?["roleRef"] != *role;
    is_other.then(|| {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        format!(
            "The {} \"{}\" is invalid: roleRef: Invalid value: rbac.RoleRef{{APIGroup:\"{}\", Kind:\"{}\", Name:\"{}\"}}: cannot change roleRef",
            text(&document["kind"]),
            text(&document["metadata"]["name"]),
            text(&role["apiGroup"]),
            text(&role["kind"]),
            text(&role["name"]),
        )
    })
}

fn has_namespace(name: &str, has_ingress: bool, state: &State) -> bool {
    NAMESPACES.contains(&name)
        || (name == "ingress-nginx" && has_ingress)
        || state
            .objects
            .iter()
            .any(|object| object["kind"] == "Namespace" && object["metadata"]["name"] == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROLE: &str = "apiVersion: rbac.authorization.k8s.io/v1\nkind: Role\nmetadata: {name: r, namespace: ingress-nginx}\n";

    #[test]
    fn an_object_is_remembered_once() {
        let mut state = State::default();

        apply(&format!("{ROLE}---\n---\n{ROLE}"), true, &mut state).unwrap();

        assert_eq!(state.objects.len(), 1);
    }

    #[test]
    fn a_bad_document_fails_the_job_and_the_good_ones_are_applied() {
        let mut state = State::default();

        assert!(apply(&format!("{ROLE}---\nkind: Role\n"), true, &mut state).is_err());
        assert_eq!(state.objects.len(), 1);
        assert!(apply("a: [", true, &mut state).is_err());
    }

    #[test]
    fn a_binding_to_another_role_is_refused_and_the_rest_is_applied() {
        let binding = |role: &str| {
            format!(
                "apiVersion: v1\nkind: RoleBinding\nmetadata: {{name: b}}\nroleRef: {{name: {role}}}\n"
            )
        };
        let mut state = State::default();
        apply(&binding("a"), true, &mut state).unwrap();

        let both = format!("{}---\n{ROLE}", binding("b"));
        let refused = apply(&both, true, &mut state).unwrap_err();

        assert!(
            refused.0.ends_with("cannot change roleRef"),
            "{}",
            refused.0
        );
        assert_eq!(state.objects.len(), 2);
        assert_eq!(state.objects[0]["roleRef"]["name"], "a");
    }

    #[test]
    fn a_namespace_must_exist_or_be_made_before() {
        let namespace = "apiVersion: v1\nkind: Namespace\nmetadata: {name: ingress-nginx}\n";

        let refused = apply(ROLE, false, &mut State::default()).unwrap_err();
        assert!(refused.0.contains("ingress-nginx"), "{}", refused.0);
        assert_eq!(
            apply(
                &format!("{namespace}---\n{ROLE}"),
                false,
                &mut State::default()
            ),
            Ok(())
        );
    }
}
