//! What a comparison saw, beside what was wanted.

/// What was wanted of one thing and what was seen, one line each, secrets already redacted.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct Evidence {
    pub subject: String,
    pub wanted: String,
    pub seen: Seen,
}

/// What a comparison saw. Only a measurement can meet or miss what is wanted.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub enum Seen {
    Met(String),
    Unmet(String),
    Unread(String),
}

impl Evidence {
    pub fn new(subject: impl Into<String>, wanted: impl Into<String>, seen: Seen) -> Self {
        Self {
            subject: subject.into(),
            wanted: wanted.into(),
            seen,
        }
    }

    pub fn is_met(&self) -> bool {
        matches!(self.seen, Seen::Met(_))
    }

    pub fn is_unmet(&self) -> bool {
        matches!(self.seen, Seen::Unmet(_))
    }

    pub fn is_unread(&self) -> bool {
        matches!(self.seen, Seen::Unread(_))
    }
}
