//! Mode and owner of what RKE and the network plug-in put on the hosts: measured, never mended.

use serde::Deserialize;

use crate::facts::Facts;
use crate::facts::File;
use crate::facts::FileKind;
use crate::facts::Observed;
use crate::facts::container::Container;
use crate::facts::layout::Layout;
use crate::facts::question::Question;
use crate::resource::Evidence;
use crate::resource::Scene;
use crate::resource::Seen;
use crate::resource::file::Mode;
use crate::shared::Shared;
use crate::shared::Text;

/// A file or directory on the host, found through the component that uses it (T-38, T-39).
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Path {
    /// The component that sees the path; its mounts say where that is on the host.
    pub of: String,
    /// As the component sees it, where no flag says otherwise.
    pub path: String,
    /// Flags of the component that name the path; the first one that is set counts.
    #[serde(default)]
    pub named_by: Vec<String>,
    /// Judge what is in the directory and not the directory itself.
    #[serde(default)]
    pub entries: bool,
    /// Only names in the directory that end so.
    pub ending: Option<String>,
    /// Names in the directory that do not matter.
    #[serde(default)]
    pub ignore: Vec<String>,
    /// Nothing there is as good as the right mode there.
    #[serde(default)]
    pub may_be_absent: bool,
    /// No bit beyond these.
    pub mode: Option<Mode>,
    pub owner: Option<String>,
    pub group: Option<String>,
}

impl Path {
    pub(super) fn questions(&self, layout: &Layout) -> Vec<Question> {
        let usual = layout.host_path(&self.path);
        vec![Question::Container(self.of.clone()), self.question(usual)]
    }

    /// What the component's own flags and mounts name, where that is not the usual place.
    pub(super) fn questions_after(&self, facts: &Facts) -> Vec<Question> {
        match self.host_path(facts) {
            // The path comes from the node, and a control character would end a record to it.
            Ok(path)
                if !facts.files.contains_key(path.as_str()) && !path.contains(char::is_control) =>
            {
                vec![self.question(path)]
            }
            _ => Vec::new(),
        }
    }

    pub(super) fn compare(&self, scene: &Scene<'_>) -> Vec<Evidence> {
        let path = match self.host_path(scene.facts) {
            Ok(path) => path,
            Err(seen) => return vec![Evidence::new(&self.path, self.in_words(), seen)],
        };
        let seen = match scene.facts.file(&path) {
            Observed::Unread { why } => Seen::Unread(why),
            Observed::Absent if self.may_be_absent => Seen::Met("not there".to_owned()),
            Observed::Absent => Seen::Unmet("missing".to_owned()),
            Observed::Present(file) if !self.entries => self.judged(file),
            Observed::Present(file) if file.kind != FileKind::Directory => {
                Seen::Unmet("not a directory".to_owned())
            }
            Observed::Present(_) => return self.compare_entries(&path, scene.facts),
        };
        vec![Evidence::new(path, self.in_words(), seen)]
    }

    /// What is looked at, in words.
    pub(super) fn reads(&self) -> String {
        let what = match (self.named_by.first(), self.entries) {
            (Some(flag), entries) => {
                let all = if entries { "everything in " } else { "" };
                format!(
                    "{all}what {} names by --{flag}, usually {}",
                    self.of, self.path
                )
            }
            (None, true) => {
                let ending = self.ending.as_deref().unwrap_or_default();
                format!("{}/*{ending}, as {} mounts it", self.path, self.of)
            }
            (None, false) => format!("{}, as {} mounts it", self.path, self.of),
        };
        format!("{what}: {}", self.in_words())
    }

    fn question(&self, path: String) -> Question {
        if self.entries {
            Question::Directory(path)
        } else {
            Question::Attributes(path)
        }
    }

    /// Where the component's path is on the host, or why that cannot be said.
    fn host_path(&self, facts: &Facts) -> Result<String, Seen> {
        let container = match facts.container(&self.of) {
            Observed::Present(container) => container,
            Observed::Absent => {
                let said = format!("no container {} on this node", self.of);
                return Err(Seen::Unmet(said));
            }
            Observed::Unread { why } => return Err(Seen::Unread(why)),
        };
        let path = self.named(container)?;
        container.host_path(path).ok_or_else(|| {
            let said = format!("{path} is on no mount of container {}", self.of);
            Seen::Unread(said)
        })
    }

    fn named<'a>(&'a self, container: &'a Container) -> Result<&'a str, Seen> {
        if self.named_by.is_empty() {
            return Ok(&self.path);
        }
        let set = |flag: &'a String| container.flag(flag).filter(|value| !value.is_empty());
        self.named_by.iter().find_map(set).ok_or_else(|| {
            let flags = self.named_by.join(" or --");
            Seen::Unmet(format!("{} has no --{flags}", self.of))
        })
    }

    /// One line for all that is right, and one for each that is not.
    fn compare_entries(&self, directory: &str, facts: &Facts) -> Vec<Evidence> {
        let mut met = 0;
        let mut evidence = Vec::new();
        for (path, found) in self.entries_of(directory, facts) {
            let seen = match found {
                Observed::Present(file) => self.judged(file),
                Observed::Absent => continue,
                Observed::Unread { why } => Seen::Unread(why.clone()),
            };
            match seen {
                Seen::Met(_) => met += 1,
                other => evidence.push(Evidence::new(&**path, self.in_words(), other)),
            }
        }
        if evidence.is_empty() {
            let said = match met {
                0 => "empty".to_owned(),
                1 => "1 entry, and it is so".to_owned(),
                n => format!("{n} entries, and all are so"),
            };
            let subject = format!(
                "{directory}/*{}",
                self.ending.as_deref().unwrap_or_default()
            );
            evidence.push(Evidence::new(subject, self.in_words(), Seen::Met(said)));
        }
        evidence
    }

    fn entries_of<'a>(
        &'a self,
        directory: &'a str,
        facts: &'a Facts,
    ) -> impl Iterator<Item = (&'a Text, &'a Observed<Shared<File>>)> {
        facts.files.iter().filter(move |(path, _)| {
            path.rsplit_once('/')
                .is_some_and(|(parent, name)| parent == directory && self.is_meant(name))
        })
    }

    fn is_meant(&self, name: &str) -> bool {
        let ends = self.ending.as_ref().is_none_or(|end| name.ends_with(end));
        ends && !self.ignore.iter().any(|ignored| ignored == name)
    }

    fn judged(&self, file: &File) -> Seen {
        let strict = self.mode.is_none_or(|mode| file.mode & !mode.0 == 0);
        let owned = self
            .owner
            .as_ref()
            .is_none_or(|wanted| is(wanted, file.uid, &file.owner));
        let grouped = self
            .group
            .as_ref()
            .is_none_or(|wanted| is(wanted, file.gid, &file.group));
        let said = format!("{:04o} {}:{}", file.mode, file.owner, file.group);
        if strict && owned && grouped {
            Seen::Met(said)
        } else {
            Seen::Unmet(said)
        }
    }

    fn in_words(&self) -> String {
        let mut words = Vec::new();
        if let Some(mode) = self.mode {
            words.push(format!("{mode} or stricter"));
        }
        if let (Some(owner), Some(group)) = (&self.owner, &self.group) {
            words.push(format!("{owner}:{group}"));
        }
        if words.is_empty() {
            words.push("there".to_owned());
        }
        words.join(", ")
    }
}

/// Root is 0 under any name; everybody else is who the node says.
fn is(wanted: &str, id: u32, name: &str) -> bool {
    if wanted == "root" {
        id == 0
    } else {
        wanted == name
    }
}
