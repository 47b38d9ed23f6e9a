//! A run of the program that something happens to.

use std::fs;
use std::io::BufRead as _;
use std::io::BufReader;
use std::io::Read as _;
use std::path::Path;
use std::path::PathBuf;
use std::process::Child;
use std::process::Command;
use std::process::Stdio;

use crate::lab::Lab;
use crate::lab::Said;
use crate::lab::rke;

pub(crate) const APPLY: [&str; 3] = ["apply", "inventory.yml", "--yes"];

/// A program that runs, and what it said so far.
pub(crate) struct Going {
    pub(crate) child: Child,
    stderr: BufReader<std::process::ChildStderr>,
    heard: String,
}

impl Going {
    pub(crate) fn apply(lab: &Lab) -> Self {
        let mut command = lab.command(&APPLY);
        command.arg("--rke").arg(rke());
        Self::of(command)
    }

    pub(crate) fn of(mut command: Command) -> Self {
        let mut child = command
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let stderr = BufReader::new(child.stderr.take().unwrap());
        Self {
            child,
            stderr,
            heard: String::new(),
        }
    }

    /// Reads what it says until a line holds `word`.
    #[track_caller]
    pub(crate) fn until(&mut self, word: &str) {
        loop {
            let mut line = String::new();
            let read = self.stderr.read_line(&mut line).unwrap();
            assert_ne!(read, 0, "`{word}` was not said in\n{}", self.heard);
            self.heard.push_str(&line);
            if line.contains(word) {
                return;
            }
        }
    }

    pub(crate) fn signal(&self, name: &str) {
        let pid = self.child.id().to_string();
        let sent = Command::new("kill").args(["-s", name, &pid]).status();
        assert!(sent.unwrap().success());
    }

    pub(crate) fn end(mut self) -> Said {
        self.stderr.read_to_string(&mut self.heard).unwrap();
        let mut stdout = String::new();
        let mut pipe = self.child.stdout.take().unwrap();
        pipe.read_to_string(&mut stdout).unwrap();
        let code = self.child.wait().unwrap().code().unwrap_or(-1);
        Said {
            code,
            stdout,
            stderr: self.heard,
        }
    }
}

/// What a run must not leave on nodes and beside `cluster.yml`.
pub(crate) fn leftovers(lab: &Lab) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for node in lab.fleet.nodes() {
        let etc = node.etc().unwrap();
        let left = etc.into_keys();
        found.extend(left.filter(|path| path.to_string_lossy().ends_with(".harden")));
        found.extend(held_locks(node.dir()));
    }
    let site = fs::read_dir(lab.site.path()).unwrap();
    let names = site.map(|entry| entry.unwrap().path());
    found.extend(names.filter(|path| path.to_string_lossy().contains(".harden-")));
    found
}

/// The lock with the highest number and the marks of programs at work, where nobody gave them back.
fn held_locks(node: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(node.join("run")).into_iter().flatten();
    let paths: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    let tail = |path: &Path| -> Option<String> {
        let name = path.file_name()?.to_str()?;
        Some(name.strip_prefix("harden.lock.")?.to_owned())
    };
    let number = |path: &Path| -> Option<u32> { tail(path)?.parse().ok() };
    let highest = paths.iter().filter_map(|path| number(path)).max();
    let mut held = paths;
    held.retain(|path| {
        let counts = tail(path).is_some() && (number(path).is_none() || number(path) == highest);
        counts && fs::read_to_string(path).unwrap() != "free\n"
    });
    held
}

/// Takes up the only run that there was, and sees it through.
#[track_caller]
pub(crate) fn resume(lab: &Lab) {
    let run = the_run(lab);
    lab.harden(&[&APPLY[..], &["--resume", &run]].concat())
        .expect(0)
        .says(&[&run]);
}

/// The name of the only run that there was.
pub(crate) fn the_run(lab: &Lab) -> String {
    let runs = fs::read_dir(lab.path("harden-runs")).unwrap();
    let names: Vec<String> = runs
        .map(|entry| entry.unwrap())
        .filter(|entry| entry.path().is_dir())
        .map(|entry| entry.file_name().into_string().unwrap())
        .collect();
    let [name] = names.as_slice() else {
        panic!("not one run: {names:?}");
    };
    name.clone()
}
