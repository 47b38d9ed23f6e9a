//! A file of which some content matters, whatever else is in it: measured, never mended.

use serde::Deserialize;

use crate::facts::Observed;
use crate::facts::layout::Layout;
use crate::facts::question::Question;
use crate::resource::Evidence;
use crate::resource::Scene;
use crate::resource::Seen;
use crate::yaml;
use crate::yaml::Value;

/// A YAML file on the host that holds at least this.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Document {
    /// As components see it; the host's path may have a prefix.
    pub path: String,
    /// Mappings hold at least these keys, lists at least these elements.
    pub holds: Value,
}

impl Document {
    pub(super) fn questions(&self, layout: &Layout) -> Vec<Question> {
        vec![Question::Content(layout.host_path(&self.path))]
    }

    pub(super) fn compare(&self, scene: &Scene<'_>) -> Evidence {
        let path = scene.layout.host_path(&self.path);
        let seen = match scene.facts.file(&path) {
            Observed::Absent => Seen::Unmet("missing".to_owned()),
            Observed::Unread { why } => Seen::Unread(why),
            Observed::Present(file) => match &file.content {
                None => Seen::Unmet("not a regular file".to_owned()),
                Some(content) => self.judged(content.text()),
            },
        };
        Evidence::new(path, format!("holds {}", self.holds), seen)
    }

    /// Never quotes the file: it may hold what is nobody's business.
    fn judged(&self, text: Option<&str>) -> Seen {
        let documents = text.and_then(|text| yaml::documents(&self.path, text).ok());
        match documents.as_deref() {
            None => Seen::Unmet("no YAML".to_owned()),
            Some([]) => Seen::Unmet("empty".to_owned()),
            Some([first, ..]) if first.holds(&self.holds) => Seen::Met("so".to_owned()),
            Some(_) => Seen::Unmet("other content".to_owned()),
        }
    }
}
