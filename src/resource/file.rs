//! A file on the nodes: content, mode and owner.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::facts;
use crate::facts::FileKind;
use crate::facts::Observed;
use crate::facts::layout::Layout;
use crate::facts::question::Question;
use crate::node::request;
use crate::node::request::Attributes;
use crate::node::request::Put;
use crate::resource::Evidence;
use crate::resource::Remedy;
use crate::resource::Scene;
use crate::resource::Seen;
use crate::secret::Secret;
use crate::yaml;

/// A file as it should be. Owner and group are root's, as every file of the guide wants.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct File {
    /// As components see it; the host's path may have a prefix.
    pub path: String,
    pub mode: Mode,
    /// Names the template; the loader replaces it by the rendered text.
    pub template: String,
    #[serde(skip)]
    pub content: String,
    #[serde(default)]
    pub read_by: Readers,
}

/// Components that read a file when they start, each with the flag that makes it do so (T-22).
pub type Readers = BTreeMap<String, String>;

/// Permission bits, written in quotes and in octal, so that `0600` is not 600.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq)]
#[serde(try_from = "String")]
pub struct Mode(pub u32);

impl TryFrom<String> for Mode {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        if text.len() == 4
            && text.starts_with('0')
            && let Ok(bits) = u32::from_str_radix(&text, 8)
        {
            return Ok(Self(bits));
        }
        Err(format!(
            "`{text}` is no mode; write four octal digits in quotes, such as \"0600\""
        ))
    }
}

impl std::fmt::Display for Mode {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:04o}", self.0)
    }
}

impl File {
    pub(super) fn questions(&self, layout: &Layout) -> Vec<Question> {
        let path = layout.host_path(&self.path);
        vec![Question::Content(path.clone()), Question::Room(path)]
    }

    pub(super) fn compare(&self, scene: &Scene<'_>) -> Vec<Evidence> {
        let path = scene.layout.host_path(&self.path);
        let wanted = format!("as template {}", self.template);
        match scene.facts.file(&path) {
            Observed::Absent => vec![Evidence::new(
                &path,
                wanted,
                Seen::Unmet("missing".to_owned()),
            )],
            Observed::Unread { why } => vec![Evidence::new(&path, wanted, Seen::Unread(why))],
            Observed::Present(file) => {
                let mut evidence = vec![Evidence::new(&path, wanted, self.content_seen(file))];
                evidence.push(attributes_evidence(&path, self.mode, file));
                evidence.extend(stale(&self.read_by, &path, file, scene.facts));
                evidence
            }
        }
    }

    pub(super) fn remedies(&self, scene: &Scene<'_>) -> Vec<Remedy> {
        let path = scene.layout.host_path(&self.path);
        let attributes = root_only(&path, self.mode);
        match scene.facts.file(&path) {
            Observed::Absent => vec![self.put(attributes, request::Seen::Absent)],
            Observed::Unread { .. } => Vec::new(),
            Observed::Present(file) => match (self.content_seen(file), &file.content) {
                (Seen::Unmet(_), Some(content)) => {
                    vec![self.put(attributes, request::Seen::content(content.bytes()))]
                }
                (Seen::Met(_), _) => mended_in_place(attributes, &self.read_by, file, scene),
                _ => Vec::new(),
            },
        }
    }

    fn put(&self, attributes: Attributes, seen: request::Seen) -> Remedy {
        Remedy::Put(Put {
            attributes,
            seen,
            keep: None,
            content: Secret::new(self.content.clone().into_bytes()),
        })
    }

    /// Compared as parsed YAML: comments and layout are the site's own (T-02, T-36).
    fn content_seen(&self, file: &facts::File) -> Seen {
        let Some(content) = &file.content else {
            return match file.kind {
                FileKind::Regular => Seen::Unread("its content could not be read".to_owned()),
                FileKind::Directory => Seen::Unmet("a directory".to_owned()),
                FileKind::Other => Seen::Unmet("not a regular file".to_owned()),
            };
        };
        let Some(text) = content.text() else {
            return Seen::Unmet("not text".to_owned());
        };
        let Ok(wanted) = yaml::documents(&self.template, &self.content) else {
            return Seen::Unread(format!("template {} is no YAML", self.template));
        };
        match yaml::documents(&self.path, text) {
            Ok(found) if found == wanted => Seen::Met("the same content".to_owned()),
            Ok(found) if found.is_empty() => Seen::Unmet("empty".to_owned()),
            Ok(_) => Seen::Unmet("other content".to_owned()),
            Err(remark) => Seen::Unmet(format!("no YAML: {}", remark.message)),
        }
    }
}

/// "0600 or stricter" and root's: no bit beyond the mode, owner and group by number.
pub(super) fn attributes_evidence(path: &str, mode: Mode, file: &facts::File) -> Evidence {
    let said = format!("{:04o} {}:{}", file.mode, file.owner, file.group);
    let strict = file.mode & !mode.0 == 0 && file.uid == 0 && file.gid == 0;
    let seen = if strict {
        Seen::Met(said)
    } else {
        Seen::Unmet(said)
    };
    Evidence::new(
        format!("{path} mode and owner"),
        format!("{mode} root:root or stricter"),
        seen,
    )
}

/// A running component that read the file before it became what it is.
///
/// Its arguments are right and its behaviour is not, and `rke up` would leave it running (RKE fact 3).
pub(super) fn stale(
    readers: &Readers,
    path: &str,
    file: &facts::File,
    facts: &facts::Facts,
) -> Vec<Evidence> {
    let stale = readers.iter().filter(|(component, flag)| {
        let Observed::Present(container) = facts.container(component) else {
            return false;
        };
        let read = container.flag(flag).is_some();
        read && container
            .started_at
            .is_some_and(|started| file.modified > started)
    });
    stale
        .map(|(component, _)| {
            Evidence::new(
                format!("{path} in {component}"),
                "read since it was written",
                Seen::Unmet(format!("{component} started before the file was written")),
            )
        })
        .collect()
}

/// What a file with the right content may still lack: strictness, and readers that know it.
pub(super) fn mended_in_place(
    attributes: Attributes,
    readers: &Readers,
    file: &facts::File,
    scene: &Scene<'_>,
) -> Vec<Remedy> {
    let path = attributes.path.clone();
    let mut remedies = Vec::new();
    if attributes_evidence(&path, Mode(attributes.mode), file).is_unmet() {
        remedies.push(Remedy::Attributes(tightened(attributes, file)));
    }
    for (component, flag) in readers {
        let one = Readers::from([(component.clone(), flag.clone())]);
        if !stale(&one, &path, file, scene.facts).is_empty() {
            remedies.push(Remedy::Restart {
                component: component.clone(),
            });
        }
    }
    remedies
}

pub(crate) fn root_only(path: &str, mode: Mode) -> Attributes {
    Attributes {
        path: path.to_owned(),
        mode: mode.0,
        uid: 0,
        gid: 0,
    }
}

/// Never looser than what is there.
fn tightened(attributes: Attributes, file: &facts::File) -> Attributes {
    Attributes {
        mode: attributes.mode & file.mode,
        ..attributes
    }
}
