//! Objects of the Kubernetes API, as a list per kind.

use std::collections::BTreeMap;
use std::fmt;

use serde::Deserialize;

use crate::facts::Observed;
use crate::facts::addon_job::AddonJob;
use crate::yaml::Value;

/// A kind that can be asked for. The set is closed: each kind knows where the API keeps it.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Ord, PartialEq, PartialOrd)]
pub enum Kind {
    ClusterRole,
    ClusterRoleBinding,
    Deployment,
    Namespace,
    NetworkPolicy,
    Pod,
    PodSecurityPolicy,
    Role,
    RoleBinding,
    ServiceAccount,
}

impl Kind {
    const ALL: [Self; 10] = [
        Self::ClusterRole,
        Self::ClusterRoleBinding,
        Self::Deployment,
        Self::Namespace,
        Self::NetworkPolicy,
        Self::Pod,
        Self::PodSecurityPolicy,
        Self::Role,
        Self::RoleBinding,
        Self::ServiceAccount,
    ];

    /// The kind of this name, nothing when it is none that can be asked for.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }

    /// As `kind:` says it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::ClusterRole => "ClusterRole",
            Self::ClusterRoleBinding => "ClusterRoleBinding",
            Self::Deployment => "Deployment",
            Self::Namespace => "Namespace",
            Self::NetworkPolicy => "NetworkPolicy",
            Self::Pod => "Pod",
            Self::PodSecurityPolicy => "PodSecurityPolicy",
            Self::Role => "Role",
            Self::RoleBinding => "RoleBinding",
            Self::ServiceAccount => "ServiceAccount",
        }
    }

    /// The last part of the path at which all of them are listed.
    pub const fn plural(self) -> &'static str {
        match self {
            Self::ClusterRole => "clusterroles",
            Self::ClusterRoleBinding => "clusterrolebindings",
            Self::Deployment => "deployments",
            Self::Namespace => "namespaces",
            Self::NetworkPolicy => "networkpolicies",
            Self::Pod => "pods",
            Self::PodSecurityPolicy => "podsecuritypolicies",
            Self::Role => "roles",
            Self::RoleBinding => "rolebindings",
            Self::ServiceAccount => "serviceaccounts",
        }
    }

    /// False for what belongs to the cluster as a whole.
    pub const fn is_namespaced(self) -> bool {
        !matches!(
            self,
            Self::ClusterRole
                | Self::ClusterRoleBinding
                | Self::Namespace
                | Self::PodSecurityPolicy
        )
    }

    /// Groups and versions that have had the kind, the newest first; what the server offers
    /// decides (T-28). The core group has no name.
    pub const fn groups(self) -> &'static [(&'static str, &'static str)] {
        const RBAC: &[(&str, &str)] = &[
            ("rbac.authorization.k8s.io", "v1"),
            ("rbac.authorization.k8s.io", "v1beta1"),
        ];
        match self {
            Self::ClusterRole | Self::ClusterRoleBinding | Self::Role | Self::RoleBinding => RBAC,
            Self::Namespace | Self::Pod | Self::ServiceAccount => &[("", "v1")],
            Self::Deployment => &[("apps", "v1"), ("extensions", "v1beta1")],
            Self::NetworkPolicy => &[("networking.k8s.io", "v1")],
            Self::PodSecurityPolicy => &[("policy", "v1beta1"), ("extensions", "v1beta1")],
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// One object as the server gave it.
#[derive(Clone, Debug, PartialEq)]
pub struct Object {
    /// `None` for what belongs to the cluster as a whole.
    pub namespace: Option<String>,
    pub name: String,
    /// Everything, `metadata` included.
    pub content: Value,
}

impl Object {
    /// Reads what the server gave; nothing when it has no name.
    pub fn of(content: Value) -> Option<Self> {
        let text = |path: &[&str]| content.at(path).and_then(Value::text).map(str::to_owned);
        Some(Self {
            namespace: text(&["metadata", "namespace"]),
            name: text(&["metadata", "name"])?,
            content,
        })
    }
}

/// What the API said, kind by kind.
#[derive(Clone, Debug, PartialEq)]
pub struct Objects {
    /// Absent: the server offers no group that has the kind.
    pub lists: BTreeMap<Kind, Observed<Vec<Object>>>,
    /// Why kinds that are not in `lists` are unread.
    pub silent: String,
    /// False while there is no cluster that could have objects.
    pub is_built: bool,
    /// Asked for only when an object of the addons is not as it should be.
    pub addon_job: Observed<AddonJob>,
}

impl Default for Objects {
    fn default() -> Self {
        Self::silent("the Kubernetes API was not asked")
    }
}

impl Objects {
    /// The objects of an API that told nothing.
    pub fn silent(why: impl Into<String>) -> Self {
        Self {
            lists: BTreeMap::new(),
            silent: why.into(),
            is_built: true,
            addon_job: Observed::unread("it was not asked for"),
        }
    }

    /// The objects of an API that was asked for every kind and has these.
    pub fn of(contents: impl IntoIterator<Item = Value>) -> Self {
        let mut lists: BTreeMap<Kind, Vec<Object>> =
            Kind::ALL.map(|kind| (kind, Vec::new())).into();
        for object in contents.into_iter().filter_map(Object::of) {
            let kind = object.content.at(&["kind"]).and_then(Value::text);
            if let Some(list) = kind
                .and_then(Kind::named)
                .and_then(|kind| lists.get_mut(&kind))
            {
                list.push(object);
            }
        }
        let lists = lists.into_iter();
        Self {
            lists: lists
                .map(|(kind, list)| (kind, Observed::Present(list)))
                .collect(),
            ..Self::default()
        }
    }

    /// The objects of a cluster that is not built yet.
    pub fn of_no_cluster() -> Self {
        Self {
            is_built: false,
            ..Self::silent("the cluster is not built yet")
        }
    }

    /// All objects of a kind.
    pub fn list(&self, kind: Kind) -> Observed<&[Object]> {
        match self.lists.get(&kind) {
            Some(Observed::Present(objects)) => Observed::Present(objects),
            Some(Observed::Absent) => Observed::Absent,
            Some(Observed::Unread { why }) => Observed::unread(why),
            // No node runs a component: what no API can have is not there.
            None if !self.is_built => Observed::Absent,
            None => Observed::unread(&self.silent),
        }
    }

    /// One object; absent only where the whole list was read.
    pub fn find(&self, kind: Kind, namespace: Option<&str>, name: &str) -> Observed<&Object> {
        match self.list(kind) {
            Observed::Absent => Observed::Absent,
            Observed::Unread { why } => Observed::Unread { why },
            Observed::Present(objects) => {
                let is = |one: &&Object| one.name == name && one.namespace.as_deref() == namespace;
                objects
                    .iter()
                    .find(is)
                    .map_or(Observed::Absent, Observed::Present)
            }
        }
    }
}
