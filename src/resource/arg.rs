//! An argument of a Kubernetes component: measured on its container, mended in `cluster.yml`.

use serde::Deserialize;

use crate::cluster_file::ClusterFile;
use crate::cluster_file::Edit;
use crate::cluster_file::Scalar;
use crate::facts::Observed;
use crate::facts::container::Container;
use crate::facts::container::State;
use crate::facts::question::Question;
use crate::resource::Evidence;
use crate::resource::Remedy;
use crate::resource::Scene;
use crate::resource::Seen;
use crate::resource::expect::Expect;
use crate::resource::expect::elements;
use crate::resource::service_of;
use crate::yaml::Value;

/// An argument as it should be.
#[derive(Clone, Debug, Deserialize)]
#[serde(try_from = "RawArg")]
pub struct Arg {
    /// The component, by its container's name.
    pub of: String,
    pub name: String,
    /// A flag that older versions use for the same thing, and that excludes this one (RKE fact 16).
    pub formerly: Option<String>,
    pub expect: Expect,
    /// What is written where `expect` alone does not say it.
    pub write: Option<String>,
    /// Items of an `includes` list that are written with the others and not demanded (T-29).
    pub optional: Vec<String>,
}

impl Arg {
    pub(super) fn questions(&self) -> Vec<Question> {
        vec![Question::Container(self.of.clone())]
    }

    pub(super) fn compare(&self, scene: &Scene<'_>) -> Evidence {
        let wanted = self.demanded();
        let seen = match scene.facts.container(&self.of) {
            Observed::Unread { why } => Seen::Unread(why),
            Observed::Absent => Seen::Unmet(format!("no container {} on this node", self.of)),
            Observed::Present(container) => self.seen(&wanted, container, scene.cluster),
        };
        Evidence::new(
            format!("{} --{}", self.of, self.name),
            wanted.in_words(),
            seen,
        )
    }

    fn seen(&self, wanted: &Expect, container: &Container, cluster: &ClusterFile) -> Seen {
        let name = self.name_in(container);
        let values: Vec<&str> = container.flags(name).collect();
        let is_met = match wanted {
            // Lists that are given several times add up in a component, so what must not be in
            // them must be in none of them.
            Expect::Excludes(_) | Expect::Within(_) if values.len() > 1 => {
                values.iter().all(|value| wanted.is_met_by(Some(value)))
            }
            _ => wanted.is_met_by(values.last().copied()),
        };
        let said = match values.as_slice() {
            [] => "not set".to_owned(),
            [value] => (*value).to_owned(),
            [before @ .., last] => format!("{last}, after {}", before.join(" and ")),
        };
        if !is_met {
            return Seen::Unmet(said);
        }
        match &container.state {
            State::CrashLooping { restarts } => {
                return Seen::Unmet(format!(
                    "{said}, but it is crash-looping ({restarts} restarts)"
                ));
            }
            State::Stopped { status } => {
                return Seen::Unmet(format!("{said}, but the container is {status}"));
            }
            State::Running => {}
        }
        match self.declared(name, cluster) {
            Some(declared) if !wanted.is_met_by(Some(&declared)) => Seen::Unmet(format!(
                "{said} now, but cluster.yml says {declared}: the next `rke up` would bring that"
            )),
            _ => Seen::Met(said),
        }
    }

    pub(super) fn remedies(&self, scene: &Scene<'_>) -> Vec<Remedy> {
        if !self.compare(scene).is_unmet() {
            return Vec::new();
        }
        let running = match scene.facts.container(&self.of) {
            Observed::Present(container) => Some(container),
            _ => None,
        };
        let name = running.map_or(self.name.as_str(), |container| self.name_in(container));
        let Some(path) = self.path(name) else {
            return Vec::new();
        };
        let declared = self.declared(name, scene.cluster);
        if self.demanded().is_met_by(declared.as_deref()) && declared.is_some() {
            return vec![Remedy::RkeUp];
        }
        match (&self.expect, &self.write) {
            (Expect::Includes(items), _) => {
                let running = running.and_then(|container| container.flag(name));
                vec![Remedy::EditList {
                    path,
                    items: joined(items, [declared.as_deref(), running]),
                }]
            }
            (Expect::Equals(value), _) | (_, Some(value)) => vec![Remedy::Edit(Edit::Set {
                path,
                value: Scalar::Text(value.clone()),
            })],
            _ => Vec::new(),
        }
    }

