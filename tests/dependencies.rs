//! What the project depends on: every crate has a reason, and nothing is unsafe here.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

const MANIFESTS: [&str; 3] = [
    "Cargo.toml",
    "tests/bench/Cargo.toml",
    "tests/lab/Cargo.toml",
];

/// The crates of this repository.
const OURS: [&str; 3] = ["harden", "harden-bench", "harden-lab"];

fn read(file: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(file)).unwrap()
}

/// The keys of all tables of a manifest whose name ends in `dependencies`.
fn direct(manifest: &str) -> BTreeSet<String> {
    let mut is_inside = false;
    let mut names = BTreeSet::new();
    for line in manifest.lines().map(str::trim) {
        if let Some(table) = line.strip_prefix('[') {
            is_inside = table.trim_end_matches(']').ends_with("dependencies");
        } else if is_inside
            && !line.starts_with('#')
            && let Some((key, _)) = line.split_once('=')
        {
            let name = key.trim().trim_end_matches(".workspace");
            names.insert(name.to_owned());
        }
    }
    names.retain(|name| !OURS.contains(&name.as_str()));
    names
}

/// The names between backquotes in the first column of the record's table, up to the first version
/// or feature: `` `russh` =0.65.1 with `ring` `` is one crate.
fn reasoned(record: &str) -> BTreeSet<String> {
    record
        .lines()
        .filter_map(|line| line.strip_prefix("| `"))
        .filter_map(|line| line.split(" | ").next())
        .flat_map(|column| {
            let crates = column.split(" with ").next().unwrap_or_default();
            crates.split('`').step_by(2).map(str::to_owned)
        })
        .filter(|name| !name.is_empty())
        .collect()
}

#[test]
fn every_direct_dependency_has_a_reason_and_every_reason_a_dependency() {
    let direct: BTreeSet<String> = MANIFESTS
        .iter()
        .chain(&["fuzz/Cargo.toml"])
        .flat_map(|file| direct(&read(file)))
        .collect();
    let reasoned = reasoned(&read("docs/decisions/0001-dependencies.md"));

    let unexplained: Vec<_> = direct.difference(&reasoned).collect();
    let unused: Vec<_> = reasoned.difference(&direct).collect();

    assert!(
        unexplained.is_empty() && unused.is_empty(),
        "docs/decisions/0001-dependencies.md lacks {unexplained:?}, and explains {unused:?} in vain"
    );
    assert!(
        direct.len() > 30,
        "the manifests were not understood: {direct:?}"
    );
}

#[test]
fn unsafe_code_is_forbidden_in_every_crate() {
    assert!(read("Cargo.toml").contains("[workspace.lints.rust]\nunsafe_code = \"forbid\"\n"));
    for file in MANIFESTS {
        assert!(read(file).contains("[lints]\nworkspace = true\n"), "{file}");
    }
}

/// Name and version of every crate in a lock file.
fn locked(file: &str) -> BTreeSet<(String, String)> {
    let text = read(file);
    let packages = text.split("[[package]]\n").skip(1);
    let value = |package: &str, key: &str| {
        let mut lines = package.lines();
        let line = lines.find_map(|line| line.strip_prefix(key)).unwrap();
        line.trim_matches([' ', '=', '"']).to_owned()
    };
    packages
        .map(|package| (value(package, "name"), value(package, "version")))
        .collect()
}

#[test]
fn what_is_fuzzed_is_what_is_shipped() {
    let (shipped, fuzzed) = (locked("Cargo.lock"), locked("fuzz/Cargo.lock"));
    let names: BTreeSet<&str> = shipped.iter().map(|(name, _)| name.as_str()).collect();

    let other: Vec<_> = fuzzed
        .difference(&shipped)
        .filter(|(name, _)| names.contains(name.as_str()))
        .collect();

    assert!(other.is_empty(), "fuzz/Cargo.lock has {other:?}");
    let has = |name: &str| fuzzed.iter().any(|(known, _)| known == name);
    let manifest = read("Cargo.toml");
    let (_, own) = manifest.split_once("\n[dependencies]\n").unwrap();
    let (own, _) = own.split_once("\n[").unwrap();
    let missing: Vec<_> = direct(&format!("[dependencies]\n{own}"))
        .into_iter()
        .filter(|name| !has(name))
        .collect();
    assert!(missing.is_empty(), "fuzz/Cargo.lock lacks {missing:?}");
}
