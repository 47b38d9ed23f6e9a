//! Looks for planted secrets where they must not be: in bytes, in files, in the list of processes.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::path::PathBuf;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering;
use std::thread;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use base64::engine::general_purpose::URL_SAFE;

/// Between two looks at all processes; a command of a node takes several times as long.
const PAUSE: Duration = Duration::from_millis(5);

/// Secrets in every form in which they could get away.
#[derive(Default)]
pub struct Needles(Vec<(String, String)>);

impl Needles {
    /// One secret, as bytes and as the text in which it is typed or written.
    #[must_use]
    pub fn of(name: &str, raw: &[u8], text: &str) -> Self {
        let hex = |bytes: &[u8]| {
            let digits = bytes.iter().map(|byte| format!("{byte:02x}"));
            digits.collect::<Vec<String>>().concat()
        };
        let forms = [
            ("raw", raw.to_vec()),
            ("text", text.as_bytes().to_vec()),
            ("hex", hex(raw).into_bytes()),
            ("HEX", hex(raw).to_uppercase().into_bytes()),
            ("url-safe", URL_SAFE.encode(raw).into_bytes()),
            ("base64 of the text", STANDARD.encode(text).into_bytes()),
            ("hex of the text", hex(text.as_bytes()).into_bytes()),
            // A log may cut a line; half a secret is still too much.
            ("first half", text.as_bytes()[..text.len() / 2].to_vec()),
            ("second half", text.as_bytes()[text.len() / 2..].to_vec()),
        ];
        Self(
            forms
                .map(|(form, bytes)| (format!("{name}, {form}"), letters(&bytes)))
                .to_vec(),
        )
    }

    /// These and the others.
    #[must_use]
    pub fn and(mut self, others: Self) -> Self {
        self.0.extend(others.0);
        self
    }

    /// The form in which a secret is in `hay`.
    #[must_use]
    pub fn found(&self, hay: &[u8]) -> Option<&str> {
        let hay = letters(hay);
        let found = self.0.iter().find(|(_, needle)| hay.contains(needle));
        found.map(|(form, _)| form.as_str())
    }

    /// # Panics
    ///
    /// A secret is in `hay`, which is told as `place`.
    #[track_caller]
    pub fn assert_not_in(&self, place: &str, hay: &[u8]) {
        assert_eq!(self.found(hay), None, "in {place}");
    }
}

/// A letter for each byte: text is searched much faster than bytes.
fn letters(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| char::from(*byte)).collect()
}

/// Every regular file below `root`.
///
/// # Panics
///
/// A directory cannot be read.
#[must_use]
pub fn files(root: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    let mut open = vec![root.to_owned()];
    while let Some(directory) = open.pop() {
        let entries = fs::read_dir(&directory)
            .unwrap_or_else(|error| panic!("{}: {error}", directory.display()));
        for entry in entries.flatten() {
            let Ok(kind) = entry.file_type() else {
                continue;
            };
            if kind.is_dir() {
                open.push(entry.path());
            } else if kind.is_file() {
                files.push(entry.path());
            }
        }
    }
    files
}

/// What was seen of the command lines and environments of all processes.
#[derive(Default)]
pub struct Seen {
    /// Command lines and environments that were read.
    pub looks: usize,
    /// Each with the secret's form and the process.
    pub secrets: BTreeSet<String>,
    /// Those of the marks that were there, as `MARK in cmdline`.
    pub marks: BTreeSet<String>,
}

/// Looks at all processes until told to stop; `marks` are no secrets, and show that the looks see.
#[must_use]
pub fn watch_processes(needles: &Needles, marks: &[&str], stop: &AtomicBool) -> Seen {
    let mut seen = Seen::default();
    while !stop.load(Ordering::Relaxed) {
        for entry in fs::read_dir("/proc").into_iter().flatten().flatten() {
            for file in ["cmdline", "environ"] {
                // Most of /proc is no process, and processes end while they are looked at.
                let Ok(text) = fs::read(entry.path().join(file)) else {
                    continue;
                };
                seen.looks += 1;
                if let Some(form) = needles.found(&text) {
                    let name = fs::read_to_string(entry.path().join("comm")).unwrap_or_default();
                    seen.secrets.insert(format!("{form} in {file} of {name}"));
                }
                let text = letters(&text);
                let there = marks.iter().filter(|mark| text.contains(**mark));
                seen.marks
                    .extend(there.map(|mark| format!("{mark} in {file}")));
            }
        }
        thread::sleep(PAUSE);
    }
    seen
}
