//! Several ways to be right, of which one is enough: measured, never mended.

use serde::Deserialize;

use crate::facts::Facts;
use crate::facts::layout::Layout;
use crate::facts::question::Question;
use crate::resource::Evidence;
use crate::resource::Resource;
use crate::resource::Scene;
use crate::resource::Seen;

/// Alternatives; each of them is a list of resources that must all be so.
#[derive(Clone, Debug, Deserialize)]
pub struct AnyOf(pub Vec<Vec<Resource>>);

impl AnyOf {
    pub(super) fn questions(&self, layout: &Layout) -> Vec<Question> {
        let all = self.0.iter().flatten();
        all.flat_map(|resource| resource.questions(layout))
            .collect()
    }

    pub(super) fn questions_after(&self, facts: &Facts) -> Vec<Question> {
        let all = self.0.iter().flatten();
        all.flat_map(|resource| resource.questions_after(facts))
            .collect()
    }

    /// The evidence of the first alternative that is met; else one line that names them all. What
    /// could not be read may be the one that is met, so it is no difference.
    pub(super) fn compare(&self, scene: &Scene<'_>) -> Vec<Evidence> {
        let compare = |resources: &Vec<Resource>| -> Vec<Evidence> {
            resources
                .iter()
                .flat_map(|one| one.compare(scene))
                .collect()
        };
        let alternatives: Vec<Vec<Evidence>> = self.0.iter().map(compare).collect();
        let of = |wanted: fn(&Vec<Evidence>) -> bool| alternatives.iter().find(|all| wanted(all));
        if let Some(met) = of(|all| all.iter().all(Evidence::is_met)) {
            return met.clone();
        }
        if let Some(open) = of(|all| !all.iter().any(Evidence::is_unmet)) {
            return open.clone();
        }
        vec![summary(&alternatives)]
    }
}

fn summary(alternatives: &[Vec<Evidence>]) -> Evidence {
    let mut subjects: Vec<&str> = Vec::new();
    let mut said: Vec<String> = Vec::new();
    for one in alternatives.iter().flatten() {
        if !subjects.contains(&one.subject.as_str()) {
            subjects.push(&one.subject);
            let (Seen::Met(seen) | Seen::Unmet(seen) | Seen::Unread(seen)) = &one.seen;
            said.push(seen.clone());
        }
    }
    let wanted = alternatives.iter().map(|all| {
        let all: Vec<&str> = all.iter().map(|one| one.wanted.as_str()).collect();
        all.join(" and ")
    });
    let wanted: Vec<String> = wanted.collect();
    Evidence::new(
        subjects.join(" and "),
        wanted.join(", or "),
        Seen::Unmet(said.join(" and ")),
    )
}
