//! `cluster.yml` as a document that people keep: read, edited and proved by reading back.
//!
//! Everything here is pure: text in, text out. Writing to disk is `rke`'s work.
//!
//! An edit takes five steps: the wanted value tree is computed from the old one
//! (`intent`), the text is changed (`syntax`, `block`), the new text is
//! read again and compared with the wanted tree, its comments and its lines
//! with the old ones (`proof`), and only then the line endings of the file
//! are put back (`plain`). Any doubt is an error and nothing is changed.

mod addons;
mod block;
mod diff;
mod edit;
mod error;
mod intent;
mod new_cluster;
mod plain;
mod proof;
mod redact;
mod state_files;
mod syntax;

pub use addons::Document;
pub use diff::unified;
pub use edit::Edit;
pub use edit::Scalar;
pub use error::EditError;
pub use state_files::state_files;

use std::collections::BTreeSet;
use std::ops::Range;

use crate::cluster_file::block::AddonsText;
use crate::cluster_file::intent::Intent;
use crate::cluster_file::plain::Plain;
use crate::cluster_file::syntax::Syntax;
use crate::inventory::Inventory;
use crate::shared::Shared;
use crate::source::Place;
use crate::source::Remark;
use crate::yaml;
use crate::yaml::Value;

/// A `cluster.yml` that was read strictly: its text and what the text says.
#[derive(Clone, Debug, PartialEq)]
pub struct ClusterFile {
    file: String,
    text: String,
    tree: Shared<Value>,
}

/// The outcome of [`ClusterFile::edited`].
#[derive(Clone, Debug, PartialEq)]
pub struct Edited {
    /// The whole new text; the old one to the byte when nothing changed.
    pub text: String,
    /// The new text as it was read back.
    pub file: ClusterFile,
    /// False when every edit was already so.
    pub changed: bool,
}

/// An edited text before its proof.
struct Draft {
    text: String,
    /// Those of the old text.
    comments: Vec<String>,
    /// The bytes of the old text that the edits may replace.
    reach: Vec<Range<usize>>,
}

impl ClusterFile {
    /// Reads the text of a `cluster.yml`; `file` names it in messages.
    ///
    /// # Errors
    ///
    /// What RKE would refuse or silently misread (RKE fact 12): broken YAML, a
    /// duplicate key, a second document, a root that is not a mapping.
    pub fn parse(file: &str, text: &str) -> Result<Self, Remark> {
        let tree = match yaml::read::<Value>(file, text) {
            Ok(tree) => tree,
            Err(remark) => return Err(unread(file, text, remark)),
        };
        if !matches!(tree, Value::Map(_)) {
            return Err(Remark::at(
                file,
                text,
                first_content(text),
                "not a mapping of cluster keys",
            )
            .hinted("begin with `nodes:` and the nodes of the cluster"));
        }
        Ok(Self {
            file: file.to_owned(),
            text: text.to_owned(),
            tree: tree.into(),
        })
    }

    /// How the user named the file.
    pub fn name(&self) -> &str {
        &self.file
    }

    /// The text as it was read.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The value at a path of keys, aliases and merge keys resolved.
    pub fn value_at(&self, path: &[&str]) -> Option<&Value> {
        self.tree.at(path)
    }

    /// The objects of the inline `addons`, in order, members of a `List` one by one.
    ///
    /// # Errors
    ///
    /// What is wrong with the text of `addons`, at its place in this file.
    pub fn addons(&self) -> Result<Vec<Document>, Remark> {
        let value = match self.value_at(&["addons"]) {
            None | Some(Value::Null) => return Ok(Vec::new()),
            Some(Value::Text(text)) => text,
            Some(_) => return Err(self.remark(&["addons".to_owned()], "`addons` is not a text")),
        };
        addons::documents(value).map_err(|mistake| self.addons_remark(&mistake))
    }

    /// The text of `addons`, which RKE gives its job; empty where there is none.
    pub fn addons_text(&self) -> &str {
        let text = self.value_at(&["addons"]).and_then(Value::text);
        text.unwrap_or_default()
    }

    /// The number in the comment line of `addons` that counts; 0 where there is none.
    pub fn addons_count(&self) -> u64 {
        addons::count(self.addons_text())
    }

    /// The text with every edit made true, and everything else as it was.
    ///
    /// # Errors
    ///
    /// When a value of another kind is in the way, when an alias would carry
    /// the edit to another place, or when reading back does not show exactly
    /// what was asked for.
    pub fn edited(&self, edits: &[Edit]) -> Result<Edited, EditError> {
        let intent = Intent::of(self, edits)?;
        if intent.is_met() {
            return Ok(Edited {
                text: self.text.clone(),
                file: self.clone(),
                changed: false,
            });
        }
        let plain = Plain::of(&self.text);
        let draft = self.draft(&plain.text, &intent)?;
        let old = (plain.text.as_str(), draft.comments.as_slice());
        let read = proof::check(self, old, &draft.text, &intent, &draft.reach)?;
        let text = plain.restored(&draft.text);
        Ok(Edited {
            file: Self {
                text: text.clone(),
                ..read
            },
            text,
            changed: true,
        })
    }

    /// What comes of writing `intent` into the plain text, still without a proof. One syntax tree at
    /// a time: of a large fleet's file it is the largest thing there is.
    fn draft(&self, plain: &str, intent: &Intent) -> Result<Draft, EditError> {
        let mut draft = self.draft_but_addons(plain, intent)?;
        if let Some(merge) = &intent.addons {
            let syntax = self.syntax(&draft.text)?;
            draft.text = AddonsText::find(&draft.text, &syntax).rewritten(&draft.text, merge);
        }
        Ok(draft)
    }

