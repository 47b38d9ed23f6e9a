//! The keys of an encryption file in their order: the first encrypts, all of them decrypt.

use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use zeroize::Zeroizing;

use crate::facts;
use crate::node::request::digest;
use crate::resource::encryption::ends_with_identity;
use crate::resource::encryption::keys;
use crate::resource::encryption::list;
use crate::resource::encryption::providers;
use crate::secret::Secret;
use crate::yaml;
use crate::yaml::Value;

/// SHA-256 of the text of keys that stand in public documents (T-19).
const SAMPLE_KEYS: [&str; 2] = [
    "f5cbec47c9473dafc35ffe7e797680984e1741604a38d9739672907839465ef6",
    "899b53a429f77acdb3cc2199074a4bff5ec4c37913c75bdc63e30215df7d5c59",
];

/// What the names of keys begin with that are made here; a number follows.
const NAME: &str = "key";

/// A key and the name by which etcd's values mention it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Key {
    pub name: String,
    /// 32 bytes in base64 (T-17).
    pub secret: Secret,
}

/// All keys of one file that holds nothing but `aescbc` for Secrets, then `identity`.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct KeyRing {
    pub keys: Vec<Key>,
    version: String,
}

impl KeyRing {
    /// Reads an encryption file; what harden could not write back is refused.
    ///
    /// # Errors
    ///
    /// Why it cannot be rotated; never quotes it.
    pub fn read(content: &facts::Content) -> Result<Self, String> {
        let text = content.text().ok_or("it is not text")?;
        // No message of the YAML reader here: it may quote the text.
        let documents = yaml::documents("encryption", text).map_err(|_| "it is no YAML")?;
        let [value] = documents.as_slice() else {
            return Err("it is not one document".to_owned());
        };
        keys(value)?;
        ends_with_identity(value)?;
        is_plain(value)?;
        let version = value.at(&["apiVersion"]).and_then(Value::text);
        let ring = Self {
            keys: named(value)?,
            version: version.unwrap_or("v1").to_owned(),
        };
        if ring.has_repetition() {
            return Err("two of its keys have one name".to_owned());
        }
        Ok(ring)
    }

    /// The key that encrypts.
    pub fn first(&self) -> Option<&Key> {
        self.keys.first()
    }

    /// The same file with these keys.
    #[must_use]
    pub fn with(&self, keys: Vec<Key>) -> Self {
        let version = self.version.clone();
        Self { keys, version }
    }

    /// The text of the file.
    pub fn rendered(&self) -> Secret {
        let mut text = Zeroizing::new(format!(
            "apiVersion: {}\nkind: EncryptionConfig\nresources:\n  - resources:\n    - secrets\n    \
             providers:\n    - aescbc:\n        keys:\n",
            self.version
        ));
        for key in &self.keys {
            let secret = String::from_utf8_lossy(key.secret.expose());
            let name = &key.name;
            let _ = writeln!(text, "        - name: {name}\n          secret: {secret}");
        }
        text.push_str("    - identity: {}\n");
        Secret::new(text.as_bytes().to_vec())
    }

    fn has_repetition(&self) -> bool {
        let names = self.keys.iter().enumerate();
        let mut names = names.map(|(index, key)| (&key.name, &self.keys[..index]));
        names.any(|(name, before)| before.iter().any(|key| key.name == *name))
    }
}

impl Key {
    /// The key that comes after all of `known`.
    pub fn after(known: &[Key], secret: Secret) -> Self {
        let last = known.iter().map(Self::generation).max().unwrap_or_default();
        let name = format!("{NAME}{}", last + 1);
        Self { name, secret }
    }

    /// Which of two keys is the newer; 0 for a name that was given by somebody else.
    pub fn generation(&self) -> u32 {
        let number = self.name.strip_prefix(NAME);
        number.and_then(|text| text.parse().ok()).unwrap_or(0)
    }
}

/// Checks a key from outside: base64 of 32 bytes that stand in no public document (T-17, T-19).
///
/// # Errors
///
/// What is wrong with it; never quotes it.
pub fn checked(key: &str) -> Result<(), &'static str> {
    match STANDARD.decode(key).map(Zeroizing::new) {
        Ok(bytes) if bytes.len() == 32 => {}
        Ok(_) => return Err("its key is not 32 bytes"),
        Err(_) => return Err("it holds no key in base64"),
    }
    if is_sample(key) {
        return Err("its key is a sample that stands in public documents");
    }
    Ok(())
}

