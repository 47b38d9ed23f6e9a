//! When a fault begins.

/// What a fault waits for.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Trigger {
    /// The node's command with this number, counted from 1 since the fleet started.
    Exec(u64),
    /// A command whose first record has one of these verbs, such as `put`.
    Verb(&'static [&'static str]),
    /// Such a command, once it was given this many bytes of its input; it is given no more.
    Input(&'static [&'static str], usize),
}

impl Trigger {
    /// True when a command with this number and this first verb is all that it waits for.
    pub(crate) fn is_met(&self, exec: u64, verb: Option<&str>) -> bool {
        match self {
            Self::Exec(number) => *number == exec,
            Self::Verb(wanted) => verb.is_some_and(|verb| wanted.contains(&verb)),
            Self::Input(..) => false,
        }
    }

    /// How much of its input a command with this first verb is given.
    pub(crate) fn limit(&self, verb: Option<&str>) -> Option<usize> {
        match self {
            Self::Input(wanted, bytes) if verb.is_some_and(|verb| wanted.contains(&verb)) => {
                Some(*bytes)
            }
            _ => None,
        }
    }

    pub(crate) fn looks_at_verbs(&self) -> bool {
        !matches!(self, Self::Exec(_))
    }
}
