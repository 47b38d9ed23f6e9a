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
    for command in ["check", "apply", "undo", "nodes", "trust"] {
        assert!(readme.contains(&format!("harden {command} ")), "{command}");
        help(&[command, "--help"]);
    }
    let check = help(&["check", "--help"]);
    for flag in ["--on", "--config", "--quiet", "--format"] {
        assert!(readme.contains(flag) && check.contains(flag), "{flag}");
    }
    assert!(help(&["apply", "--help"]).contains("--yes"));
}
