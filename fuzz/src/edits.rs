//! The editor of `cluster.yml`: an edit that is accepted reads back, and nothing else changes.

use std::collections::BTreeMap;

use harden::cluster_file::ClusterFile;
use harden::cluster_file::Edit;
use harden::cluster_file::Scalar;
use harden::yaml;
use harden::yaml::Value;

type Leaves = BTreeMap<Vec<String>, Vec<Value>>;

/// The input is a case of `tests/cases/cluster_file` or a whole file, which gets the guide's edits.
pub fn cluster_file(data: &[u8]) {
    let Ok(input) = std::str::from_utf8(data) else {
        return;
    };
    let (text, edits) = parts(input);
    let Ok(before) = ClusterFile::parse("cluster.yml", text) else {
        return;
    };
    drop(before.addons());
    let Ok(edited) = before.edited(&edits) else {
        return;
    };
    let Ok(after) = ClusterFile::parse("cluster.yml", &edited.text) else {
        panic!("the edited file is not read any more:\n{}", edited.text);
    };
    assert!(edited.changed || edited.text == text, "changed in silence");
    for edit in &edits {
        holds(&after, edit);
    }
    assert_eq!(
        others(text, &edits),
        others(&edited.text, &edits),
        "another value changed:\n{}",
        edited.text
    );
    match after.edited(&edits) {
        Ok(again) => assert!(!again.changed, "it does not settle:\n{}", edited.text),
        Err(error) => panic!("refused the second time: {error}"),
    }
}

fn parts(input: &str) -> (&str, Vec<Edit>) {
    let input = input.split_once("=== before\n").map_or(input, |(_, it)| it);
    let Some((text, rest)) = input.split_once("=== edits\n") else {
        return (input, guide());
    };
    let wishes = rest.lines().take_while(|line| !line.starts_with("==="));
    let mut edits: Vec<Edit> = wishes.filter_map(edit).collect();
    // The last wish for a place is the one that holds.
    let places: Vec<_> = edits.iter().map(|it| place(it).to_vec()).collect();
    let mut index = 0;
    edits.retain(|_| {
        index += 1;
        let own = &places[index - 1];
        !places[index..]
            .iter()
            .any(|later| later.starts_with(own) || own.starts_with(later))
    });
    (text, edits)
}

fn guide() -> Vec<Edit> {
    [
        "set services/kube-api/extra_args/anonymous-auth = false",
        "set services/kubelet/extra_args/protect-kernel-defaults = true",
        "append services/kube-api/extra_binds = /var/log/kube-audit:/var/log/kube-audit",
    ]
    .into_iter()
    .filter_map(edit)
    .collect()
}

/// `set PATH = VALUE` or `append PATH = ITEM`.
fn edit(line: &str) -> Option<Edit> {
    let (verb, rest) = line.split_once(' ')?;
    let (path, value) = rest.split_once(" = ")?;
    let path: Vec<String> = path.split('/').map(str::to_owned).collect();
    match verb {
        "set" => Some(Edit::Set {
            path,
            value: Scalar::Text(value.to_owned()),
        }),
        "append" => Some(Edit::Append {
            path,
            item: value.to_owned(),
        }),
        _ => None,
    }
}

fn place(edit: &Edit) -> &[String] {
    match edit {
        Edit::Set { path, .. } | Edit::Append { path, .. } => path,
        Edit::Addons { .. } | Edit::AddonsCount { .. } => &[],
    }
}

fn holds(file: &ClusterFile, edit: &Edit) {
    let path: Vec<&str> = place(edit).iter().map(String::as_str).collect();
    let seen = file.value_at(&path);
    let is_met = match edit {
        Edit::Set {
            value: Scalar::Text(wanted),
            ..
        } => match seen {
            Some(Value::Text(seen)) => seen == wanted,
            Some(Value::Bool(seen)) => seen.to_string() == *wanted,
            Some(Value::Int(seen)) => seen.to_string() == *wanted,
            _ => false,
        },
        Edit::Append { item, .. } => {
            matches!(seen, Some(Value::List(list)) if list.contains(&Value::Text(item.clone())))
        }
        Edit::AddonsCount { number } => file.addons_count() == *number,
        Edit::Set { .. } | Edit::Addons { .. } => true,
    };
    assert!(is_met, "{edit:?} was accepted and reads {seen:?}");
}

/// Every scalar by its path, but for those that `edits` name; of a list that is appended to, all
/// but the item. How many line ends close `addons` is up to the text around it.
fn others(text: &str, edits: &[Edit]) -> Leaves {
    let mut leaves = Leaves::new();
    if let Ok(tree) = yaml::read::<Value>("cluster.yml", text) {
        walk(&tree, &mut Vec::new(), &mut leaves);
    }
    for edit in edits {
        match edit {
            Edit::Set { path, .. } => {
                leaves.remove(path);
            }
            Edit::Append { path, item } => {
                if let Some(list) = leaves.get_mut(path) {
                    list.retain(|it| *it != Value::Text(item.clone()));
                }
            }
            Edit::Addons { .. } | Edit::AddonsCount { .. } => {}
        }
    }
    if let Some([Value::Text(addons)]) = leaves
        .get_mut(&["addons".to_owned()][..])
        .map(Vec::as_mut_slice)
    {
        addons.truncate(addons.trim_end_matches('\n').len());
    }
    leaves.retain(|_, values| !values.is_empty());
    leaves
}

fn walk(value: &Value, path: &mut Vec<String>, leaves: &mut Leaves) {
    match value {
        // What is empty may be filled.
        Value::Null => {}
        Value::Map(map) => {
            for (key, value) in map {
                path.push(key.clone());
                walk(value, path, leaves);
                path.pop();
            }
        }
        Value::List(list) => leaves.entry(path.clone()).or_default().extend(list.clone()),
        scalar => leaves.entry(path.clone()).or_default().push(scalar.clone()),
    }
}
