//! A value of `cluster.yml` that RKE itself acts on.

use serde::Deserialize;

use crate::cluster_file::Edit;
use crate::cluster_file::Scalar;
use crate::resource::Evidence;
use crate::resource::Remedy;
use crate::resource::Scene;
use crate::resource::Seen;
use crate::yaml::Value;

/// A switch at a path of `cluster.yml`, type included: RKE refuses a quoted bool.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RkeValue {
    /// Keys joined by dots.
    pub path: String,
    pub value: bool,
}

impl RkeValue {
    pub(super) fn compare(&self, scene: &Scene<'_>) -> Evidence {
        let keys: Vec<&str> = self.path.split('.').collect();
        let seen = match scene.cluster.value_at(&keys) {
            Some(Value::Bool(value)) if *value == self.value => Seen::Met(value.to_string()),
            Some(Value::Bool(value)) => Seen::Unmet(value.to_string()),
            Some(_) => Seen::Unmet("not a bool".to_owned()),
            None => Seen::Unmet("not set".to_owned()),
        };
        Evidence::new(
            format!("cluster.yml {}", self.path),
            self.value.to_string(),
            seen,
        )
    }

    pub(super) fn remedies(&self, scene: &Scene<'_>) -> Vec<Remedy> {
        if !self.compare(scene).is_unmet() {
            return Vec::new();
        }
        vec![Remedy::Edit(Edit::Set {
            path: self.path.split('.').map(str::to_owned).collect(),
            value: Scalar::Bool(self.value),
        })]
    }
}
