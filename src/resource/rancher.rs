//! What is asked of a Rancher server: one question a control, each with its own reading (T-40 to T-44).
//!
//! Without a `rancher:` block in the playbook there is nothing to ask, and a comparison is empty: a
//! person must look. Where Rancher runs in this very cluster, its Deployment is read all the same.

mod audit_log;
mod deployment;
mod drivers;

use serde::Deserialize;

use crate::facts::Observed;
use crate::facts::object::Kind;
use crate::facts::object::Objects;
use crate::facts::question::Question;
use crate::facts::rancher::Grant;
use crate::facts::rancher::Login;
use crate::facts::rancher::Provider;
use crate::facts::rancher::Right;
use crate::facts::rancher::Subject;
use crate::inventory::Inventory;
use crate::resource::Evidence;
use crate::resource::Remedy;
use crate::resource::Scene;
use crate::resource::Seen;
use crate::resource::rancher::deployment::DEPLOYMENT;
use crate::resource::rancher::deployment::arguments;
use crate::resource::rancher::deployment::deployment;
use crate::resource::rancher::deployment::server;
use crate::resource::rancher::deployment::with_command;

pub use crate::resource::rancher::drivers::NodeDrivers;

/// A thing of a Rancher server as it should be.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq)]
#[serde(rename_all = "snake_case")]
pub enum Rancher {
    /// The server does not manage the cluster it runs in: exactly `--add-local=false` (T-41).
    LocalClusterOff,
    /// Requests are logged, and somewhere (T-40).
    AuditLog,
    /// `admin`/`admin` is refused by the local provider, and not by a server that is down (T-42).
    DefaultPasswordRefused,
    /// Some provider beside the local one is on.
    IdentityProvider,
    /// Nobody has every right but these users and groups; the loader takes them from the playbook.
    AdminsWithin(#[serde(skip)] Option<Vec<String>>),
    /// No driver is active but those that the playbook names; the loader takes them from there.
    NodeDriversWithin(#[serde(skip)] NodeDrivers),
}

impl Rancher {
    pub(super) fn kinds(&self) -> Vec<Kind> {
        match self {
            Self::LocalClusterOff | Self::AuditLog => vec![Kind::Deployment],
            Self::DefaultPasswordRefused
            | Self::IdentityProvider
            | Self::AdminsWithin(_)
            | Self::NodeDriversWithin(_) => Vec::new(),
        }
    }

    /// What the first lists show must be listed too.
    pub(super) fn kinds_after(&self, objects: &Objects) -> Option<Kind> {
        match self {
            Self::AuditLog => audit_log::kinds_after(objects),
            _ => None,
        }
    }

    /// What must be asked of some nodes, by name, because of what the Kubernetes API said.
    pub(super) fn questions_by_node(
        &self,
        objects: &Objects,
        inventory: &Inventory,
    ) -> Vec<(String, Question)> {
        match self {
            Self::AuditLog => audit_log::questions_by_node(objects, inventory),
            _ => Vec::new(),
        }
    }

    /// What is looked at, in words.
    pub(super) fn reads(&self) -> &'static str {
        match self {
            Self::LocalClusterOff => {
                "Rancher, cluster `local`: none; its Deployment, --add-local: false"
            }
            Self::AuditLog => {
                "Deployment cattle-system/rancher, AUDIT_LEVEL: 1 to 3, with a destination; the log on the hosts of its pods"
            }
            Self::DefaultPasswordRefused => {
                "Rancher, login as `admin` with the default password: refused; tried once"
            }
            Self::IdentityProvider => "Rancher, providers: one beside the local one is on",
            Self::AdminsWithin(_) => {
                "Rancher, users and groups with every right: among `rancher.admins`"
            }
            Self::NodeDriversWithin(_) => {
                "Rancher, active node drivers: among `rancher.node_drivers`"
            }
        }
    }

    /// Empty where there is neither a server to ask nor a Deployment to read.
    pub(super) fn compare(&self, scene: &Scene<'_>) -> Vec<Evidence> {
        match self {
            Self::LocalClusterOff => local_cluster(scene),
            Self::AuditLog => audit_log::compare(scene),
            Self::DefaultPasswordRefused => default_password(scene),
            Self::IdentityProvider => identity_provider(scene),
            Self::AdminsWithin(allowed) => admins(scene, allowed.as_deref()),
            Self::NodeDriversWithin(drivers) => drivers.compare(scene),
        }
    }

    /// Only what a playbook asks for is ever changed on a server.
    pub(super) fn remedies(&self, scene: &Scene<'_>) -> Vec<Remedy> {
        match self {
            Self::NodeDriversWithin(drivers) => drivers.remedies(scene),
            Self::LocalClusterOff
            | Self::AuditLog
            | Self::DefaultPasswordRefused
            | Self::IdentityProvider
            | Self::AdminsWithin(_) => Vec::new(),
        }
    }

    /// What `apply` would change, in words.
    pub(super) fn changes(&self) -> Option<&'static str> {
        match self {
            Self::NodeDriversWithin(_) => Some(
                "Rancher, the other node drivers: deactivated, where the playbook says `mend: [node_drivers]`",
            ),
            Self::LocalClusterOff
            | Self::AuditLog
            | Self::DefaultPasswordRefused
            | Self::IdentityProvider
            | Self::AdminsWithin(_) => None,
        }
    }
}

