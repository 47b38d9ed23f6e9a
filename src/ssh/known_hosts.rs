//! Files of host keys, read the way OpenSSH reads them.
//!
//! A line is `[@marker] NAMES TYPE KEY [COMMENT]`. Every line that names the
//! host is collected before the verdict, because a revocation further down wins
//! over a good line (rust-stack.md 4.3).

use std::fmt;
use std::fs;
use std::io;
use std::path::Path;
use std::path::PathBuf;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::Hmac;
use hmac::Mac;
use sha1::Sha1;

use crate::ssh::SshError;
use crate::ssh::host_key::HostKey;

/// What is on record about hosts, from one or more files.
#[derive(Clone, Debug, Default)]
pub struct KnownHosts {
    entries: Vec<Entry>,
}

/// A line in a file of host keys.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Record {
    pub file: PathBuf,
    /// Counted from 1.
    pub line: usize,
}

/// What the record says of one key of one host.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Verdict {
    Known,
    /// No key is on record for the host.
    Unknown,
    /// Another key of the same type is on record.
    Changed(Record),
    /// Only keys of other types are on record; `recorded` is the first one's type.
    OtherAlgorithm {
        record: Record,
        recorded: String,
    },
    Revoked(Record),
}

#[derive(Clone, Debug)]
struct Entry {
    marker: Marker,
    names: Names,
    key: HostKey,
    record: Record,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Marker {
    Plain,
    /// `@cert-authority`: the key signs certificates and is no host's own key.
    Authority,
    Revoked,
}

#[derive(Clone, Debug)]
enum Names {
    /// Patterns in lower case.
    Patterns(Vec<Vec<u8>>),
    /// `|1|SALT|DIGEST`.
    Hashed { salt: Vec<u8>, digest: Vec<u8> },
}

impl KnownHosts {
    /// Reads one file's text. Lines that are no records are passed over, as OpenSSH does.
    pub fn parse(file: &Path, bytes: &[u8]) -> Self {
        let lines = bytes.split(|&byte| byte == b'\n').enumerate();
        let entries = lines.filter_map(|(index, line)| {
            let record = Record {
                file: file.to_owned(),
                line: index + 1,
            };
            Entry::parse(line, record)
        });
        Self {
            entries: entries.collect(),
        }
    }

    /// Reads `files` one after the other; a missing file is an empty one.
    ///
    /// # Errors
    ///
    /// [`SshError::KnownHosts`] for a file that is there and cannot be read.
    pub fn read(files: &[PathBuf]) -> Result<Self, SshError> {
        let mut all = Self::default();
        for file in files {
            match fs::read(file) {
                Ok(bytes) => all.entries.extend(Self::parse(file, &bytes).entries),
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => {
                    return Err(SshError::KnownHosts {
                        file: file.clone(),
                        reason: error.to_string(),
                    });
                }
            }
        }
        Ok(all)
    }

    /// Judges `key` of `host`.
    ///
    /// On another port than 22, a line without port counts when no line with
    /// the port is there, and then only in favour of the key.
    pub fn verdict(&self, host: &str, port: u16, key: &HostKey) -> Verdict {
        let [exact, portless] = names_of(host, port);
        if let Some(entry) = self
            .matching(&exact)
            .chain(self.matching(&portless))
            .find(|entry| entry.marker == Marker::Revoked && entry.key == *key)
        {
            return Verdict::Revoked(entry.record.clone());
        }
        let on_record: Vec<&Entry> = self.plain(&exact).collect();
        let same_key = |entry: &&Entry| entry.key == *key;
        if on_record.iter().any(same_key) {
            return Verdict::Known;
        }
        let same_type = |entry: &&&Entry| entry.key.algorithm() == key.algorithm();
        match (on_record.iter().find(same_type), on_record.first()) {
            (Some(entry), _) => Verdict::Changed(entry.record.clone()),
            (None, Some(entry)) => Verdict::OtherAlgorithm {
                record: entry.record.clone(),
                recorded: entry.key.algorithm().to_owned(),
            },
            (None, None) if self.plain(&portless).any(|entry| entry.key == *key) => Verdict::Known,
            (None, None) => Verdict::Unknown,
        }
    }

