//! One step from what is seen to what is wanted.

use crate::node::request::Request;
use crate::profile::ControlId;

/// A change on one node, and every control that asked for it.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct Change {
    /// The thing, as a person calls it: `file /etc/kubernetes/audit.yaml`.
    pub subject: String,
    pub seen: String,
    pub wanted: String,
    pub controls: Vec<ControlId>,
    pub request: Request,
    /// A unified diff of the content, secrets redacted; empty where there is no content.
    pub diff: String,
}

impl Change {
    /// Removes the temporary file of a run that was killed.
    pub fn sweep(path: &str) -> Self {
        Self {
            subject: format!("left-over file {path}"),
            seen: "of a run that was killed".to_owned(),
            wanted: "gone".to_owned(),
            controls: Vec::new(),
            request: Request::Sweep(path.to_owned()),
            diff: String::new(),
        }
    }
}

/// All edits of `cluster.yml` together.
#[derive(Clone, Debug, PartialEq)]
pub struct ClusterChange {
    /// One line an edit, in the order of the profile.
    pub edits: Vec<ClusterEdit>,
    pub old_text: String,
    pub new_text: String,
    /// True when the file is made and not edited.
    pub creates: bool,
    /// Secrets redacted.
    pub diff: String,
}

/// One edit of `cluster.yml`, told for people.
#[derive(Clone, Debug, PartialEq)]
pub struct ClusterEdit {
    /// Keys joined by dots.
    pub path: String,
    pub wanted: String,
    pub controls: Vec<ControlId>,
}

impl ClusterChange {
    /// True when an edit is below `services.NAME`.
    pub fn touches(&self, service: &str) -> bool {
        let below = format!("services.{service}.");
        self.edits.iter().any(|edit| edit.path.starts_with(&below))
    }
}

/// A component that must be restarted to see a changed file.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Restart {
    pub node: String,
    pub component: String,
}

/// A node driver that is switched on the Rancher server.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct DriverSwitch {
    /// As the server's API names it.
    pub id: String,
    /// As people know it.
    pub name: String,
    /// True for a driver that becomes active again.
    pub activates: bool,
    pub controls: Vec<ControlId>,
}
