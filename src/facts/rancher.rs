//! What a Rancher server says of itself, as values.

use crate::facts::Observed;

/// The answers of one server; a playbook without a `rancher:` block asks none.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Answers {
    /// The cluster `local`; absent when the server answered that there is none.
    pub local_cluster: Observed<()>,
    /// What became of a login with the default name and password.
    pub default_login: Observed<Login>,
    pub providers: Observed<Vec<Provider>>,
    pub grants: Observed<Vec<Grant>>,
    pub drivers: Observed<Vec<Driver>>,
}

impl Answers {
    /// A server of which nothing is known.
    pub fn silent(why: &str) -> Self {
        Self {
            local_cluster: Observed::unread(why),
            default_login: Observed::unread(why),
            providers: Observed::unread(why),
            grants: Observed::unread(why),
            drivers: Observed::unread(why),
        }
    }
}

/// The local provider's answer to the default password.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Login {
    Refused,
    /// `left` says what could not be cleared away behind it; nothing almost always.
    Accepted {
        left: Option<String>,
    },
}

/// Where users may come from.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Provider {
    /// `local`, `github`, `activedirectory`, ..
    pub name: String,
    pub is_enabled: bool,
}

/// A global role that somebody has.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Grant {
    pub subject: Subject,
    pub role: String,
    pub right: Right,
}

/// Who has a global role.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Subject {
    /// By login name; users from a provider may have none, then their id.
    User { name: String, id: String },
    /// As the provider calls it, such as `github_team://1234`.
    Group { principal: String },
}

/// What a global role gives.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Right {
    /// Everything, whatever the role is called.
    Everything,
    /// A role that Rancher brings along for everybody.
    Usual,
    /// A role that somebody made or that gives a part of an administrator's rights.
    Other,
}

/// A way to make nodes.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Driver {
    /// As the server's API names it: a part of a URL.
    pub id: String,
    /// As people know it.
    pub name: String,
    pub is_active: bool,
}