    fn draft_but_addons(&self, plain: &str, intent: &Intent) -> Result<Draft, EditError> {
        let syntax = self.syntax(plain)?;
        let mut reach = Vec::new();
        for wish in &intent.wishes {
            reach.extend(syntax.reach(wish));
            self.refuse_late_merge(&syntax, wish.path())?;
        }
        if intent.addons.is_some() {
            reach.extend(AddonsText::find(plain, &syntax).reach());
        }
        let comments = syntax.comments();
        syntax.write(intent);
        Ok(Draft {
            text: syntax.text(),
            comments,
            reach,
        })
    }

    /// Nodes that only one of this file and `inventory` lists, by address; empty when they agree.
    ///
    /// RKE removes a node that vanished from `nodes` (rke.md 3.5).
    pub fn missing_nodes(&self, inventory: &Inventory) -> Vec<String> {
        let ours = self.addresses();
        let theirs: BTreeSet<String> = inventory
            .nodes
            .iter()
            .map(|node| canonical(&node.address))
            .collect();
        let only = |some: &BTreeSet<String>, others: &BTreeSet<String>, file: &str| {
            some.difference(others)
                .map(|address| format!("{address} (only in {file})"))
                .collect::<Vec<_>>()
        };
        let mut missing = only(&ours, &theirs, &self.file);
        missing.extend(only(&theirs, &ours, &inventory.file));
        missing
    }

    fn addresses(&self) -> BTreeSet<String> {
        let Some(Value::List(nodes)) = self.value_at(&["nodes"]) else {
            return BTreeSet::new();
        };
        nodes
            .iter()
            .filter_map(|node| node.at(&["address"])?.text())
            .map(canonical)
            .collect()
    }

    fn syntax(&self, text: &str) -> Result<Syntax, EditError> {
        Syntax::parse(&self.file, text)
    }

    /// RKE's reader applies `<<` where it stands, so one below a key overwrites that key.
    fn refuse_late_merge(&self, syntax: &Syntax, path: &[String]) -> Result<(), EditError> {
        if !self.text.contains("<<") || !syntax.has_late_merge(path) {
            return Ok(());
        }
        let remark = self.remark(path, "a `<<` further down would overwrite this key for RKE");
        Err(EditError::Unfit(
            remark.hinted("move `<<` to the top of its mapping"),
        ))
    }

    /// A remark at the deepest part of `path` that this file has.
    fn remark(&self, path: &[String], message: &str) -> Remark {
        let text = Plain::of(&self.text).text;
        match Syntax::parse(&self.file, &text)
            .ok()
            .and_then(|s| s.place(path))
        {
            Some(place) => Remark::at(&self.file, &text, place, message),
            None => Remark::of_file(&self.file, message),
        }
    }

    fn addons_remark(&self, mistake: &addons::Mistake) -> Remark {
        let message = format!("document {} of `addons`: {}", mistake.number, mistake.what);
        let text = Plain::of(&self.text).text;
        let line = Syntax::parse(&self.file, &text)
            .ok()
            .and_then(|syntax| AddonsText::find(&text, &syntax).line(&text, mistake.line));
        let remark = match line {
            Some(line) => Remark::at(&self.file, &text, first_word(&text, line), message),
            None => self.remark(&["addons".to_owned()], &message),
        };
        remark.hinted("mend it: `kubectl apply` would refuse the whole text")
    }
}

/// An address as it is compared: no brackets, no case.
fn canonical(address: &str) -> String {
    address
        .trim()
        .trim_start_matches('[')
        .trim_end_matches(']')
        .to_lowercase()
}

/// Why a text was refused: broken YAML and a second document come before a duplicate key.
fn unread(file: &str, text: &str, remark: Remark) -> Remark {
    match yaml::documents(file, text) {
        Err(remark) => hinted_syntax(remark, text),
        Ok(documents) if documents.len() > 1 => second_document(file, text),
        Ok(_) => remark.hinted("keep one of the two keys; RKE would silently take the last"),
    }
}

fn hinted_syntax(remark: Remark, text: &str) -> Remark {
    let line = remark
        .place
        .and_then(|place| text.lines().nth(place.line.saturating_sub(1)));
    match line {
        Some(line) if line.trim_start_matches(' ').starts_with('\t') => {
            remark.hinted("indent with spaces")
        }
        _ => remark,
    }
}

fn second_document(file: &str, text: &str) -> Remark {
    let mut seen_content = false;
    let line = text.lines().position(|line| {
        let marker = line == "---" || line.starts_with("--- ");
        let second = marker && seen_content;
        seen_content |= !line.trim().is_empty() && !line.starts_with('#') && !marker;
        second
    });
    let place = Place {
        line: line.map_or(1, |line| line + 1),
        column: 1,
    };
    Remark::at(
        file,
        text,
        place,
        "a second document, which RKE would silently ignore",
    )
    .hinted("keep one document in this file")
}

/// The first visible character of a line, counted from 1.
fn first_word(text: &str, line: usize) -> Place {
    let shown = text.lines().nth(line.saturating_sub(1)).unwrap_or("");
    let column = shown.len() - shown.trim_start_matches(' ').len() + 1;
    Place { line, column }
}

fn first_content(text: &str) -> Place {
    let line = text
        .lines()
        .position(|line| !line.trim().is_empty() && !line.starts_with('#'))
        .unwrap_or(0);
    Place {
        line: line + 1,
        column: 1,
    }
}

#[cfg(test)]
mod tests;