    /// Types of the keys on record for `host`, in order, so that the handshake can ask for them first.
    pub fn algorithms(&self, host: &str, port: u16) -> Vec<String> {
        let [exact, portless] = names_of(host, port);
        let mut types: Vec<String> = Vec::new();
        for entry in self.plain(&exact).chain(self.plain(&portless)) {
            if !types.iter().any(|known| known == entry.key.algorithm()) {
                types.push(entry.key.algorithm().to_owned());
            }
        }
        types
    }

    /// True when any line, of whatever marker, names `host` with its port.
    pub fn mentions(&self, host: &str, port: u16) -> bool {
        let [exact, _] = names_of(host, port);
        self.matching(&exact).next().is_some()
    }

    fn plain(&self, name: &str) -> impl Iterator<Item = &Entry> {
        self.matching(name)
            .filter(|entry| entry.marker == Marker::Plain)
    }

    fn matching(&self, name: &str) -> impl Iterator<Item = &Entry> {
        self.entries
            .iter()
            .filter(move |entry| entry.names.cover(name))
    }
}

/// `[HOST]:PORT` and the bare host, both lower case; the same name twice for port 22.
fn names_of(host: &str, port: u16) -> [String; 2] {
    let host = host.to_ascii_lowercase();
    [host_name(&host, port), host]
}

/// The name that files have for `host` at `port`.
pub(super) fn host_name(host: &str, port: u16) -> String {
    match port {
        22 => host.to_ascii_lowercase(),
        port => format!("[{}]:{port}", host.to_ascii_lowercase()),
    }
}

impl Entry {
    fn parse(line: &[u8], record: Record) -> Option<Self> {
        let mut fields = line
            .split(|byte| matches!(byte, b' ' | b'\t' | b'\r'))
            .filter(|field| !field.is_empty())
            .peekable();
        let marker = match *fields.peek()? {
            b"@revoked" => Marker::Revoked,
            b"@cert-authority" => Marker::Authority,
            [b'@' | b'#', ..] => return None,
            _ => Marker::Plain,
        };
        if marker != Marker::Plain {
            fields.next();
        }
        let names = Names::parse(fields.next()?)?;
        let algorithm = fields.next()?;
        let key = HostKey::from_base64(fields.next()?)?;
        (key.algorithm().as_bytes() == algorithm).then_some(Self {
            marker,
            names,
            key,
            record,
        })
    }
}

impl Names {
    fn parse(field: &[u8]) -> Option<Self> {
        let Some(hashed) = field.strip_prefix(b"|1|") else {
            let patterns = field.split(|&byte| byte == b',');
            return Some(Self::Patterns(
                patterns.map(<[u8]>::to_ascii_lowercase).collect(),
            ));
        };
        let bar = hashed.iter().position(|&byte| byte == b'|')?;
        Some(Self::Hashed {
            salt: STANDARD.decode(&hashed[..bar]).ok()?,
            digest: STANDARD.decode(&hashed[bar + 1..]).ok()?,
        })
    }

    /// True when a pattern covers `name` and no `!pattern` does.
    fn cover(&self, name: &str) -> bool {
        match self {
            Self::Hashed { salt, digest } => Hmac::<Sha1>::new_from_slice(salt)
                .is_ok_and(|mac| mac.chain_update(name).verify_slice(digest).is_ok()),
            Self::Patterns(patterns) => {
                let (not, yes): (Vec<_>, Vec<_>) = patterns
                    .iter()
                    .partition(|pattern| pattern.first() == Some(&b'!'));
                yes.iter().any(|pattern| matches(pattern, name.as_bytes()))
                    && !not
                        .iter()
                        .any(|pattern| matches(&pattern[1..], name.as_bytes()))
            }
        }
    }
}

/// `*` stands for any run of characters, `?` for one.
///
/// Only the last `*` is ever tried again, so a hostile pattern costs no more
/// than its length times the name's.
fn matches(pattern: &[u8], name: &[u8]) -> bool {
    let (mut at, mut read) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while read < name.len() {
        match pattern.get(at) {
            Some(b'*') => {
                star = Some((at, read));
                at += 1;
            }
            Some(&byte) if byte == b'?' || byte == name[read] => {
                at += 1;
                read += 1;
            }
            _ => {
                let Some((back, taken)) = star else {
                    return false;
                };
                star = Some((back, taken + 1));
                (at, read) = (back + 1, taken + 1);
            }
        }
    }
    pattern[at..].iter().all(|&byte| byte == b'*')
}

impl fmt::Display for Record {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {} of {}", self.line, self.file.display())
    }
}
