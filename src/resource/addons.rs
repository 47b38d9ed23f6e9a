//! Objects that RKE applies from the `addons` of `cluster.yml`: written there, and really there.

use std::path::Path;

use serde::Deserialize;

use crate::cluster_file::Document;
use crate::cluster_file::Edit;
use crate::cluster_file::state_files;
use crate::facts::Observed;
use crate::facts::object::Kind;
use crate::facts::object::Object;
use crate::facts::object::Objects;
use crate::resource::Evidence;
use crate::resource::Remedy;
use crate::resource::Scene;
use crate::resource::Seen;
use crate::resource::deviation::Cure;
use crate::resource::deviation::Deviation;
use crate::resource::deviation::deviations;

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

    /// True when an object is not as it should be, so that what RKE's job did last must be known.
    pub(super) fn needs_job(&self, objects: &Objects) -> bool {
        let documents = Document::all(&self.content).unwrap_or_default();
        let mut states = documents.iter().map(|document| state(document, objects));
        states.any(|state| matches!(state, State::Amiss { .. }))
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
        let states = || wanted.iter().map(|document| state(document, scene.objects));
        // One object that cannot be applied fails the job for all of them.
        let is_hopeless = states().any(|state| state.has(&Cure::Delete) || state.has(&Cure::Wait));
        let is_mendable = states().any(|state| state.has(&Cure::Apply));
        if !scene.objects.is_built || is_hopeless || !is_mendable {
            return Vec::new();
        }
        match &scene.objects.addon_job {
            Observed::Present(job) if job.would_run(scene.cluster.addons_text()) => {
                vec![Remedy::RkeUp]
            }
            // Where nobody could tell, another text makes it certain.
            _ => {
                let number = scene.cluster.addons_count() + 1;
                vec![Remedy::Edit(Edit::AddonsCount { number })]
            }
        }
    }

    /// Objects that make RKE's job fail, each with the command that is the way out.
    pub fn unchangeable(&self, scene: &Scene<'_>) -> Vec<(String, String)> {
        let wanted = Document::all(&self.content).unwrap_or_default();
        let stuck = wanted
            .iter()
            .filter(|document| state(document, scene.objects).has(&Cure::Delete));
        stuck
            .map(|document| (document.title(), kubectl("delete", document, scene)))
            .collect()
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
            let state = state(document, scene.objects);
            let wanted = match state.by_hand(document, scene) {
                Some(way_out) => format!("{}; {way_out}", self.wanted()),
                None => self.wanted(),
            };
            Evidence::new(subject, wanted, state.seen())
        });
        compared.collect()
    }

    fn wanted(&self) -> String {
        format!("as template {}", self.template)
    }
}

/// What became of an object in the cluster.
enum State {
    Unread {
        why: String,
    },
    Same,
    /// Never empty; a missing object is one difference.
    Amiss {
        deviations: Vec<Deviation>,
    },
}

impl State {
    fn has(&self, cure: &Cure) -> bool {
        match self {
            Self::Amiss { deviations } => deviations.iter().any(|one| one.cure == *cure),
            Self::Unread { .. } | Self::Same => false,
        }
    }

    fn seen(self) -> Seen {
        match self {
            Self::Unread { why } => Seen::Unread(why),
            Self::Same => Seen::Met("the same".to_owned()),
            Self::Amiss { deviations } => {
                let told: Vec<String> = deviations.into_iter().map(|one| one.told).collect();
                Seen::Unmet(told.join(", "))
            }
        }
    }

    /// What only a person can do about it.
    fn by_hand(&self, document: &Document, scene: &Scene<'_>) -> Option<String> {
        if self.has(&Cure::Delete) {
            let command = kubectl("delete", document, scene);
            return Some(format!(
                "a roleRef cannot be changed: run `{command}`, and apply brings it back"
            ));
        }
        self.has(&Cure::Edit).then(|| {
            let command = kubectl("edit", document, scene);
            format!("what was added stays when it is applied again: run `{command}`")
        })
    }
}

fn state(document: &Document, objects: &Objects) -> State {
    let deviations = match find(document, objects) {
        Observed::Unread { why } => return State::Unread { why },
        Observed::Absent => vec![Deviation {
            told: "missing".to_owned(),
            cure: Cure::Apply,
        }],
        Observed::Present(object) => deviations(&document.value, &object.content),
    };
    if deviations.is_empty() {
        State::Same
    } else {
        State::Amiss { deviations }
    }
}

fn find<'a>(document: &Document, objects: &'a Objects) -> Observed<&'a Object> {
    let Some(kind) = Kind::named(&document.kind) else {
        return Observed::unread(format!("{} is no kind that is asked for", document.kind));
    };
    objects.find(kind, namespace(kind, document), &document.name)
}

/// What names no namespace lands where the job runs (rke.md 2.2).
fn namespace(kind: Kind, document: &Document) -> Option<&str> {
    kind.is_namespaced()
        .then(|| document.namespace.as_deref().unwrap_or("kube-system"))
}

/// A command for one object, with the kubeconfig that RKE leaves beside `cluster.yml`.
fn kubectl(verb: &str, document: &Document, scene: &Scene<'_>) -> String {
    let [kubeconfig, _] = state_files(Path::new(scene.cluster.name()));
    let kind = document.kind.to_lowercase();
    let namespace = Kind::named(&document.kind).and_then(|kind| namespace(kind, document));
    let namespace = namespace.map(|namespace| format!("-n {namespace} "));
    format!(
        "kubectl --kubeconfig {} {}{verb} {kind} {}",
        kubeconfig.display(),
        namespace.unwrap_or_default(),
        document.name
    )
}
