//! Namespaces that the addons need and nobody makes (T-08).

use crate::facts::Observed;
use crate::facts::object::Kind;
use crate::fleet::Fleet;
use crate::plan::blocker::Blocker;
use crate::plan::pods::addons;
use crate::profile::Profile;
use crate::yaml::Value;

/// RKE makes it for its own ingress controller only.
const INGRESS: &str = "ingress-nginx";

/// A blocker when RKE is told to make no ingress controller, and the addons are bound to its
/// namespace all the same.
pub(super) fn blocker(profile: &Profile, fleet: &Fleet, level: u8) -> Option<Blocker> {
    let provider = fleet.cluster.file.value_at(&["ingress", "provider"]);
    if provider.and_then(Value::text) != Some("none") {
        return None;
    }
    let documents = addons(profile, level);
    let is_needed = documents.iter().any(|document| {
        document
            .value
            .at(&["metadata", "namespace"])
            .and_then(Value::text)
            == Some(INGRESS)
    });
    let is_made = documents
        .iter()
        .any(|document| document.kind == Kind::Namespace.name() && document.name == INGRESS);
    let found = fleet.objects.find(Kind::Namespace, None, INGRESS);
    (is_needed && !is_made && matches!(found, Observed::Absent)).then(|| Blocker::NoNamespace {
        namespace: INGRESS.to_owned(),
    })
}
