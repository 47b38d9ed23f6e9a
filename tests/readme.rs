//! What README says is what the program says.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs;
use std::process::Command;

fn readme() -> String {
    fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/README.md")).unwrap()
}

fn help(arguments: &[&str]) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_harden"))
        .args(arguments)
        .output()
        .unwrap();
    assert!(output.status.success(), "{arguments:?}");
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn the_exit_codes_of_readme_are_those_of_the_help() {
    let help = help(&["--help"]);
    let codes: Vec<(String, String)> = help
        .lines()
        .skip_while(|line| !line.starts_with("Exit codes:"))
        .filter_map(|line| line.trim().split_once("  "))
        .map(|(code, meaning)| (code.to_owned(), meaning.to_owned()))
        .collect();
    assert_eq!(codes.len(), 6, "{help}");
    for (code, meaning) in codes {
        let row = format!("| {code} | {meaning} |");
        assert!(readme().contains(&row), "README lacks `{row}`");
    }
}

#[test]
fn every_command_and_flag_that_readme_shows_exists() {
    let readme = readme();
    for command in ["check", "apply", "undo", "report", "nodes", "trust"] {
        assert!(readme.contains(&format!("harden {command} ")), "{command}");
        help(&[command, "--help"]);
    }
    let check = help(&["check", "--help"]);
    for flag in ["--on", "--config", "--quiet", "--format", "--output"] {
        assert!(readme.contains(flag) && check.contains(flag), "{flag}");
    }
    assert!(help(&["apply", "--help"]).contains("--yes"));
}

#[test]
fn the_manifests_for_fleets_are_yaml_and_use_flags_that_exist() {
    let text = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/fleets.md")).unwrap();
    let manifests: Vec<&str> = text
        .split("```yaml\n")
        .skip(1)
        .filter_map(|rest| rest.split_once("\n```").map(|(manifest, _)| manifest))
        .collect();
    assert_eq!(manifests.len(), 3);
    let mut commands = 0;
    for manifest in manifests {
        let parsed: serde_json::Value = serde_saphyr::from_str(manifest).unwrap();
        assert!(parsed.is_object(), "{manifest}");
        for line in manifest.lines().filter_map(harden_of) {
            let words: Vec<&str> = line.split_whitespace().collect();
            let command: Vec<&str> = words
                .iter()
                .copied()
                .take_while(|word| ["check", "report", "merge"].contains(word))
                .collect();
            let help = help(&[command.as_slice(), &["--help"]].concat());
            for flag in words.iter().filter(|word| word.starts_with("--")) {
                assert!(help.contains(flag), "`{flag}` of `{line}`");
            }
            commands += 1;
        }
    }
    assert_eq!(commands, 4);
}

/// What stands behind `harden ` on a line that runs it.
fn harden_of(line: &str) -> Option<&str> {
    let (before, after) = line.split_once("harden ")?;
    let is_command = before
        .trim_start_matches(['-', ' '])
        .trim_start_matches("run: ")
        .is_empty();
    is_command.then_some(after)
}
