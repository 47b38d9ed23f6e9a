//! A bind mount of a component: measured on its container, mended in `cluster.yml`.

use serde::Deserialize;

use crate::cluster_file::Edit;
use crate::facts::Observed;
use crate::facts::container;
use crate::facts::question::Question;
use crate::resource::Evidence;
use crate::resource::Remedy;
use crate::resource::Scene;
use crate::resource::Seen;
use crate::resource::service_of;
use crate::yaml::Value;

/// A bind mount as it should be; options such as `:z` do not matter (T-05).
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Bind {
    pub of: String,
    pub source: String,
    pub target: String,
}

impl Bind {
    pub(super) fn questions(&self) -> Vec<Question> {
        vec![Question::Container(self.of.clone())]
    }

    pub(super) fn compare(&self, scene: &Scene<'_>) -> Evidence {
        let seen = match scene.facts.container(&self.of) {
            Observed::Unread { why } => Seen::Unread(why),
            Observed::Absent => Seen::Unmet(format!("no container {} on this node", self.of)),
            Observed::Present(container) => {
                if container.binds.contains(&self.wanted()) {
                    Seen::Met(self.text())
                } else {
                    Seen::Unmet("not mounted".to_owned())
                }
            }
        };
        Evidence::new(format!("{} mount", self.of), self.text(), seen)
    }

    pub(super) fn remedies(&self, scene: &Scene<'_>) -> Vec<Remedy> {
        let Some(service) = service_of(&self.of) else {
            return Vec::new();
        };
        if !self.compare(scene).is_unmet() {
            return Vec::new();
        }
        let path = ["services", service, "extra_binds"];
        let declared = match scene.cluster.value_at(&path) {
            Some(Value::List(items)) => items
                .iter()
                .filter_map(|item| container::Bind::parse(item.text()?))
                .any(|bind| bind == self.wanted()),
            _ => false,
        };
        if declared {
            return vec![Remedy::RkeUp];
        }
        vec![Remedy::Edit(Edit::Append {
            path: path.map(str::to_owned).to_vec(),
            item: self.text(),
        })]
    }

    fn wanted(&self) -> container::Bind {
        container::Bind {
            source: self.source.clone(),
            target: self.target.clone(),
        }
    }

    fn text(&self) -> String {
        format!("{}:{}", self.source, self.target)
    }
}
