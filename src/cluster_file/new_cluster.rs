//! A `cluster.yml` for a cluster that is not built yet.

use crate::cluster_file::ClusterFile;
use crate::cluster_file::Edit;
use crate::cluster_file::EditError;
use crate::cluster_file::Edited;
use crate::cluster_file::plain::Plain;
use crate::cluster_file::proof;
use crate::yaml::Value;

/// The block of an inventory that is meant for `harden` alone.
const SITE: &str = "harden";

impl ClusterFile {
    /// The inventory `self` as a complete `cluster.yml`: its own text without the `harden:`
    /// block, with `edits` applied (architecture 13.11).
    ///
    /// Taking the text rather than the values keeps every key that RKE knows
    /// and `harden` does not, an inline `ssh_key`, and all comments outside of
    /// the block. Relative paths such as `ssh_key_path` keep their meaning
    /// only beside the inventory, so that is where the result belongs.
    ///
    /// # Errors
    ///
    /// As for [`ClusterFile::edited`].
    pub fn created(&self, edits: &[Edit]) -> Result<Edited, EditError> {
        let edited = self.without_site()?.edited(edits)?;
        Ok(Edited {
            changed: true,
            ..edited
        })
    }

    fn without_site(&self) -> Result<Self, EditError> {
        let mut tree = self.tree.clone();
        if let Value::Map(root) = &mut *tree
            && root.remove(SITE).is_none()
        {
            return Ok(self.clone());
        }
        let plain = Plain::of(&self.text);
        let syntax = self.syntax(&plain.text)?;
        let entry = syntax.entry(SITE).filter(|_| !syntax.is_flow());
        let new = if let Some((key, value)) = entry {
            let end = value.map_or(key.end, |value| value.end);
            without_entry(&plain.text, key.start, end)
        } else {
            syntax.remove(SITE);
            syntax.text()
        };
        match ClusterFile::parse(&self.file, &new) {
            Ok(read) if read.tree == tree => Ok(Self {
                text: plain.restored(&new),
                ..read
            }),
            _ => Err(proof::unproved(
                self,
                format!("the rest needs something of `{SITE}:`"),
            )),
        }
    }
}

/// `text` without the lines of a root entry and the deeper comments among and below them.
fn without_entry(text: &str, start: usize, end: usize) -> String {
    let start = text[..start].rfind('\n').map_or(0, |newline| newline + 1);
    let value_end = text[..end].trim_end().len();
    let mut cut = text[value_end..]
        .find('\n')
        .map_or(text.len(), |length| value_end + length + 1);
    let mut at = cut;
    for line in text[cut..].split_inclusive('\n') {
        let blank = line.trim().is_empty();
        if !blank && !line.starts_with([' ', '\t']) {
            break;
        }
        at += line.len();
        if !blank {
            cut = at;
        }
    }
    format!("{}{}", &text[..start], &text[cut..])
}
