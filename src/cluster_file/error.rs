//! Why an edit of `cluster.yml` was refused.

use crate::source::Remark;

/// A refused edit; the file is as it was.
#[derive(Debug, thiserror::Error)]
pub enum EditError {
    /// Something is written there that the edit would destroy or cannot enter.
    #[error("{0}")]
    Unfit(Remark),
    /// An anchor carries the edit to a place that was not meant.
    #[error("{file}: the edit would also change `{other}`, through an alias or a merge key")]
    Shared { file: String, other: String },
    /// The new text does not read back as the old one with the edits applied.
    #[error("{file}: cannot make this edit safely: {what}")]
    Unproved { file: String, what: String },
}

impl EditError {
    /// The next thing to do.
    pub fn hint(&self) -> String {
        match self {
            Self::Unfit(remark) => remark.hint.clone(),
            Self::Shared { other, .. } => {
                format!("write the content of `{other}` out in place of its alias, then run again")
            }
            Self::Unproved { .. } => {
                "make the change by hand (`harden check --diff` shows the values), then run again"
                    .to_owned()
            }
        }
    }
}
