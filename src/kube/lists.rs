//! All objects of a kind, page by page.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::fmt::Write as _;

use serde::Deserialize;

use crate::facts::Observed;
use crate::facts::object::Kind;
use crate::facts::object::Object;
use crate::facts::object::Objects;
use crate::kube::Api;
use crate::kube::KubeError;
use crate::yaml::Value;

/// Objects in one answer.
const PAGE: usize = 500;

/// More pages than this are not read.
const PAGES: usize = 400;

impl Api {
    /// All objects of these kinds; one kind that cannot be read keeps no other from being read.
    ///
    /// # Errors
    ///
    /// Not even what the server offers could be asked.
    pub fn objects(&self, kinds: &BTreeSet<Kind>) -> Result<Objects, KubeError> {
        let offered = self.groups()?;
        let mut lists = BTreeMap::new();
        let mut broken = None;
        for kind in kinds {
            let list = match &broken {
                Some(why) => Observed::unread(why),
                None => match self.list(*kind, &offered) {
                    Ok(Some(objects)) => Observed::Present(objects),
                    Ok(None) => Observed::Absent,
                    Err(error) => {
                        let why = error.to_string();
                        broken = error.is_of_connection().then(|| why.clone());
                        Observed::Unread { why }
                    }
                },
            };
            lists.insert(*kind, list);
        }
        Ok(Objects {
            lists,
            ..Objects::default()
        })
    }

    /// Group and version of everything that the server offers, the core group without a name.
    fn groups(&self) -> Result<BTreeSet<String>, KubeError> {
        let path = "/apis";
        let found: Option<Groups> = self.find(path)?;
        let found = found.ok_or_else(|| KubeError::Malformed {
            server: self.server(),
            path: path.to_owned(),
        })?;
        let versions = found.groups.into_iter().flat_map(|group| group.versions);
        Ok(versions.map(|version| version.group_version).collect())
    }

    /// Nothing when no group that the server offers has the kind.
    fn list(
        &self,
        kind: Kind,
        offered: &BTreeSet<String>,
    ) -> Result<Option<Vec<Object>>, KubeError> {
        for (group, version) in kind.groups() {
            let root = match *group {
                "" => format!("/api/{version}"),
                group if offered.contains(&format!("{group}/{version}")) => {
                    format!("/apis/{group}/{version}")
                }
                _ => continue,
            };
            // A group is there and the kind has left it (T-28): the next one may have it.
            if let Some(objects) = self.pages(kind, &format!("{root}/{}", kind.plural()))? {
                return Ok(Some(objects));
            }
        }
        Ok(None)
    }

    fn pages(&self, kind: Kind, path: &str) -> Result<Option<Vec<Object>>, KubeError> {
        let mut objects = Vec::new();
        let mut from = String::new();
        for _ in 0..PAGES {
            let page: Option<Page> = self.find(&format!("{path}?limit={PAGE}{from}"))?;
            let Some(page) = page else {
                return Ok(None);
            };
            let items = page.items.unwrap_or_default().into_iter();
            objects.extend(items.map(|item| slim(kind, item)).filter_map(Object::of));
            match page.metadata.next {
                Some(next) if !next.is_empty() => from = format!("&continue={}", quoted(&next)),
                _ => return Ok(Some(objects)),
            }
        }
        Err(KubeError::TooMany {
            server: self.server(),
            what: kind.plural(),
            limit: PAGES,
        })
    }
}

/// A pod of whose status, of which there is the most in a cluster, only the phase is left.
fn slim(kind: Kind, mut item: Value) -> Value {
    if let (Kind::Pod, Value::Map(parts)) = (kind, &mut item)
        && let Some(Value::Map(status)) = parts.get_mut("status")
    {
        status.retain(|key, _| key == "phase");
    }
    item
}

/// A text as a part of a URL.
pub(super) fn quoted(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            let _ = write!(out, "%{byte:02X}");
        }
    }
    out
}

#[derive(Deserialize)]
struct Groups {
    groups: Vec<Group>,
}

#[derive(Deserialize)]
struct Group {
    versions: Vec<Version>,
}

#[derive(Deserialize)]
struct Version {
    #[serde(rename = "groupVersion")]
    group_version: String,
}

#[derive(Deserialize)]
struct Page {
    #[serde(default)]
    metadata: PageMetadata,
    /// Go writes an empty list as `null`.
    items: Option<Vec<Value>>,
}

#[derive(Default, Deserialize)]
struct PageMetadata {
    #[serde(rename = "continue")]
    next: Option<String>,
}
