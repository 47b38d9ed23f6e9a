//! The arrows of the architecture, checked on every run of the tests.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs;
use std::path::Path;
use std::path::PathBuf;

/// Each module and what it may name with `crate::`, beside itself. Anything else is a new arrow.
const MAY_USE: &[(&str, &[&str])] = &[
    ("source", &[]),
    ("yaml", &["source"]),
    ("secret", &[]),
    ("shared", &[]),
    ("inventory", &["secret", "source", "yaml"]),
    ("cluster_file", &["inventory", "shared", "source", "yaml"]),
    ("node", &["secret"]),
    ("facts", &["node", "secret", "shared", "yaml"]),
    (
        "resource",
        &[
            "cluster_file",
            "facts",
            "inventory",
            "node",
            "secret",
            "shared",
            "source",
            "yaml",
        ],
    ),
    (
        "profile",
        &[
            "cluster_file",
            "facts",
            "inventory",
            "resource",
            "source",
            "yaml",
        ],
    ),
    (
        "fleet",
        &[
            "cluster_file",
            "facts",
            "inventory",
            "profile",
            "resource",
            "shared",
        ],
    ),
    ("finding", &["profile", "resource", "shared"]),
    (
        "audit",
        &[
            "facts",
            "finding",
            "fleet",
            "inventory",
            "profile",
            "resource",
            "shared",
        ],
    ),
    (
        "plan",
        &[
            "audit",
            "cluster_file",
            "facts",
            "finding",
            "fleet",
            "inventory",
            "node",
            "profile",
            "resource",
            "secret",
            "shared",
            "yaml",
        ],
    ),
    (
        "statements",
        &["finding", "profile", "resource", "shared", "source", "yaml"],
    ),
    ("ping", &["facts", "inventory", "plan"]),
    ("event", &["finding", "plan", "source"]),
    ("ssh", &["inventory", "secret"]),
    ("rke", &["cluster_file", "source"]),
    ("https", &["secret"]),
    ("kube", &["facts", "https", "secret", "yaml"]),
    ("rancher", &["facts", "https", "secret"]),
    (
        "engine",
        &[
            "audit",
            "cluster_file",
            "event",
            "facts",
            "finding",
            "fleet",
            "https",
            "inventory",
            "kube",
            "node",
            "ping",
            "plan",
            "profile",
            "rancher",
            "resource",
            "rke",
            "secret",
            "shared",
            "source",
            "ssh",
            "statements",
        ],
    ),
    (
        "report",
        &["event", "finding", "plan", "profile", "resource", "shared"],
    ),
];

/// What only the edges may touch: the pure core has no network, no files, no clock, no processes.
const EFFECTS: &[&str] = &[
    "tokio::",
    "russh::",
    "std::fs",
    "std::process",
    "TcpStream",
    "TcpListener",
    "UdpSocket",
    "std::env",
    "SystemTime",
    "Instant::now",
    "Timestamp::now",
];

const PURE: &[&str] = &[
    "source",
    "yaml",
    "secret",
    "inventory",
    "cluster_file",
    "node",
    "facts",
    "resource",
    "profile",
    "fleet",
    "finding",
    "audit",
    "statements",
    "plan",
    "ping",
    "event",
];

#[test]
fn modules_only_point_downwards() {
    for (module, allowed) in MAY_USE {
        for file in files_of(module) {
            for (number, line) in lines(&file) {
                assert!(
                    !line.contains("crate::{"),
                    "{}:{number}: one import per line, so that arrows can be read",
                    file.display()
                );
                for used in line.split("crate::").skip(1) {
                    let used: String = used
                        .chars()
                        .take_while(|c| c.is_alphanumeric() || *c == '_')
                        .collect();
                    assert!(
                        used == *module || allowed.contains(&used.as_str()),
                        "{}:{number}: `{module}` may not use `{used}`",
                        file.display()
                    );
                }
            }
        }
    }
}

#[test]
fn the_pure_core_has_no_effects() {
    for module in PURE {
        for file in files_of(module) {
            for (number, line) in lines(&file) {
                let effect = EFFECTS.iter().find(|effect| line.contains(**effect));
                assert_eq!(effect, None, "{}:{number}", file.display());
            }
        }
    }
}

#[test]
fn every_module_of_the_crate_has_its_arrows_written_down() {
    let known = |name: &str| MAY_USE.iter().any(|(module, _)| *module == name);
    let edges = ["cli", "error"];
    let front = fs::read_to_string(root().join("src/lib.rs")).unwrap();
    for line in front
        .lines()
        .filter_map(|line| line.strip_prefix("pub mod "))
    {
        let module = line.trim_end_matches(';');
        assert!(known(module) || edges.contains(&module), "{module}");
    }
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn files_of(module: &str) -> Vec<PathBuf> {
    let file = root().join(format!("src/{module}.rs"));
    if file.exists() {
        return vec![file];
    }
    let mut files = Vec::new();
    collect(&root().join("src").join(module), &mut files);
    assert!(!files.is_empty(), "there is no module `{module}`");
    files
}

fn collect(dir: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(&path, files);
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            files.push(path);
        }
    }
}

/// The lines of the product, its inline tests and its test modules left out.
fn lines(file: &Path) -> Vec<(usize, String)> {
    if file
        .file_stem()
        .is_some_and(|stem| stem == "tests" || stem == "sample")
    {
        return Vec::new();
    }
    let text = fs::read_to_string(file).unwrap();
    text.lines()
        .enumerate()
        .take_while(|(_, line)| *line != "#[cfg(test)]")
        .filter(|(_, line)| !line.trim_start().starts_with("//"))
        .map(|(index, line)| (index + 1, line.to_owned()))
        .collect()
}
