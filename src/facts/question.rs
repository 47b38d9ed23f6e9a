//! What can be asked of a node.

use std::collections::BTreeSet;

use crate::node::request::FileQuestion;
use crate::node::request::Request;

/// Where kernel settings are read from at boot, by the order in which a name is looked up:
/// of two files with one name the earlier directory wins (sysctl.d(5), T-23).
pub const BOOT_DIRECTORIES: [&str; 5] = [
    "/etc/sysctl.d",
    "/run/sysctl.d",
    "/usr/local/lib/sysctl.d",
    "/usr/lib/sysctl.d",
    "/lib/sysctl.d",
];

/// The file of the kernel settings that a person edits.
pub const SYSCTL_CONF: &str = "/etc/sysctl.conf";

/// Names the operating system (os-release(5)).
pub const OS_RELEASE: &str = "/etc/os-release";

/// Stands where systemd is the init system, whose reader does not look at `/etc/sysctl.conf`.
pub const SYSTEMD_RUNS: &str = "/run/systemd/system";

/// One question; a set of them is asked in one go.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Question {
    /// The running value of a kernel setting.
    Kernel(String),
    /// Owner and mode of a path.
    Attributes(String),
    /// The same, and the content.
    Content(String),
    /// Owner and mode of a directory and of everything directly in it.
    Directory(String),
    /// Every file that sets kernel values at boot.
    BootSettings,
    Container(String),
    /// What a write to this path would meet.
    Room(String),
    Tool(String),
}

/// The records that ask all `questions`, each kind in one.
pub fn requests(questions: &BTreeSet<Question>) -> Vec<Request> {
    let mut files = BTreeSet::new();
    let mut containers = Vec::new();
    let mut room = Vec::new();
    let mut tools = Vec::new();
    for question in questions {
        match question {
            Question::Kernel(key) => {
                files.insert(FileQuestion::Kernel(key.clone()));
            }
            Question::Attributes(path) => {
                files.insert(FileQuestion::Attributes(path.clone()));
            }
            Question::Content(path) => {
                files.insert(FileQuestion::Content(path.clone()));
            }
            Question::Directory(path) => {
                files.insert(FileQuestion::Directory(path.clone()));
            }
            Question::BootSettings => files.extend(boot_files()),
            Question::Container(name) => containers.push(name.clone()),
            Question::Room(path) => room.push(path.clone()),
            Question::Tool(name) => tools.push(name.clone()),
        }
    }
    let files = without_repetition(files);
    let mut requests = Vec::new();
    let mut ask = |list: Vec<String>, make: fn(Vec<String>) -> Request| {
        if !list.is_empty() {
            requests.push(make(list));
        }
    };
    ask(containers, Request::Containers);
    ask(room, Request::Room);
    ask(tools, Request::Tools);
    if !files.is_empty() {
        requests.push(Request::Files(files));
    }
    requests
}

fn boot_files() -> impl Iterator<Item = FileQuestion> {
    BOOT_DIRECTORIES
        .iter()
        .map(|directory| FileQuestion::Glob(format!("{directory}/*.conf")))
        .chain([
            FileQuestion::Content(SYSCTL_CONF.to_owned()),
            FileQuestion::Attributes(SYSTEMD_RUNS.to_owned()),
        ])
}

/// A path whose content is asked for is not also asked for its attributes.
fn without_repetition(files: BTreeSet<FileQuestion>) -> Vec<FileQuestion> {
    let read: BTreeSet<String> = files
        .iter()
        .filter_map(|file| match file {
            FileQuestion::Content(path) => Some(path.clone()),
            _ => None,
        })
        .collect();
    files
        .into_iter()
        .filter(|file| !matches!(file, FileQuestion::Attributes(path) if read.contains(path)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_questions_of_a_kind_are_one_record() {
        let questions = BTreeSet::from([
            Question::Container("kubelet".into()),
            Question::Container("kube-proxy".into()),
            Question::Content("/etc/kubernetes/audit.yaml".into()),
            Question::Attributes("/etc/kubernetes/audit.yaml".into()),
        ]);

        let requests = requests(&questions);

        assert_eq!(requests.len(), 2);
        assert_eq!(
            requests[1],
            Request::Files(vec![FileQuestion::Content(
                "/etc/kubernetes/audit.yaml".into()
            )])
        );
    }
}
