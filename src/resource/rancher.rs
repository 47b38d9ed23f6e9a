//! What is asked of a Rancher server: one question a control, each with its own reading (T-40 to T-44).
//!
//! Without a `rancher:` block in the playbook there is nothing to ask, and a comparison is empty: a
//! person must look. Where Rancher runs in this very cluster, its Deployment is read all the same.

use serde::Deserialize;

use crate::facts::Observed;
use crate::facts::object::Kind;
use crate::facts::object::Object;
use crate::facts::rancher::Driver;
use crate::facts::rancher::Grant;
use crate::facts::rancher::Login;
use crate::facts::rancher::Provider;
use crate::facts::rancher::Right;
use crate::facts::rancher::Subject;
use crate::resource::Evidence;
use crate::resource::Scene;
use crate::resource::Seen;
use crate::yaml::Value;

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
    /// No driver is active but these; the loader takes them from the playbook.
    NodeDriversWithin(#[serde(skip)] Option<Vec<String>>),
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

    /// What is looked at, in words.
    pub(super) fn reads(&self) -> &'static str {
        match self {
            Self::LocalClusterOff => {
                "Rancher, cluster `local`: none; its Deployment, --add-local: false"
            }
            Self::AuditLog => {
                "Deployment cattle-system/rancher, AUDIT_LEVEL: 1 to 3, with a destination"
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
            Self::AuditLog => audit_log(scene),
            Self::DefaultPasswordRefused => default_password(scene),
            Self::IdentityProvider => identity_provider(scene),
            Self::AdminsWithin(allowed) => admins(scene, allowed.as_deref()),
            Self::NodeDriversWithin(allowed) => node_drivers(scene, allowed.as_deref()),
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

fn audit_log(scene: &Scene<'_>) -> Vec<Evidence> {
    let found = match (deployment(scene), scene.rancher) {
        (Some(found), _) => found,
        (None, Some(_)) => Err("Rancher does not run in this cluster".to_owned()),
        (None, None) => return Vec::new(),
    };
    let object = match found {
        Ok(object) => object,
        Err(why) => return vec![Evidence::new(DEPLOYMENT, "an audit log", Seen::Unread(why))],
    };
    let level = server(object).and_then(|server| variable(server, "AUDIT_LEVEL"));
    let is_on = level.and_then(|level| level.parse::<u8>().ok());
    let said = level.unwrap_or("not set").to_owned();
    let level = match is_on {
        Some(1..) => Seen::Met(said),
        _ => Seen::Unmet(said),
    };
    let destination = match destination(object) {
        Some(destination) => Seen::Met(destination),
        None => Seen::Unmet("neither".to_owned()),
    };
    let wanted = with_command("1 to 3", &level, "auditLog.level=1");
    let place = "a sidecar or a directory of the host";
    let place = with_command(place, &destination, "auditLog.destination=sidecar");
    vec![
        Evidence::new(format!("{DEPLOYMENT} AUDIT_LEVEL"), wanted, level),
        Evidence::new(format!("{DEPLOYMENT} destination"), place, destination),
    ]
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

fn node_drivers(scene: &Scene<'_>, allowed: Option<&[String]>) -> Vec<Evidence> {
    let Some(rancher) = scene.rancher else {
        return Vec::new();
    };
    let subject = "Rancher node drivers";
    let drivers: &[Driver] = match read(&rancher.drivers) {
        Ok(drivers) => drivers,
        Err(why) => return vec![Evidence::new(subject, "as allowed", Seen::Unread(why))],
    };
    let active = drivers.iter().filter(|driver| driver.is_active);
    let active: Vec<&str> = active.map(|driver| driver.name.as_str()).collect();
    let Some(allowed) = allowed else {
        let why = "the playbook has no `rancher.node_drivers`";
        let why = format!("{why}; active: {}", listed(&active));
        return vec![Evidence::new(subject, "as allowed", Seen::Unread(why))];
    };
    let more: Vec<&str> = active
        .iter()
        .copied()
        .filter(|name| !allowed.iter().any(|allowed| allowed == name))
        .collect();
    let seen = if more.is_empty() {
        Seen::Met(listed(&active))
    } else {
        Seen::Unmet(format!("{} active", listed(&more)))
    };
    let wanted = format!("within {}", listed(allowed));
    vec![Evidence::new(subject, wanted, seen)]
}

/// What is wanted, and where it is missing the exact command that sets it.
fn with_command(wanted: &str, seen: &Seen, value: &str) -> String {
    match seen {
        Seen::Unmet(_) => format!(
            "{wanted}, as set by `helm upgrade rancher rancher-stable/rancher --reuse-values --set {value}`"
        ),
        Seen::Met(_) | Seen::Unread(_) => wanted.to_owned(),
    }
}

const DEPLOYMENT: &str = "Deployment cattle-system/rancher";

/// The Deployment of Rancher; nothing when there is none here, or nobody could tell and there is a
/// server to ask instead.
fn deployment<'a>(scene: &Scene<'a>) -> Option<Result<&'a Object, String>> {
    let objects = scene.objects;
    match objects.find(Kind::Deployment, Some("cattle-system"), "rancher") {
        Observed::Present(object) => Some(Ok(object)),
        Observed::Absent => None,
        Observed::Unread { why } => scene.rancher.map(|_| Err(why)),
    }
}

/// The container of the server itself.
fn server(deployment: &Object) -> Option<&Value> {
    containers(deployment).find(|one| text_at(one, "name") == Some("rancher"))
}

fn containers(deployment: &Object) -> impl Iterator<Item = &Value> {
    let path = ["spec", "template", "spec", "containers"];
    list(deployment.content.at(&path)).iter()
}

fn arguments(container: &Value) -> Vec<&str> {
    let args = list(container.at(&["args"])).iter();
    args.filter_map(Value::text).collect()
}

fn variable<'a>(container: &'a Value, name: &str) -> Option<&'a str> {
    let mut variables = list(container.at(&["env"])).iter();
    let variable = variables.find(|one| text_at(one, "name") == Some(name))?;
    text_at(variable, "value")
}

fn destination(deployment: &Object) -> Option<String> {
    let is_sidecar = |one: &Value| text_at(one, "name") == Some("rancher-audit-log");
    if containers(deployment).any(is_sidecar) {
        return Some("the sidecar rancher-audit-log".to_owned());
    }
    let volumes = list(
        deployment
            .content
            .at(&["spec", "template", "spec", "volumes"]),
    );
    let mut volumes = volumes.iter();
    let volume = volumes.find(|one| text_at(one, "name") == Some("audit-log"))?;
    let path = volume.at(&["hostPath", "path"])?.text()?;
    Some(format!("{path} on the hosts of its pods"))
}

fn list(value: Option<&Value>) -> &[Value] {
    match value {
        Some(Value::List(items)) => items,
        _ => &[],
    }
}

fn text_at<'a>(value: &'a Value, key: &str) -> Option<&'a str> {
    value.at(&[key]).and_then(Value::text)
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
