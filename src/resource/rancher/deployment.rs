//! Rancher's own Deployment, in the cluster that it runs in.

use crate::facts::Observed;
use crate::facts::object::Kind;
use crate::facts::object::Object;
use crate::facts::object::Objects;
use crate::resource::Scene;
use crate::resource::Seen;
use crate::yaml::Value;

/// How evidence names it.
pub(super) const DEPLOYMENT: &str = "Deployment cattle-system/rancher";

pub(super) const NAMESPACE: &str = "cattle-system";

/// The Deployment; nothing when there is none here, or nobody could tell and there is a server to
/// ask instead.
pub(super) fn deployment<'a>(scene: &Scene<'a>) -> Option<Result<&'a Object, String>> {
    match find(scene.objects) {
        Observed::Present(object) => Some(Ok(object)),
        Observed::Absent => None,
        Observed::Unread { why } => scene.rancher.map(|_| Err(why)),
    }
}

pub(super) fn find(objects: &Objects) -> Observed<&Object> {
    objects.find(Kind::Deployment, Some(NAMESPACE), "rancher")
}

/// The container of the server itself.
pub(super) fn server(deployment: &Object) -> Option<&Value> {
    containers(deployment).find(|one| text_at(one, "name") == Some("rancher"))
}

pub(super) fn containers(deployment: &Object) -> impl Iterator<Item = &Value> {
    let path = ["spec", "template", "spec", "containers"];
    list(deployment.content.at(&path)).iter()
}

/// The volume of the pods that has this name.
pub(super) fn volume<'a>(deployment: &'a Object, name: &str) -> Option<&'a Value> {
    let path = ["spec", "template", "spec", "volumes"];
    named(deployment.content.at(&path), name)
}

pub(super) fn arguments(container: &Value) -> Vec<&str> {
    let args = list(container.at(&["args"])).iter();
    args.filter_map(Value::text).collect()
}

pub(super) fn variable<'a>(container: &'a Value, name: &str) -> Option<&'a str> {
    text_at(named(container.at(&["env"]), name)?, "value")
}

/// The element of a list whose name this is.
pub(super) fn named<'a>(value: Option<&'a Value>, name: &str) -> Option<&'a Value> {
    let mut items = list(value).iter();
    items.find(|one| text_at(one, "name") == Some(name))
}

pub(super) fn list(value: Option<&Value>) -> &[Value] {
    match value {
        Some(Value::List(items)) => items,
        _ => &[],
    }
}

pub(super) fn text_at<'a>(value: &'a Value, key: &str) -> Option<&'a str> {
    value.at(&[key]).and_then(Value::text)
}

/// What is wanted, and where it is missing the exact command that sets it.
pub(super) fn with_command(wanted: &str, seen: &Seen, value: &str) -> String {
    match seen {
        Seen::Unmet(_) => format!(
            "{wanted}, as set by `helm upgrade rancher rancher-stable/rancher --reuse-values --set {value}`"
        ),
        Seen::Met(_) | Seen::Unread(_) => wanted.to_owned(),
    }
}
