//! Why a file is no report.

/// Why a saved report cannot be read; whoever knows the file names it.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    #[error("not JSON: {0}")]
    NotJson(serde_json::Error),
    #[error("JSON, but not a report of `harden check` or `harden apply`")]
    SomethingElse,
    #[error("the joined report of many clusters, and that of one run is wanted")]
    Joined,
    #[error("not a whole report: {0}")]
    NotAReport(serde_json::Error),
    #[error("a report of version {version} of the format, and this program knows {known}")]
    Newer { version: u32, known: u32 },
}

impl ReadError {
    /// The next thing to type.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::Newer { .. } => "use the version of harden that wrote it, or a newer one",
            Self::Joined => "name one of the reports that were joined",
            Self::NotJson(_) | Self::SomethingElse | Self::NotAReport(_) => {
                "save one with `harden check INVENTORY --output json=FILE`"
            }
        }
    }
}
