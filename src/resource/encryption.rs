//! The file that holds the key by which Secrets are encrypted in etcd.
//!
//! It is a kind of its own because a key is per cluster and never replaced
//! (T-10, T-11): a node alone cannot say what is right.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;

use crate::facts;
use crate::facts::Observed;
use crate::facts::layout::Layout;
use crate::facts::question::Question;
use crate::node::request::digest;
use crate::resource::Evidence;
use crate::resource::Remedy;
use crate::resource::Scene;
use crate::resource::Seen;
use crate::resource::file::Mode;
use crate::resource::file::Readers;
use crate::resource::file::attributes_evidence;
use crate::resource::file::mended_in_place;
use crate::resource::file::root_only;
use crate::resource::file::stale;
use crate::yaml;
use crate::yaml::Value;

/// SHA-256 of the text of keys that stand in public documents (T-19).
const SAMPLE_KEYS: [&str; 2] = [
    "f5cbec47c9473dafc35ffe7e797680984e1741604a38d9739672907839465ef6",
    "899b53a429f77acdb3cc2199074a4bff5ec4c37913c75bdc63e30215df7d5c59",
];

/// The encryption provider configuration on every control-plane node (guide 1.1.2).
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Encryption {
    pub path: String,
    pub mode: Mode,
    /// Names the template; it is rendered with `encryption_key` when a key must be made.
    pub template: String,
    #[serde(skip)]
    pub content: String,
    #[serde(default)]
    pub read_by: Readers,
}

/// Stands for the key in the rendered template; a key of zeros is never made.
pub const NO_KEY: &str = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";

/// What one control-plane node holds.
#[derive(Clone, Debug, PartialEq)]
pub enum KeyFile {
    Absent,
    /// Nothing but blanks; no key is lost when it is replaced.
    Blank,
    Valid {
        bytes: facts::Content,
        /// A digest of the parsed configuration, by which two files are the same.
        identity: String,
        sample: bool,
    },
    Invalid {
        why: String,
    },
    Unread {
        why: String,
    },
}

impl Encryption {
    pub(super) fn questions(&self, layout: &Layout) -> Vec<Question> {
        let path = layout.host_path(&self.path);
        vec![
            Question::Content(path.clone()),
            Question::Room(path),
            Question::Container("kube-apiserver".to_owned()),
        ]
    }

    /// Says of the content only whether it is right: evidence of a secret is its form and its owner.
    pub(super) fn compare(&self, scene: &Scene<'_>) -> Vec<Evidence> {
        let path = scene.layout.host_path(&self.path);
        let wanted = "aescbc with a 32-byte key for secrets, identity last";
        let seen = match self.key_file(scene) {
            KeyFile::Absent => Seen::Unmet("missing".to_owned()),
            KeyFile::Blank => Seen::Unmet("empty".to_owned()),
            KeyFile::Valid { sample: true, .. } => {
                Seen::Unmet("a sample key that stands in public documents".to_owned())
            }
            KeyFile::Valid { .. } => Seen::Met("so [redacted]".to_owned()),
            KeyFile::Invalid { why } => Seen::Unmet(why),
            KeyFile::Unread { why } => Seen::Unread(why),
        };
        let mut evidence = vec![Evidence::new(&path, wanted, seen)];
        if let Observed::Present(file) = scene.facts.file(&path) {
            evidence.push(attributes_evidence(&path, self.mode, file));
            evidence.extend(stale(&self.read_by, &path, file, scene.facts));
        }
        evidence
    }

    pub(super) fn remedies(&self, scene: &Scene<'_>) -> Vec<Remedy> {
        let path = scene.layout.host_path(&self.path);
        if matches!(self.key_file(scene), KeyFile::Absent | KeyFile::Blank) {
            return vec![Remedy::EncryptionFile];
        }
        match scene.facts.file(&path) {
            Observed::Present(file) => {
                mended_in_place(root_only(&path, self.mode), &self.read_by, file, scene)
            }
            Observed::Absent | Observed::Unread { .. } => Vec::new(),
        }
    }

    /// The file with `key`, which is 32 bytes in base64.
    pub fn with_key(&self, key: &str) -> String {
        self.content.replace(NO_KEY, key)
    }

    /// What the node of this scene holds.
    pub fn key_file(&self, scene: &Scene<'_>) -> KeyFile {
        let path = scene.layout.host_path(&self.path);
        match scene.facts.file(&path) {
            Observed::Absent => KeyFile::Absent,
            Observed::Unread { why } => KeyFile::Unread { why },
            Observed::Present(file) => match &file.content {
                Some(content) => read(content),
                None => KeyFile::Invalid {
                    why: "not a regular file".to_owned(),
                },
            },
        }
    }
}

