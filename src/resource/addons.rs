//! Objects that RKE applies from the `addons` of `cluster.yml`.

use serde::Deserialize;

use crate::cluster_file::Document;
use crate::cluster_file::Edit;
use crate::resource::Evidence;
use crate::resource::Remedy;
use crate::resource::Scene;
use crate::resource::Seen;

/// The objects of a template among the documents of `addons`, compared by content (T-31).
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Addons {
    /// Names the template; the loader replaces it by the rendered text.
    pub template: String,
    #[serde(skip)]
    pub content: String,
}

impl Addons {
    pub(super) fn compare(&self, scene: &Scene<'_>) -> Vec<Evidence> {
        let subject = |document: &Document| format!("cluster.yml addons: {}", document.title());
        let wanted = match Document::all(&self.content) {
            Ok(wanted) => wanted,
            Err(why) => return vec![Evidence::new(&self.template, "objects", Seen::Unread(why))],
        };
        let found = match scene.cluster.addons() {
            Ok(found) => found,
            Err(remark) => {
                let seen = Seen::Unmet(remark.message);
                return vec![Evidence::new("cluster.yml addons", "objects", seen)];
            }
        };
        let compared = wanted.iter().map(|document| {
            let seen = match found.iter().rfind(|other| other.is(document)) {
                Some(other) if other.value == document.value => Seen::Met("the same".to_owned()),
                Some(_) => Seen::Unmet("other content".to_owned()),
                None => Seen::Unmet("missing".to_owned()),
            };
            Evidence::new(
                subject(document),
                format!("as template {}", self.template),
                seen,
            )
        });
        compared.collect()
    }

    pub(super) fn remedies(&self, scene: &Scene<'_>) -> Vec<Remedy> {
        if !self.compare(scene).iter().any(Evidence::is_unmet) {
            return Vec::new();
        }
        vec![Remedy::Edit(Edit::Addons {
            documents: vec![self.content.clone()],
        })]
    }
}