    /// What is demanded: an optional item of a list is written but not demanded.
    pub(super) fn demanded(&self) -> Expect {
        match &self.expect {
            Expect::Includes(items) => {
                let kept = items.iter().filter(|item| !self.optional.contains(item));
                Expect::Includes(kept.cloned().collect())
            }
            other => other.clone(),
        }
    }

    /// The flag that this container uses for the same thing.
    fn name_in(&self, container: &Container) -> &str {
        match &self.formerly {
            Some(former) if container.flag(former).is_some() => former,
            _ => &self.name,
        }
    }

    /// The value in `extra_args`, as the text that RKE would hand on.
    fn declared(&self, name: &str, cluster: &ClusterFile) -> Option<String> {
        let service = service_of(&self.of)?;
        match cluster.value_at(&["services", service, "extra_args", name])? {
            Value::Text(text) => Some(text.clone()),
            Value::Bool(value) => Some(value.to_string()),
            Value::Int(value) => Some(value.to_string()),
            Value::Float(value) => Some(value.to_string()),
            Value::Null => Some(String::new()),
            Value::List(_) | Value::Map(_) => None,
        }
    }

    fn path(&self, name: &str) -> Option<Vec<String>> {
        let service = service_of(&self.of)?;
        Some(
            ["services", service, "extra_args", name]
                .map(str::to_owned)
                .to_vec(),
        )
    }
}

/// The wanted items in their order, then what the other lists hold beside: `extra_args` replaces
/// RKE's own list, so nothing that runs now may be dropped from it (RKE fact 9, rke.md 2.3).
fn joined(wanted: &[String], others: [Option<&str>; 2]) -> Vec<String> {
    let mut items = wanted.to_vec();
    for item in others.into_iter().flatten().flat_map(elements) {
        if !items.iter().any(|known| known == item) {
            items.push(item.to_owned());
        }
    }
    items
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawArg {
    of: String,
    name: String,
    formerly: Option<String>,
    #[serde(default)]
    absent: bool,
    #[serde(default)]
    present: bool,
    absent_or: Option<String>,
    equals: Option<String>,
    not: Option<String>,
    at_least: Option<u64>,
    at_most: Option<u64>,
    includes: Option<Vec<String>>,
    excludes: Option<Vec<String>>,
    within: Option<Vec<String>>,
    longer_than: Option<String>,
    write: Option<String>,
    #[serde(default)]
    optional: Vec<String>,
}

impl TryFrom<RawArg> for Arg {
    type Error = String;

    fn try_from(raw: RawArg) -> Result<Self, String> {
        if service_of(&raw.of).is_none() {
            return Err(format!("`{}` is no component of RKE", raw.of));
        }
        let mut expected = [
            raw.absent.then_some(Expect::Absent),
            raw.present.then_some(Expect::Present),
            raw.absent_or.map(Expect::AbsentOr),
            raw.equals.map(Expect::Equals),
            raw.not.map(Expect::Not),
            raw.at_least.map(Expect::AtLeast),
            raw.at_most.map(Expect::AtMost),
            raw.includes.map(Expect::Includes),
            raw.excludes.map(Expect::Excludes),
            raw.within.map(Expect::Within),
            raw.longer_than.map(Expect::LongerThan),
        ]
        .into_iter()
        .flatten();
        match (expected.next(), expected.next()) {
            (Some(expect), None) => Ok(Self {
                of: raw.of,
                name: raw.name,
                formerly: raw.formerly,
                expect,
                write: raw.write,
                optional: raw.optional,
            }),
            (None, _) => Err(format!("`{}` expects nothing", raw.name)),
            (Some(_), Some(_)) => Err(format!("`{}` expects two things", raw.name)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_runs_is_dropped_from_a_list() {
        let wanted = ["A".to_owned(), "B".to_owned()];

        let items = joined(&wanted, [None, Some("MutatingAdmissionWebhook,B")]);

        assert_eq!(items, ["A", "B", "MutatingAdmissionWebhook"]);
    }
}
