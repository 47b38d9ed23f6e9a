//! Files of host keys, read the way OpenSSH reads them.
//!
//! A line is `[@marker] NAMES TYPE KEY [COMMENT]`. Every line that names the
//! host is collected before the verdict, because a revocation further down wins
//! over a good line (rust-stack.md 4.3).

use std::collections::HashMap;
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
    /// Where the lines of a plain name stand: thousands of nodes must not each read thousands of lines.
    named: HashMap<Vec<u8>, Vec<usize>>,
    /// Where the lines stand that only a comparison can tell about: patterns and hashed names.
    others: Vec<usize>,
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
        let mut known = Self::default();
        known.extend(entries);
        known
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
                Ok(bytes) => all.extend(Self::parse(file, &bytes).entries),
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

    /// These records and `others`.
    #[must_use]
    pub fn with(&self, others: Self) -> Self {
        let mut all = self.clone();
        all.extend(others.entries);
        all
    }

    fn extend(&mut self, entries: impl IntoIterator<Item = Entry>) {
        for entry in entries {
            let place = self.entries.len();
            match entry.names.plain() {
                Some(names) => {
                    for name in names {
                        self.named.entry(name.clone()).or_default().push(place);
                    }
                }
                None => self.others.push(place),
            }
            self.entries.push(entry);
        }
    }

    /// Judges `key` of `host`.
    ///
    /// On another port than 22, a line without port counts when no line with
    /// the port is there, and then only in favour of the key.
    pub fn verdict(&self, host: &str, port: u16, key: &HostKey) -> Verdict {
        if let Some(record) = self.revocation(host, port, key) {
            return Verdict::Revoked(record);
        }
        let [exact, portless] = names_of(host, port);
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

    /// The line that revokes `key` for `host`, a host's own key or an authority's.
    pub(super) fn revocation(&self, host: &str, port: u16, key: &HostKey) -> Option<Record> {
        self.marked(Marker::Revoked, host, port)
            .find(|entry| entry.key == *key)
            .map(|entry| entry.record.clone())
    }

    /// The line that makes `key` an authority for `host`.
    pub(super) fn authority(&self, host: &str, port: u16, key: &HostKey) -> Option<Record> {
        self.marked(Marker::Authority, host, port)
            .find(|entry| entry.key == *key)
            .map(|entry| entry.record.clone())
    }

    /// True when an authority may vouch for `host`, so that certificates are worth asking for.
    pub fn has_authority(&self, host: &str, port: u16) -> bool {
        self.marked(Marker::Authority, host, port).next().is_some()
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

    /// True when any line names `host` with its port, or any marked line without it.
    pub fn mentions(&self, host: &str, port: u16) -> bool {
        let [exact, portless] = names_of(host, port);
        let mut marked = self.matching(&[portless]);
        self.matching(&[exact]).next().is_some()
            || marked.any(|entry| entry.marker != Marker::Plain)
    }

    fn marked(&self, marker: Marker, host: &str, port: u16) -> impl Iterator<Item = &Entry> {
        let names = names_of(host, port);
        let found = self.matching(&names);
        found.filter(move |entry| entry.marker == marker)
    }

    fn plain(&self, name: &str) -> impl Iterator<Item = &Entry> {
        self.matching(&[name.to_owned()])
            .filter(|entry| entry.marker == Marker::Plain)
    }

    /// The lines that name one of `names`, in the order in which they were read.
    fn matching(&self, names: &[String]) -> impl Iterator<Item = &Entry> + use<'_> {
        let mut places: Vec<usize> = names
            .iter()
            .filter_map(|name| self.named.get(name.as_bytes()))
            .flatten()
            .copied()
            .collect();
        let others = self.others.iter().copied();
        places.extend(others.filter(|place| {
            let line = &self.entries[*place].names;
            names.iter().any(|name| line.cover(name))
        }));
        places.sort_unstable();
        places.dedup();
        places.into_iter().map(|place| &self.entries[place])
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

    /// The names themselves, where they are neither hashed nor patterns.
    fn plain(&self) -> Option<&[Vec<u8>]> {
        let is_plain = |name: &Vec<u8>| !name.iter().any(|byte| matches!(byte, b'*' | b'?' | b'!'));
        match self {
            Self::Patterns(names) if names.iter().all(is_plain) => Some(names),
            Self::Patterns(_) | Self::Hashed { .. } => None,
        }
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
pub(super) fn matches(pattern: &[u8], name: &[u8]) -> bool {
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

#[cfg(test)]
mod tests {
    use super::*;

    const OURS: &str =
        "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJdD7y3aLq454yWBdwLWbieU1ebz9/cu7/QEXn9OIeZJ";
    const THEIRS: &str =
        "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIA6rWI3G1sz07DnfFlrouTcysQlj2P+jpNSOEWD9OJ3X";
    const ECDSA: &str = "ecdsa-sha2-nistp256 AAAAE2VjZHNhLXNoYTItbmlzdHAyNTYAAAAIbmlzdHAyNTYAAABBBHwf2HMM5TRXvo2SQJjsNkiDD5KqiiNjrGVv3UUh+mMT5RHxiRtOnlqvjhQtBq0VpmpCV/PwUdhOig4vkbqAcEc=";

    fn key(line: &str) -> HostKey {
        HostKey::from_base64(line.split(' ').nth(1).unwrap().as_bytes()).unwrap()
    }

    fn known(text: &[u8]) -> KnownHosts {
        KnownHosts::parse(Path::new("known_hosts"), text)
    }

    /// What `text` says of our key for `cp-1:22`.
    fn judge(text: &str) -> Verdict {
        known(text.as_bytes()).verdict("cp-1", 22, &key(OURS))
    }

    /// What `text` says of our key for `cp-1:2222`.
    fn judge_2222(text: &str) -> Verdict {
        known(text.as_bytes()).verdict("cp-1", 2222, &key(OURS))
    }

    fn line(line: usize) -> Record {
        Record {
            file: "known_hosts".into(),
            line,
        }
    }

    #[test]
    fn plain_bracketed_and_listed_names_are_known() {
        assert_eq!(judge(&format!("cp-1 {OURS}\n")), Verdict::Known);
        assert_eq!(judge_2222(&format!("[cp-1]:2222 {OURS}\n")), Verdict::Known);
        assert_eq!(
            judge(&format!("other,cp-1,10.0.0.1 {OURS}\n")),
            Verdict::Known
        );
    }

    #[test]
    fn a_hashed_name_is_known() {
        let salt = STANDARD.encode([7; 20]);
        let mac = Hmac::<Sha1>::new_from_slice(&[7; 20]).unwrap();
        let digest = STANDARD.encode(mac.chain_update("[cp-1]:2222").finalize().into_bytes());
        let text = format!("|1|{salt}|{digest} {OURS}\n");

        assert_eq!(judge_2222(&text), Verdict::Known);
        assert_eq!(judge(&text), Verdict::Unknown);
    }

    #[test]
    fn carriage_returns_and_a_missing_final_newline_do_no_harm() {
        assert_eq!(judge(&format!("cp-1 {OURS}\r\n")), Verdict::Known);
        assert_eq!(
            judge(&format!("cp-1 {OURS}\r\nother {THEIRS}")),
            Verdict::Known
        );
        assert_eq!(
            judge(&format!("other {THEIRS}\ncp-1 {OURS}")),
            Verdict::Known
        );
    }

    #[test]
    fn revoked_wins_over_a_good_line() {
        let good = format!("cp-1 {OURS}\n");
        assert_eq!(
            judge(&format!("{good}@revoked cp-1 {OURS}\n")),
            Verdict::Revoked(line(2))
        );
        assert_eq!(
            judge(&format!("@revoked * {OURS}\n{good}")),
            Verdict::Revoked(line(1))
        );
    }

    #[test]
    fn a_key_that_is_only_revoked_is_not_unknown() {
        assert_eq!(
            judge(&format!("@revoked cp-1 {OURS}\n")),
            Verdict::Revoked(line(1))
        );
        assert_eq!(
            judge_2222(&format!("@revoked cp-1 {OURS}\n")),
            Verdict::Revoked(line(1))
        );
        assert_eq!(
            judge(&format!("@revoked cp-1 {THEIRS}\n")),
            Verdict::Unknown
        );
    }

    #[test]
    fn the_key_of_an_authority_is_no_hosts_key() {
        let text = format!("@cert-authority cp-1 {OURS}\n");

        assert_eq!(judge(&text), Verdict::Unknown);
        for port in [22, 2222] {
            assert!(known(text.as_bytes()).mentions("cp-1", port), "{port}");
        }
        assert!(known(text.as_bytes()).algorithms("cp-1", 22).is_empty());
    }

    #[test]
    fn wildcards_tabs_leading_blanks_and_upper_case_are_known() {
        for names in ["cp-*", "cp-?", "*", "CP-1", "*1", "c*p*-*1"] {
            assert_eq!(judge(&format!("{names} {OURS}")), Verdict::Known, "{names}");
        }
        for names in ["cp", "cp-??", "p-1", "cp-1?", "?cp-1"] {
            assert_eq!(
                judge(&format!("{names} {OURS}")),
                Verdict::Unknown,
                "{names}"
            );
        }
        assert_eq!(
            judge(&format!(" \tcp-1\t{}", OURS.replace(' ', "\t"))),
            Verdict::Known
        );
        let upper = known(format!("cp-1 {OURS}").as_bytes());
        assert_eq!(upper.verdict("CP-1", 22, &key(OURS)), Verdict::Known);
    }

    #[test]
    fn a_negated_pattern_takes_a_host_out_of_its_line() {
        assert_eq!(judge(&format!("cp-*,!cp-1 {OURS}")), Verdict::Unknown);
        assert_eq!(judge(&format!("!cp-1,cp-* {OURS}")), Verdict::Unknown);
        assert_eq!(judge(&format!("!cp-2,cp-* {OURS}")), Verdict::Known);
        assert_eq!(judge(&format!("!cp-2 {OURS}")), Verdict::Unknown);
    }

    #[test]
    fn one_of_two_keys_of_a_type_is_enough() {
        assert_eq!(
            judge(&format!("cp-1 {THEIRS}\ncp-1 {OURS}\n")),
            Verdict::Known
        );
    }

    #[test]
    fn double_blanks_bad_lines_and_odd_bytes_do_not_hide_a_good_line() {
        assert_eq!(
            judge(&format!("cp-1  {}", OURS.replace(' ', "  "))),
            Verdict::Known
        );
        let bad =
            "cp-1 ssh-ed25519 !!!\ncp-1\n\n@unknown cp-1 x y\n|1|bad cp-1\ncp-1 ssh-rsa AAAA\n";
        assert_eq!(judge(&format!("{bad}cp-1 {OURS}")), Verdict::Known);
        let odd = [b"cp-1 ", OURS.as_bytes(), b" caf\xe9\n"].concat();
        assert_eq!(known(&odd).verdict("cp-1", 22, &key(OURS)), Verdict::Known);
    }

    #[test]
    fn a_line_whose_type_is_not_its_keys_counts_for_nothing() {
        let lying = OURS.replace("ssh-ed25519 ", "ssh-rsa ");

        assert_eq!(judge(&format!("cp-1 {lying}")), Verdict::Unknown);
    }

    #[test]
    fn a_key_of_another_type_is_not_unknown() {
        assert_eq!(
            judge(&format!("# hosts\ncp-1 {ECDSA}\n")),
            Verdict::OtherAlgorithm {
                record: line(2),
                recorded: "ecdsa-sha2-nistp256".to_owned()
            }
        );
    }

    #[test]
    fn comments_and_empty_lines_are_counted() {
        let text = format!("# one\n\n  # three\ncp-1 {THEIRS}\n");

        assert_eq!(judge(&text), Verdict::Changed(line(4)));
    }

    #[test]
    fn a_line_without_port_speaks_for_a_port_but_never_against_it() {
        assert_eq!(judge_2222(&format!("cp-1 {OURS}")), Verdict::Known);
        assert_eq!(judge_2222(&format!("cp-1 {THEIRS}")), Verdict::Unknown);
        assert_eq!(judge_2222(&format!("cp-1 {ECDSA}")), Verdict::Unknown);
        assert_eq!(
            judge_2222(&format!("cp-1 {OURS}\n[cp-1]:2222 {THEIRS}")),
            Verdict::Changed(line(2))
        );
        assert_eq!(judge(&format!("[cp-1]:2222 {OURS}")), Verdict::Unknown);
    }

    #[test]
    fn recorded_types_come_in_order_and_once() {
        let text = format!("cp-1 {ECDSA}\ncp-1 {OURS}\ncp-1 {THEIRS}\n");

        assert_eq!(
            known(text.as_bytes()).algorithms("cp-1", 22),
            ["ecdsa-sha2-nistp256", "ssh-ed25519"]
        );
    }

    #[test]
    fn several_files_are_one_record_and_a_missing_one_is_empty() {
        let directory = tempfile::tempdir().unwrap();
        let files = ["a", "b", "missing"].map(|name| directory.path().join(name));
        fs::write(&files[0], format!("cp-2 {THEIRS}\n")).unwrap();
        fs::write(&files[1], format!("cp-1 {THEIRS}\n")).unwrap();

        let known = KnownHosts::read(&files).unwrap();

        assert_eq!(
            known.verdict("cp-1", 22, &key(OURS)),
            Verdict::Changed(Record {
                file: files[1].clone(),
                line: 1
            })
        );
        let error = KnownHosts::read(&[directory.path().to_owned()]).unwrap_err();
        assert!(matches!(error, SshError::KnownHosts { .. }), "{error:?}");
    }

    #[test]
    fn a_hostile_pattern_is_judged_quickly() {
        let pattern = "*a".repeat(2000);
        let name = "a".repeat(1999) + "b";

        assert!(!matches(pattern.as_bytes(), name.as_bytes()));
    }
}