pub(super) fn is_sample(key: &str) -> bool {
    SAMPLE_KEYS.contains(&digest(key.as_bytes()).as_str())
}

/// Only what a rotation writes may be rotated: anything else would be lost.
fn is_plain(value: &Value) -> Result<(), String> {
    let entries = list(value.at(&["resources"]));
    let resources = entries
        .first()
        .map(|entry| list(entry.at(&["resources"])))
        .unwrap_or_default();
    if entries.len() != 1 || resources.len() != 1 {
        return Err("it encrypts more than Secrets".to_owned());
    }
    if providers(value)?.len() != 2 {
        return Err("it has more providers than aescbc and identity".to_owned());
    }
    Ok(())
}

fn named(value: &Value) -> Result<Vec<Key>, String> {
    let aescbc = providers(value)?
        .first()
        .and_then(|first| first.at(&["aescbc"]));
    let keys = list(aescbc.and_then(|aescbc| aescbc.at(&["keys"])));
    let key = |key: &Value| {
        let text = |name: &str| key.at(&[name]).and_then(Value::text);
        Some(Key {
            name: text("name").filter(|name| is_name(name))?.to_owned(),
            secret: Secret::from(text("secret")?.to_owned()),
        })
    };
    let all: Option<Vec<Key>> = keys.iter().map(key).collect();
    all.ok_or_else(|| "a key has no usable name".to_owned())
}

/// Names end at a colon in etcd and stand unquoted in the file.
fn is_name(name: &str) -> bool {
    let is_letter = |one: char| one.is_ascii_alphanumeric() || "-_.".contains(one);
    (1..=60).contains(&name.len())
        && name.starts_with(|one: char| one.is_ascii_alphabetic())
        && name.chars().all(is_letter)
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";

    fn ring(text: &str) -> Result<KeyRing, String> {
        KeyRing::read(&facts::Content::new(text.as_bytes().to_vec()))
    }

    fn file(providers: &str) -> String {
        format!(
            "apiVersion: v1\nkind: EncryptionConfig\nresources:\n- resources: [secrets]\n  providers: [{providers}]\n"
        )
    }

    fn aescbc(names: &[&str]) -> String {
        let keys = names
            .iter()
            .map(|name| format!("{{name: {name}, secret: {KEY}}}"));
        let keys: Vec<String> = keys.collect();
        file(&format!(
            "{{aescbc: {{keys: [{}]}}}}, {{identity: {{}}}}",
            keys.join(", ")
        ))
    }

    #[test]
    fn what_is_written_is_read_back() {
        let first = ring(&aescbc(&["key1", "key2"])).unwrap();
        let text = first.rendered();

        let second = KeyRing::read(&facts::Content::new(text.expose().to_vec())).unwrap();

        assert_eq!(first, second);
        assert_eq!(first.first().unwrap().name, "key1");
    }

    #[test]
    fn a_new_key_has_a_name_that_says_that_it_is_newer() {
        let secret = || Secret::from(KEY.to_owned());
        let known = ring(&aescbc(&["key1", "site"])).unwrap().keys;

        let next = Key::after(&known, secret());

        assert_eq!((next.name.as_str(), next.generation()), ("key2", 2));
        assert_eq!(known[1].generation(), 0);
        assert_eq!(Key::after(&known[1..], secret()).name, "key1");
    }

    #[test]
    fn what_a_rotation_would_lose_is_refused() {
        let why = |text: &str| ring(text).unwrap_err();
        let more = aescbc(&["a"]).replace("[secrets]", "[secrets, configmaps]");
        let third = aescbc(&["a"]).replace("{identity", "{secretbox: {keys: []}}, {identity");

        assert!(why(&more).contains("more than Secrets"));
        assert!(why(&third).contains("more providers"));
        assert!(why(&aescbc(&["a", "a"])).contains("one name"));
        assert!(why(&aescbc(&["'a:b'"])).contains("no usable name"));
        assert!(why("a: [").contains("no YAML"));
    }

    #[test]
    fn a_key_from_outside_is_32_bytes_and_nobodys_sample() {
        assert_eq!(checked(KEY), Ok(()));
        for wrong in ["", "short", "c2hvcnQ=", "%%%%"] {
            assert!(checked(wrong).is_err(), "{wrong}");
        }
    }
}