fn local_cluster(scene: &Scene<'_>) -> Vec<Evidence> {
    const WANTED: &str = "--add-local=false";
    let of_server = scene.rancher.map(|rancher| {
        let seen = match &rancher.local_cluster {
            Observed::Absent => Seen::Met("there is none".to_owned()),
            Observed::Present(()) => Seen::Unmet("it is there".to_owned()),
            Observed::Unread { why } => Seen::Unread(why.clone()),
        };
        Evidence::new("Rancher cluster local", "none", seen)
    });
    let of_deployment = deployment(scene).map(|found| {
        let seen = found.map(|object| {
            let arguments = server(object).map(arguments).unwrap_or_default();
            let set = arguments.iter().rfind(|one| one.starts_with("--add-local"));
            match set {
                Some(set) if *set == WANTED => Seen::Met((*set).to_owned()),
                Some(set) => Seen::Unmet((*set).to_owned()),
                None => Seen::Unmet("not set".to_owned()),
            }
        });
        let seen = seen.unwrap_or_else(Seen::Unread);
        let wanted = with_command(WANTED, &seen, "addLocal=\"false\"");
        Evidence::new(DEPLOYMENT, wanted, seen)
    });
    of_server.into_iter().chain(of_deployment).collect()
}

fn default_password(scene: &Scene<'_>) -> Vec<Evidence> {
    let Some(rancher) = scene.rancher else {
        return Vec::new();
    };
    let seen = match &rancher.default_login {
        Observed::Present(Login::Refused) => Seen::Met("refused (401)".to_owned()),
        Observed::Present(Login::Accepted { left: None }) => Seen::Unmet("accepted".to_owned()),
        Observed::Present(Login::Accepted { left: Some(left) }) => {
            Seen::Unmet(format!("accepted, and {left}"))
        }
        Observed::Absent => Seen::Unread("there is no local provider".to_owned()),
        Observed::Unread { why } => Seen::Unread(why.clone()),
    };
    vec![Evidence::new(
        "Rancher login with the default password",
        "refused",
        seen,
    )]
}

fn identity_provider(scene: &Scene<'_>) -> Vec<Evidence> {
    let Some(rancher) = scene.rancher else {
        return Vec::new();
    };
    let on = |providers: &[Provider]| {
        let others = providers.iter().filter(|one| one.name != "local");
        let on: Vec<&str> = others
            .filter(|one| one.is_enabled)
            .map(|one| one.name.as_str())
            .collect();
        on.join(", ")
    };
    let seen = match &rancher.providers {
        Observed::Present(providers) => match on(providers) {
            none if none.is_empty() => Seen::Unmet("only local".to_owned()),
            on => Seen::Met(on),
        },
        Observed::Absent => Seen::Unread("the server knows no providers".to_owned()),
        Observed::Unread { why } => Seen::Unread(why.clone()),
    };
    vec![Evidence::new(
        "Rancher identity providers",
        "one beside local",
        seen,
    )]
}

fn admins(scene: &Scene<'_>, allowed: Option<&[String]>) -> Vec<Evidence> {
    let Some(rancher) = scene.rancher else {
        return Vec::new();
    };
    let subject = "Rancher administrators";
    let grants = match read(&rancher.grants) {
        Ok(grants) => grants,
        Err(why) => return vec![Evidence::new(subject, "as allowed", Seen::Unread(why))],
    };
    let notable = grants.iter().filter(|grant| grant.right != Right::Usual);
    let mut evidence: Vec<Evidence> = notable.map(|grant| of_grant(grant, allowed)).collect();
    if evidence.is_empty() {
        let seen = Seen::Met("nobody".to_owned());
        evidence.push(Evidence::new(subject, "as allowed", seen));
    }
    evidence
}

fn of_grant(grant: &Grant, allowed: Option<&[String]>) -> Evidence {
    let (subject, names) = match &grant.subject {
        Subject::User { name, id } => (format!("Rancher user {name} ({id})"), vec![name, id]),
        Subject::Group { principal } => (format!("Rancher group {principal}"), vec![principal]),
    };
    let role = grant.role.clone();
    match (grant.right, allowed) {
        // The guide leaves these to a person; listed, they can be looked at.
        (Right::Other | Right::Usual, _) => {
            let seen = Seen::Met(format!("{role}; look at it in the UI"));
            Evidence::new(subject, "a role that somebody answers for", seen)
        }
        (Right::Everything, None) => {
            let why = "the playbook has no `rancher.admins`";
            Evidence::new(
                subject,
                "among `rancher.admins`",
                Seen::Unread(why.to_owned()),
            )
        }
        (Right::Everything, Some(allowed)) => {
            let is_allowed = names.iter().any(|name| allowed.contains(name));
            let seen = if is_allowed {
                Seen::Met(role)
            } else {
                Seen::Unmet(format!("{role}, and not among them"))
            };
            Evidence::new(subject, "among `rancher.admins`", seen)
        }
    }
}

fn read<T>(observed: &Observed<Vec<T>>) -> Result<&[T], String> {
    match observed {
        Observed::Present(items) => Ok(items),
        Observed::Absent => Err("the server does not know the list".to_owned()),
        Observed::Unread { why } => Err(why.clone()),
    }
}

fn listed<T: AsRef<str>>(names: &[T]) -> String {
    let names: Vec<&str> = names.iter().map(AsRef::as_ref).collect();
    if names.is_empty() {
        "none".to_owned()
    } else {
        names.join(", ")
    }
}

#[cfg(test)]
mod tests;
