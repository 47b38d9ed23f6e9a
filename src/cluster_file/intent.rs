//! What the value tree shall be: edits applied to values, apart from any text.

use std::collections::BTreeMap;

use crate::cluster_file::ClusterFile;
use crate::cluster_file::Edit;
use crate::cluster_file::EditError;
use crate::cluster_file::Scalar;
use crate::cluster_file::addons;
use crate::cluster_file::addons::Merge;
use crate::yaml::Value;

/// The edits that are not met yet, and the tree that meets them.
pub(super) struct Intent {
    pub(super) tree: Value,
    pub(super) wishes: Vec<Wish>,
    pub(super) addons: Option<Merge>,
}

/// One place of the text that has to change.
pub(super) enum Wish {
    /// The value of the tree at this path is to be written.
    Value(Vec<String>),
    /// This item is to be added to the list at the path.
    Item(Vec<String>, String),
}

impl Wish {
    pub(super) fn path(&self) -> &[String] {
        match self {
            Self::Value(path) | Self::Item(path, _) => path,
        }
    }
}

impl Intent {
    pub(super) fn of(file: &ClusterFile, edits: &[Edit]) -> Result<Self, EditError> {
        let mut intent = Self {
            tree: Value::clone(&file.tree),
            wishes: Vec::new(),
            addons: None,
        };
        let mut documents = Vec::new();
        let mut number = None;
        for edit in edits {
            match edit {
                Edit::Set { path, value } => intent.set(file, path, value)?,
                Edit::Append { path, item } => intent.append(file, path, item)?,
                Edit::Addons { documents: more } => documents.extend_from_slice(more),
                Edit::AddonsCount { number: wanted } => number = Some(*wanted),
            }
        }
        intent.add(file, &documents, number)?;
        // Edits that undo each other are no edits.
        if intent.tree == *file.tree {
            intent.wishes.clear();
        }
        Ok(intent)
    }

    pub(super) fn is_met(&self) -> bool {
        self.wishes.is_empty() && self.addons.is_none()
    }

    fn set(
        &mut self,
        file: &ClusterFile,
        path: &[String],
        value: &Scalar,
    ) -> Result<(), EditError> {
        let slot = slot(&mut self.tree, path).map_err(|at| not_a_mapping(file, &path[..at]))?;
        if reads_as(slot, value) {
            return Ok(());
        }
        if matches!(slot, Value::Map(_) | Value::List(_)) {
            return Err(unfit(file, path, "a single value is expected here"));
        }
        *slot = match value {
            Scalar::Bool(truth) => Value::Bool(*truth),
            Scalar::Text(text) => Value::Text(text.clone()),
        };
        self.wishes.push(Wish::Value(path.to_vec()));
        Ok(())
    }

    fn append(&mut self, file: &ClusterFile, path: &[String], item: &str) -> Result<(), EditError> {
        let slot = slot(&mut self.tree, path).map_err(|at| not_a_mapping(file, &path[..at]))?;
        if *slot == Value::Null {
            *slot = Value::List(Vec::new());
        }
        let Value::List(list) = slot else {
            return Err(unfit(file, path, "a list is expected here"));
        };
        let item_value = Value::Text(item.to_owned());
        if !list.contains(&item_value) {
            list.push(item_value);
            self.wishes.push(Wish::Item(path.to_vec(), item.to_owned()));
        }
        Ok(())
    }

    fn add(
        &mut self,
        file: &ClusterFile,
        documents: &[String],
        number: Option<u64>,
    ) -> Result<(), EditError> {
        if documents.is_empty() && number.is_none() {
            return Ok(());
        }
        let path = ["addons".to_owned()];
        let old = match file.value_at(&["addons"]) {
            None | Some(Value::Null) => "",
            Some(Value::Text(text)) => text,
            Some(_) => return Err(unfit(file, &path, "a text of manifests is expected here")),
        };
        let mut merge = addons::merged(old, documents)
            .map_err(|mistake| EditError::Unfit(file.addons_remark(&mistake)))?;
        if let Some(number) = number.filter(|number| addons::count(old) != *number) {
            merge.get_or_insert_with(|| Merge::of(old)).count(number);
        }
        if let Some(merge) = merge {
            if let Value::Map(root) = &mut self.tree {
                root.insert("addons".to_owned(), Value::Text(merge.text()));
            }
            self.addons = Some(merge);
        }
        Ok(())
    }
}

/// True when RKE reads `seen` as `wanted`: an unquoted `false` or `10` becomes a text where a
/// text belongs (rust-stack 3.1), but a text never becomes a bool.
fn reads_as(seen: &Value, wanted: &Scalar) -> bool {
    match (seen, wanted) {
        (Value::Bool(seen), Scalar::Bool(wanted)) => seen == wanted,
        (Value::Text(seen), Scalar::Text(wanted)) => seen == wanted,
        (Value::Bool(seen), Scalar::Text(wanted)) => seen.to_string() == *wanted,
        (Value::Int(seen), Scalar::Text(wanted)) => seen.to_string() == *wanted,
        _ => false,
    }
}

/// The value at `path`, made where it is missing or null; the depth of what is in the way otherwise.
fn slot<'a>(root: &'a mut Value, path: &[String]) -> Result<&'a mut Value, usize> {
    let mut here = root;
    for (depth, key) in path.iter().enumerate() {
        if *here == Value::Null {
            *here = Value::Map(BTreeMap::new());
        }
        let Value::Map(map) = here else {
            return Err(depth);
        };
        here = map.entry(key.clone()).or_insert(Value::Null);
    }
    Ok(here)
}

fn not_a_mapping(file: &ClusterFile, path: &[String]) -> EditError {
    unfit(file, path, "a mapping is expected here")
}

fn unfit(file: &ClusterFile, path: &[String], what: &str) -> EditError {
    let message = format!("`{}`: {what}", path.join("."));
    EditError::Unfit(
        file.remark(path, &message)
            .hinted("correct this value by hand; RKE would refuse it too"),
    )
}
