//! Objects that RKE applies from the `addons` of `cluster.yml`: written there, and really there.

use serde::Deserialize;

use crate::cluster_file::Document;
use crate::cluster_file::Edit;
use crate::facts::Observed;
use crate::facts::object::Kind;
use crate::facts::object::Object;
use crate::facts::object::Objects;
use crate::resource::Evidence;
use crate::resource::Remedy;
use crate::resource::Scene;
use crate::resource::Seen;
use crate::resource::deviation::deviation;

/// The objects of a template, compared by content (T-31): among the documents of `addons`, and
/// once the cluster is built also in the cluster, because a failed addon is silent (RKE fact 6).
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Addons {
    /// Names the template; the loader replaces it by the rendered text.
    pub template: String,
    #[serde(skip)]
    pub content: String,
}

impl Addons {
    /// What must be listed to see whether the objects are there.
    pub(super) fn kinds(&self) -> Vec<Kind> {
        let documents = Document::all(&self.content).unwrap_or_default();
        let kinds = documents.iter();
        kinds
            .filter_map(|document| Kind::named(&document.kind))
            .collect()
    }

    /// Pods, while a policy is still to come: which of them it would refuse must be known (T-24).
    /// Later only the lists for a person need that long one.
    pub(super) fn kinds_after(&self, objects: &Objects) -> Option<Kind> {
        let documents = Document::all(&self.content).unwrap_or_default();
        let is_missing = |document: &Document| {
            let kind = Kind::PodSecurityPolicy;
            document.kind == kind.name()
                && objects.find(kind, None, &document.name) == Observed::Absent
        };
        documents.iter().any(is_missing).then_some(Kind::Pod)
    }

    pub(super) fn compare(&self, scene: &Scene<'_>) -> Vec<Evidence> {
        let wanted = match Document::all(&self.content) {
            Ok(wanted) => wanted,
            Err(why) => return vec![Evidence::new(&self.template, "objects", Seen::Unread(why))],
        };
        let mut evidence = self.in_file(&wanted, scene);
        evidence.extend(self.in_cluster(&wanted, scene));
        evidence
    }

    pub(super) fn remedies(&self, scene: &Scene<'_>) -> Vec<Remedy> {
        let Ok(wanted) = Document::all(&self.content) else {
            return Vec::new();
        };
        if self.in_file(&wanted, scene).iter().any(Evidence::is_unmet) {
            return vec![Remedy::Edit(Edit::Addons {
                documents: vec![self.content.clone()],
            })];
        }
        // RKE runs its job again while the last one has not completed, and only then or when the
        // documents change (rke.md 2.2): it brings back what never came, not what was altered.
        let is_missing = |document: &Document| find(document, scene) == Observed::Absent;
        if scene.objects.is_built && wanted.iter().any(is_missing) {
            return vec![Remedy::RkeUp];
        }
        Vec::new()
    }

    fn in_file(&self, wanted: &[Document], scene: &Scene<'_>) -> Vec<Evidence> {
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
            let subject = format!("cluster.yml addons: {}", document.title());
            Evidence::new(subject, self.wanted(), seen)
        });
        compared.collect()
    }

    fn in_cluster(&self, wanted: &[Document], scene: &Scene<'_>) -> Vec<Evidence> {
        if !scene.objects.is_built {
            return Vec::new();
        }
        let compared = wanted.iter().map(|document| {
            let subject = format!("in the cluster: {}", document.title());
            Evidence::new(subject, self.wanted(), in_cluster(document, scene))
        });
        compared.collect()
    }

    fn wanted(&self) -> String {
        format!("as template {}", self.template)
    }
}

fn in_cluster(document: &Document, scene: &Scene<'_>) -> Seen {
    match find(document, scene) {
        Observed::Unread { why } => Seen::Unread(why),
        Observed::Absent => Seen::Unmet("missing".to_owned()),
        Observed::Present(object) => match deviation(&document.value, &object.content) {
            Some(difference) => Seen::Unmet(difference),
            None => Seen::Met("the same".to_owned()),
        },
    }
}

fn find<'a>(document: &Document, scene: &Scene<'a>) -> Observed<&'a Object> {
    let Some(kind) = Kind::named(&document.kind) else {
        return Observed::unread(format!("{} is no kind that is asked for", document.kind));
    };
    // What names no namespace lands where the job runs (rke.md 2.2).
    let namespace = kind
        .is_namespaced()
        .then(|| document.namespace.as_deref().unwrap_or("kube-system"));
    scene.objects.find(kind, namespace, &document.name)
}
