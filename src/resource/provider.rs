//! How Secrets are encrypted, as the benchmark asks it: measured; the guide's item mends it.

use serde::Deserialize;

use crate::facts::Observed;
use crate::facts::layout::Layout;
use crate::facts::question::Question;
use crate::resource::Evidence;
use crate::resource::Scene;
use crate::resource::Seen;
use crate::resource::encryption;

/// The first provider for Secrets is aescbc with a 32-byte key (CIS 1.1.35, T-36); only the first
/// one encrypts.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Provider {
    /// As components see it; the host's path may have a prefix.
    pub path: String,
}

impl Provider {
    pub(super) fn questions(&self, layout: &Layout) -> Vec<Question> {
        vec![Question::Content(layout.host_path(&self.path))]
    }

    /// Says of the content only whether it is right.
    pub(super) fn compare(&self, scene: &Scene<'_>) -> Evidence {
        let path = scene.layout.host_path(&self.path);
        let seen = match scene.facts.file(&path) {
            Observed::Absent => Seen::Unmet("missing".to_owned()),
            Observed::Unread { why } => Seen::Unread(why),
            Observed::Present(file) => match file.content.as_ref().map(encryption::encrypts) {
                None => Seen::Unmet("not a regular file".to_owned()),
                Some(Ok(())) => Seen::Met("so [redacted]".to_owned()),
                Some(Err(why)) => Seen::Unmet(why),
            },
        };
        Evidence::new(path, "aescbc with a 32-byte key first for secrets", seen)
    }
}