fn read(content: &facts::Content) -> KeyFile {
    let Some(text) = content.text() else {
        return KeyFile::Invalid {
            why: "not text".to_owned(),
        };
    };
    if text.trim().is_empty() {
        return KeyFile::Blank;
    }
    // No message of the YAML reader here: it may quote the text.
    let Ok(mut documents) = yaml::documents("encryption", text) else {
        return KeyFile::Invalid {
            why: "no YAML".to_owned(),
        };
    };
    let value = documents.drain(..).next().unwrap_or(Value::Null);
    match keys(&value).and_then(|keys| ends_with_identity(&value).map(|()| keys)) {
        Err(why) => KeyFile::Invalid { why },
        Ok(keys) => KeyFile::Valid {
            bytes: content.clone(),
            identity: digest(format!("{value:?}").as_bytes()),
            sample: keys
                .iter()
                .any(|key| SAMPLE_KEYS.contains(&digest(key.as_bytes()).as_str())),
        },
    }
}

/// Whether a configuration encrypts Secrets with aescbc, or why not; never quotes it.
pub(super) fn encrypts(content: &facts::Content) -> Result<(), String> {
    let documents = content
        .text()
        .and_then(|text| yaml::documents("encryption", text).ok());
    match documents.as_deref() {
        Some([first, ..]) => keys(first).map(|_| ()),
        Some([]) => Err("empty".to_owned()),
        None => Err("no YAML".to_owned()),
    }
}

/// The providers for Secrets.
fn providers(value: &Value) -> Result<&[Value], String> {
    let covers_secrets = |entry: &&Value| {
        let mut names = list(entry.at(&["resources"])).iter();
        names.any(|name| name.text() == Some("secrets"))
    };
    let mut entries = list(value.at(&["resources"])).iter();
    let entry = entries
        .find(covers_secrets)
        .ok_or("it does not cover secrets")?;
    Ok(list(entry.at(&["providers"])))
}

/// Without it, what was written before encryption is unreadable (T-13).
fn ends_with_identity(value: &Value) -> Result<(), String> {
    let last = providers(value)?.last();
    match last.and_then(|last| last.at(&["identity"])) {
        Some(_) => Ok(()),
        None => Err("identity is not its last provider".to_owned()),
    }
}

/// The keys of a configuration that encrypts secrets, or what is wrong with it (T-15, T-17).
fn keys(value: &Value) -> Result<Vec<&str>, String> {
    match value.at(&["kind"]).and_then(Value::text) {
        Some("EncryptionConfig") => {}
        _ => return Err("its kind is not EncryptionConfig".to_owned()),
    }
    let first = providers(value)?.first().ok_or("it has no provider")?;
    let aescbc = first
        .at(&["aescbc"])
        .ok_or("its first provider is not aescbc")?;
    let mut keys = Vec::new();
    for key in list(aescbc.at(&["keys"])) {
        let secret = key
            .at(&["secret"])
            .and_then(Value::text)
            .ok_or("a key has no secret")?;
        match STANDARD.decode(secret) {
            Ok(bytes) if bytes.len() == 32 => keys.push(secret),
            _ => return Err("a key is not 32 bytes in base64".to_owned()),
        }
    }
    if keys.is_empty() {
        return Err("aescbc has no key".to_owned());
    }
    Ok(keys)
}

fn list(value: Option<&Value>) -> &[Value] {
    match value {
        Some(Value::List(items)) => items,
        _ => &[],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "apiVersion: v1\nkind: EncryptionConfig\nresources:\n- resources: [secrets]\n  providers:\n  - aescbc:\n      keys:\n      - name: key1\n        secret: AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\n  - identity: {}\n";

    fn of(text: &str) -> KeyFile {
        read(&facts::Content::new(text.into()))
    }

    fn why(text: &str) -> String {
        match of(text) {
            KeyFile::Invalid { why } => why,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn the_guides_file_is_valid_and_layout_does_not_matter() {
        let identity = |text: &str| match of(text) {
            KeyFile::Valid {
                identity, sample, ..
            } => (identity, sample),
            other => panic!("{other:?}"),
        };

        assert_eq!(identity(GOOD), identity(&format!("# ours\n{GOOD}")));
        assert_ne!(identity(GOOD), identity(&GOOD.replace("key1", "key2")));
        assert!(!identity(GOOD).1);
    }

    #[test]
    fn what_does_not_encrypt_is_named() {
        assert_eq!(
            why(&GOOD.replace("secrets", "configmaps")),
            "it does not cover secrets"
        );
        assert_eq!(
            why(&GOOD.replace("Hh8=", "")),
            "a key is not 32 bytes in base64"
        );
        assert_eq!(
            why(&GOOD.replace("  - identity: {}\n", "")),
            "identity is not its last provider"
        );
        assert_eq!(why("resources: [\n"), "no YAML");
        assert_eq!(of("\n"), KeyFile::Blank);
    }

    #[test]
    fn a_mistake_in_the_file_never_quotes_it() {
        let why = why(&GOOD.replace("secret: AAEC", "secret: [AAEC"));

        assert!(!why.contains("AAEC"), "{why}");
    }
}
