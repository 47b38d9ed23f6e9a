//! When a fault begins.

/// What a fault waits for.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Trigger {
    /// The node's command with this number, counted from 1 since the fleet started.
    Exec(u64),
    /// A command whose first record has one of these verbs, such as `put`.
    Verb(&'static [&'static str]),
}

impl Trigger {
    pub(crate) fn is_met(&self, exec: u64, verb: Option<&str>) -> bool {
        match self {
            Self::Exec(number) => *number == exec,
            Self::Verb(wanted) => verb.is_some_and(|verb| wanted.contains(&verb)),
        }
    }
}
