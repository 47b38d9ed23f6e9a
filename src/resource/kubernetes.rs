//! An object of the Kubernetes API, judged by its content and never by its existence (T-31).
//!
//! It is measured here; what makes it so is the `addons` of `cluster.yml`.

use serde::Deserialize;

use crate::facts::Observed;
use crate::facts::object::Kind;
use crate::facts::object::Object;
use crate::resource::Evidence;
use crate::resource::Scene;
use crate::resource::Seen;
use crate::yaml::Value;

/// An object that is there, with one thing in it as it should be.
#[derive(Clone, Debug, Deserialize)]
#[serde(try_from = "RawObject")]
pub struct KubernetesObject {
    pub kind: Kind,
    /// `None` for what belongs to the cluster as a whole.
    pub namespace: Option<String>,
    pub name: String,
    /// Keys to the value that matters; none for the object as a whole.
    pub at: Vec<String>,
    pub expect: Content,
}

/// What is expected of a value in an object.
#[derive(Clone, Debug, PartialEq)]
pub enum Content {
    Equals(Value),
    /// Anything else, or not set; what it would be set in must be there all the same.
    Not(Value),
    /// A list with at least one of these.
    IncludesAny(Vec<String>),
    /// At least this, as [`Value::holds`] says.
    Holds(Value),
}

impl Content {
    fn is_met_by(&self, value: Option<&Value>) -> bool {
        match self {
            Self::Equals(wanted) => value == Some(wanted),
            Self::Not(unwanted) => value != Some(unwanted),
            Self::IncludesAny(items) => matches!(value, Some(Value::List(found)) if found
                .iter()
                .any(|item| items.iter().any(|wanted| item.text() == Some(wanted)))),
            Self::Holds(wanted) => value.is_some_and(|value| value.holds(wanted)),
        }
    }

    pub(super) fn in_words(&self) -> String {
        match self {
            Self::Equals(value) => value.to_string(),
            Self::Not(value) => format!("not {value}"),
            Self::IncludesAny(items) => format!("includes {}", items.join(" or ")),
            Self::Holds(value) => format!("holds {value}"),
        }
    }
}

impl KubernetesObject {
    pub(super) fn compare(&self, scene: &Scene<'_>) -> Evidence {
        let found = scene
            .objects
            .find(self.kind, self.namespace.as_deref(), &self.name);
        let seen = match found {
            Observed::Unread { why } => Seen::Unread(why),
            Observed::Absent => Seen::Unmet("there is none".to_owned()),
            Observed::Present(object) => self.judged(object),
        };
        Evidence::new(self.subject(), self.expect.in_words(), seen)
    }

    fn judged(&self, object: &Object) -> Seen {
        let path: Vec<&str> = self.at.iter().map(String::as_str).collect();
        if let [above @ .., _] = path.as_slice()
            && !matches!(object.content.at(above), Some(Value::Map(_)))
        {
            return Seen::Unmet(format!("it has no {}", above.join(".")));
        }
        let value = object.content.at(&path);
        let said = match (value, &self.expect) {
            (None, _) => "not set".to_owned(),
            (Some(_), Content::Holds(_)) => "its content".to_owned(),
            (Some(value), _) => value.to_string(),
        };
        if self.expect.is_met_by(value) {
            Seen::Met(said)
        } else {
            Seen::Unmet(said)
        }
    }

    pub(super) fn subject(&self) -> String {
        let namespace = self
            .namespace
            .iter()
            .map(|namespace| format!("{namespace}/"));
        let namespace: String = namespace.collect();
        let at = self.at.join(".");
        let name = format!("{} {namespace}{}", self.kind, self.name);
        [name, at].join(" ").trim_end().to_owned()
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawObject {
    kind: Kind,
    namespace: Option<String>,
    name: String,
    #[serde(default)]
    at: String,
    equals: Option<Value>,
    not: Option<Value>,
    includes_any: Option<Vec<String>>,
    holds: Option<Value>,
}

impl TryFrom<RawObject> for KubernetesObject {
    type Error = String;

    fn try_from(raw: RawObject) -> Result<Self, String> {
        let mut expected = [
            raw.equals.map(Content::Equals),
            raw.not.map(Content::Not),
            raw.includes_any.map(Content::IncludesAny),
            raw.holds.map(Content::Holds),
        ]
        .into_iter()
        .flatten();
        let (Some(expect), None) = (expected.next(), expected.next()) else {
            let message = "expects exactly one of `equals`, `not`, `includes_any` and `holds`";
            return Err(format!("{} {} {message}", raw.kind, raw.name));
        };
        let keys = raw.at.split('.').filter(|key| !key.is_empty());
        Ok(Self {
            kind: raw.kind,
            namespace: raw.namespace,
            name: raw.name,
            at: keys.map(str::to_owned).collect(),
            expect,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::yaml;

    fn value(text: &str) -> Value {
        yaml::documents("x", text).unwrap().remove(0)
    }

    fn judged(resource: &str, object: &str) -> bool {
        let resource: KubernetesObject = yaml::read("x", resource).unwrap();
        let object = Object::of(value(object)).unwrap();
        matches!(resource.judged(&object), Seen::Met(_))
    }

    const PRIVILEGED: &str = "{kind: PodSecurityPolicy, name: p, at: spec.privileged, not: true}";

    #[test]
    fn a_switch_that_is_left_out_is_off_but_an_emptied_object_is_nothing() {
        let object = |rest: &str| format!("{{metadata: {{name: p}}{rest}}}");

        assert!(judged(PRIVILEGED, &object(", spec: {hostPID: false}")));
        assert!(judged(PRIVILEGED, &object(", spec: {privileged: false}")));
        assert!(!judged(PRIVILEGED, &object(", spec: {privileged: true}")));
        assert!(!judged(PRIVILEGED, &object("")));
    }

    #[test]
    fn one_expectation_and_a_kind_that_is_known() {
        let read = |text| yaml::read::<KubernetesObject>("x", text);

        assert!(read("{kind: PodSecurityPolicy, name: p, at: spec}").is_err());
        assert!(read("{kind: PodSecurityPolicy, name: p, equals: 1, not: 1}").is_err());
        assert!(read("{kind: PodSecurtyPolicy, name: p, equals: 1}").is_err());
    }
}
