//! What a person should have before them when a control asks for judgement: lists, and no verdict.

mod pods;

use serde::Deserialize;

use crate::facts::Observed;
use crate::facts::object::Kind;
use crate::facts::object::Object;
use crate::resource::Evidence;
use crate::resource::Scene;
use crate::resource::Seen;
use crate::yaml::Value;

/// A list that is shown beside a manual control.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq)]
#[serde(rename_all = "snake_case")]
pub enum Listing {
    /// Every binding of the role cluster-admin, in the whole cluster or in a namespace.
    ClusterAdmins,
    Namespaces,
    /// How many network policies each namespace has.
    NetworkPolicies,
    /// The pods that run without the seccomp profile of the container runtime.
    PodsWithoutSeccomp,
    /// The pods with a container for which neither it nor the pod has a security context.
    PodsWithoutSecurityContext,
    /// Every image that a pod names, and where.
    Images,
    /// The pods with privileges on their node, and the policies that admit privileged containers.
    PrivilegedPods,
}

impl Listing {
    /// What must be listed by the Kubernetes API.
    pub fn kinds(self) -> &'static [Kind] {
        match self {
            Self::ClusterAdmins => &[Kind::ClusterRoleBinding, Kind::RoleBinding],
            Self::Namespaces => &[Kind::Namespace],
            Self::NetworkPolicies => &[Kind::Namespace, Kind::NetworkPolicy],
            Self::PodsWithoutSeccomp | Self::PodsWithoutSecurityContext | Self::Images => {
                &[Kind::Pod]
            }
            Self::PrivilegedPods => &[Kind::Pod, Kind::PodSecurityPolicy],
        }
    }

    /// A line each; none for what could not be read, because nothing is claimed either way.
    pub fn lines(self, scene: &Scene<'_>) -> Vec<Evidence> {
        let listed = |kind| match scene.objects.list(kind) {
            Observed::Present(objects) => objects,
            Observed::Absent | Observed::Unread { .. } => &[],
        };
        match self {
            Self::ClusterAdmins => {
                let bindings = self.kinds().iter().flat_map(|kind| listed(*kind));
                let of_admin = bindings.filter(|binding| is_of_cluster_admin(binding));
                of_admin.map(|one| line(one, subjects(one))).collect()
            }
            Self::Namespaces => {
                let namespaces = listed(Kind::Namespace).iter();
                namespaces.map(|one| line(one, project(one))).collect()
            }
            Self::NetworkPolicies => {
                let policies = |namespace: &Object| {
                    let all = listed(Kind::NetworkPolicy).iter();
                    let own = |one: &&Object| one.namespace.as_ref() == Some(&namespace.name);
                    match all.filter(own).count() {
                        1 => "1 network policy".to_owned(),
                        count => format!("{count} network policies"),
                    }
                };
                let namespaces = listed(Kind::Namespace).iter();
                namespaces.map(|one| line(one, policies(one))).collect()
            }
            Self::PodsWithoutSeccomp => pods::without_seccomp(listed(Kind::Pod)),
            Self::PodsWithoutSecurityContext => pods::without_context(listed(Kind::Pod)),
            Self::Images => pods::images(listed(Kind::Pod)),
            Self::PrivilegedPods => {
                let policies = listed(Kind::PodSecurityPolicy);
                pods::privileged(listed(Kind::Pod), policies)
            }
        }
    }
}

fn line(object: &Object, said: String) -> Evidence {
    let subject = match &object.namespace {
        Some(namespace) => format!("{namespace}/{}", object.name),
        None => object.name.clone(),
    };
    shown(subject, said)
}

fn shown(subject: String, said: String) -> Evidence {
    Evidence::new(subject, "somebody answers for it", Seen::Met(said))
}

fn is_of_cluster_admin(binding: &Object) -> bool {
    let role = |key: &str| binding.content.at(&["roleRef", key]).and_then(Value::text);
    role("kind") == Some("ClusterRole") && role("name") == Some("cluster-admin")
}

fn subjects(binding: &Object) -> String {
    let Some(Value::List(subjects)) = binding.content.at(&["subjects"]) else {
        return "nobody".to_owned();
    };
    let subject = |one: &Value| {
        let text = |key: &str| one.at(&[key]).and_then(Value::text);
        let name = text("name").unwrap_or("?");
        let kind = text("kind").unwrap_or("?");
        match text("namespace") {
            Some(namespace) => format!("{kind} {namespace}/{name}"),
            None => format!("{kind} {name}"),
        }
    };
    let subjects: Vec<String> = subjects.iter().map(subject).collect();
    subjects.join(", ")
}

/// The project of Rancher that a namespace is in.
fn project(namespace: &Object) -> String {
    let path = ["metadata", "annotations", "field.cattle.io/projectId"];
    let project = namespace.content.at(&path).and_then(Value::text);
    project.map_or_else(
        || "in no Rancher project".to_owned(),
        |project| format!("in Rancher project {project}"),
    )
}
