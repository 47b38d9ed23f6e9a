//! Lists, read to their last page, with ids resolved to names (T-43).

use std::collections::BTreeMap;

use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::facts::rancher::Driver;
use crate::facts::rancher::Grant;
use crate::facts::rancher::Provider;
use crate::facts::rancher::Right;
use crate::facts::rancher::Subject;
use crate::rancher::RancherError;
use crate::rancher::Server;

/// Where the API has its node drivers.
pub(super) const DRIVERS: &str = "/v3/nodeDrivers";

/// More pages than this are not read.
const PAGES: usize = 1000;

/// Roles that everybody may have.
const USUAL: [&str; 2] = ["user", "user-base"];

impl Server {
    pub(super) fn providers(&self) -> Result<Vec<Provider>, RancherError> {
        let found: Vec<RawProvider> = self.all("/v3/authConfigs")?;
        let providers = found.into_iter().map(|raw| Provider {
            name: raw.id,
            is_enabled: raw.enabled,
        });
        Ok(providers.collect())
    }

    pub(super) fn drivers(&self) -> Result<Vec<Driver>, RancherError> {
        let found: Vec<RawDriver> = self.all(DRIVERS)?;
        Ok(found.into_iter().map(RawDriver::read).collect())
    }

    pub(super) fn grants(&self) -> Result<Vec<Grant>, RancherError> {
        let users: Vec<RawUser> = self.all("/v3/users")?;
        let roles: Vec<RawRole> = self.all("/v3/globalRoles")?;
        let bindings: Vec<RawBinding> = self.all("/v3/globalRoleBindings")?;
        let users: BTreeMap<String, String> =
            users.into_iter().filter_map(RawUser::named).collect();
        let roles: BTreeMap<&str, &RawRole> =
            roles.iter().map(|role| (role.id.as_str(), role)).collect();
        let grants = bindings.into_iter().filter_map(|binding| {
            let role = roles.get(binding.role.as_str()).copied();
            Some(Grant {
                right: right(&binding.role, role),
                role: role
                    .and_then(|role| role.name.clone())
                    .unwrap_or_else(|| binding.role.clone()),
                subject: binding.subject(&users)?,
            })
        });
        Ok(grants.collect())
    }

    fn all<T: DeserializeOwned>(&self, path: &str) -> Result<Vec<T>, RancherError> {
        let mut items = Vec::new();
        let mut next = format!("{path}?limit=200");
        for _ in 0..PAGES {
            let page: Page<T> = self.read(&next)?;
            items.extend(page.data);
            let link = page.pagination.and_then(|pagination| pagination.next);
            match link.as_deref().map(path_of) {
                None => return Ok(items),
                Some(path) => path.clone_into(&mut next),
            }
        }
        Err(RancherError::TooMany {
            server: self.url.clone(),
            path: path.to_owned(),
        })
    }
}

/// What follows the host: the token goes to the server that was named and to no other, whatever
/// a link says.
fn path_of(link: &str) -> &str {
    let after = link.split_once("://").map_or(link, |(_, after)| after);
    after.find('/').map_or("/", |start| &after[start..])
}

/// A role that may do everything is an administrator's, whatever its name.
fn right(id: &str, role: Option<&RawRole>) -> Right {
    let all = |list: &Option<Vec<String>>| list.iter().flatten().any(|one| one == "*");
    let is_everything =
        |rule: &RawRule| all(&rule.api_groups) && all(&rule.resources) && all(&rule.verbs);
    if id == "admin" || role.is_some_and(|role| role.rules.iter().flatten().any(is_everything)) {
        Right::Everything
    } else if USUAL.contains(&id) {
        Right::Usual
    } else {
        Right::Other
    }
}

#[derive(Deserialize)]
struct Page<T> {
    data: Vec<T>,
    pagination: Option<Pagination>,
}

#[derive(Deserialize)]
struct Pagination {
    next: Option<String>,
}

#[derive(Deserialize)]
struct RawProvider {
    id: String,
    #[serde(default)]
    enabled: bool,
}

#[derive(Deserialize)]
pub(super) struct RawDriver {
    id: String,
    name: Option<String>,
    #[serde(default)]
    pub(super) active: bool,
}

impl RawDriver {
    fn read(self) -> Driver {
        let name = self.name.filter(|name| !name.is_empty());
        Driver {
            name: name.unwrap_or_else(|| self.id.clone()),
            id: self.id,
            is_active: self.active,
        }
    }
}

#[derive(Deserialize)]
struct RawUser {
    id: String,
    username: Option<String>,
    name: Option<String>,
}

impl RawUser {
    /// The id and what people call it: somebody from a provider may have no login name.
    fn named(self) -> Option<(String, String)> {
        let names = [self.username, self.name].into_iter().flatten();
        let name = names.into_iter().find(|name| !name.is_empty())?;
        Some((self.id, name))
    }
}

#[derive(Deserialize)]
struct RawRole {
    id: String,
    name: Option<String>,
    rules: Option<Vec<RawRule>>,
}

#[derive(Deserialize)]
struct RawRule {
    #[serde(rename = "apiGroups")]
    api_groups: Option<Vec<String>>,
    resources: Option<Vec<String>>,
    verbs: Option<Vec<String>>,
}

#[derive(Deserialize)]
struct RawBinding {
    #[serde(rename = "userId")]
    user: Option<String>,
    #[serde(rename = "groupPrincipalId")]
    group: Option<String>,
    #[serde(rename = "globalRoleId")]
    role: String,
}

impl RawBinding {
    fn subject(self, users: &BTreeMap<String, String>) -> Option<Subject> {
        let is_some = |text: &String| !text.is_empty();
        if let Some(id) = self.user.filter(is_some) {
            let name = users.get(&id).unwrap_or(&id).clone();
            return Some(Subject::User { name, id });
        }
        let principal = self.group.filter(is_some)?;
        Some(Subject::Group { principal })
    }
}
