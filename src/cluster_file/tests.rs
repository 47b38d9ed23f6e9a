//! Cases as data (`tests/cases/cluster_file/*.case`: before, edits, after) and what data cannot say.

use std::fs;
use std::path::Path;
use std::time::Duration;
use std::time::Instant;

use proptest::prelude::*;

use super::*;

fn set(path: &str, value: &str) -> Edit {
    Edit::Set {
        path: keys(path),
        value: Scalar::Text(value.to_owned()),
    }
}

fn append(path: &str, item: &str) -> Edit {
    Edit::Append {
        path: keys(path),
        item: item.to_owned(),
    }
}

fn keys(path: &str) -> Vec<String> {
    path.split('/').map(str::to_owned).collect()
}

fn edited(text: &str, edits: &[Edit]) -> Edited {
    ClusterFile::parse("cluster.yml", text)
        .unwrap()
        .edited(edits)
        .unwrap()
}

/// `set PATH = TEXT`, `bool PATH = true`, `append PATH = ITEM`, and `addons` with `| ` lines.
fn edit(paragraph: &str) -> Edit {
    if let Some(manifest) = paragraph.strip_prefix("addons\n") {
        let lines = manifest
            .lines()
            .map(|line| line.strip_prefix("| ").unwrap_or(""));
        let text: Vec<&str> = lines.collect();
        return Edit::Addons {
            documents: vec![text.join("\n")],
        };
    }
    let (what, value) = paragraph.split_once(" = ").unwrap();
    match what.split_once(' ').unwrap() {
        ("set", path) => set(path, value),
        ("append", path) => append(path, value),
        ("bool", path) => Edit::Set {
            path: keys(path),
            value: Scalar::Bool(value == "true"),
        },
        other => panic!("unknown edit {other:?}"),
    }
}

fn edits(text: &str) -> Vec<Edit> {
    let mut paragraphs: Vec<String> = Vec::new();
    for line in text.lines().filter(|line| !line.is_empty()) {
        match paragraphs.last_mut() {
            Some(last) if line.starts_with('|') => *last = format!("{last}\n{line}"),
            _ => paragraphs.push(line.to_owned()),
        }
    }
    paragraphs.iter().map(|paragraph| edit(paragraph)).collect()
}

fn run_case(path: &Path) -> Result<(), String> {
    let case = fs::read_to_string(path).map_err(|error| error.to_string())?;
    let (before, rest) = case.split_once("=== edits\n").ok_or("no edits")?;
    let before = before.split_once("=== before\n").ok_or("no before")?.1;
    let file = ClusterFile::parse("cluster.yml", before).map_err(|error| error.to_string())?;
    if let Some((wishes, refusal)) = rest.split_once("=== refused\n") {
        let error = file.edited(&edits(wishes)).map(|edited| edited.text);
        let error = error.err().ok_or("was not refused")?;
        let said = format!("{error}\nhint: {}\n", error.hint());
        if std::env::var_os("FILL").is_some() && refusal.is_empty() {
            fs::write(path, format!("{case}{said}")).unwrap();
            return Ok(());
        }
        return (said == refusal).then_some(()).ok_or(said);
    }
    let (wishes, after) = rest.split_once("=== after\n").ok_or("no after")?;
    let wishes = edits(wishes);
    let edited = file
        .edited(&wishes)
        .map_err(|error| format!("{error}\nhint: {}\n", error.hint()))?;
    if std::env::var_os("FILL").is_some() && after.is_empty() {
        fs::write(path, format!("{case}{}", edited.text)).unwrap();
    } else if edited.text != after {
        return Err(edited.text);
    }
    let again = ClusterFile::parse("cluster.yml", &edited.text)
        .unwrap()
        .edited(&wishes)
        .map_err(|error| error.to_string())?;
    let quiet = !again.changed && again.text == edited.text;
    quiet
        .then_some(())
        .ok_or("a second edit changes more".to_owned())
}

#[test]
fn every_case_becomes_what_it_says_and_stays_so() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases/cluster_file");
    let mut paths: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    paths.sort();
    assert!(paths.len() >= 40, "only {} cases found", paths.len());
    let failures: Vec<String> = paths
        .iter()
        .filter_map(|path| {
            let failure = run_case(path).err()?;
            let name = path.file_stem().unwrap().to_string_lossy();
            Some(format!("##### {name}\n{failure}"))
        })
        .collect();
    assert!(failures.is_empty(), "\n{}", failures.join("\n"));
}
