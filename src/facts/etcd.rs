//! How Secrets lie in etcd: in plain text, or under the key of which name (T-13).
//!
//! The API shows every Secret decrypted, so only etcd tells. A value that was encrypted begins
//! with `k8s:enc:PROVIDER:v1:NAME:`; no more than that beginning leaves the node.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use base64::engine::general_purpose::STANDARD_NO_PAD;

use crate::node::frame::Answer;

/// What an encrypted value begins with.
const ENCRYPTED: &str = "k8s:enc:";

/// One Secret and the form in which etcd holds it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct StoredSecret {
    /// The whole key, such as `/registry/secrets/default/token`.
    pub key: String,
    pub namespace: String,
    pub name: String,
    pub form: Form,
}

/// Whether and how a value is encrypted.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Form {
    Plain,
    /// By `aescbc` with the key of this name.
    Aescbc {
        key: String,
    },
    /// By another provider.
    Other {
        provider: String,
    },
}

impl Form {
    /// True for what the key of this name encrypted.
    pub fn is_under(&self, name: &str) -> bool {
        matches!(self, Self::Aescbc { key } if key == name)
    }
}

/// Reads one page of Secrets below `prefix`.
///
/// # Errors
///
/// Why etcd told nothing that can be used.
pub fn read(prefix: &str, answers: &[Answer]) -> Result<Vec<StoredSecret>, String> {
    let answer = answers.first().ok_or("the node did not answer")?;
    let text = answer.text();
    if answer.verb != "secrets" {
        let said = text.lines().rfind(|line| !line.trim().is_empty());
        return Err(said.unwrap_or("etcdctl said nothing").trim().to_owned());
    }
    let mut secrets: Vec<StoredSecret> = Vec::new();
    for line in text.lines() {
        if let Some(key) = line.strip_prefix("\"key\":\"") {
            let key = STANDARD.decode(key.trim_end_matches('"')).ok();
            let key = key.and_then(|key| String::from_utf8(key).ok());
            let secret = key.and_then(|key| stored(prefix, key));
            secrets.push(secret.ok_or("etcd holds a Secret under a key that is none")?);
        } else if let (Some(value), Some(last)) =
            (line.strip_prefix("\"value\":\""), secrets.last_mut())
        {
            last.form = form(value);
        }
    }
    Ok(secrets)
}

/// A key of two parts below the prefix, of letters that travel anywhere.
fn stored(prefix: &str, key: String) -> Option<StoredSecret> {
    let (namespace, name) = key
        .strip_prefix(prefix)?
        .strip_prefix("/secrets/")?
        .split_once('/')?;
    let is_letter = |one: char| one.is_ascii_alphanumeric() || "-_.:".contains(one);
    let is_name = |text: &str| !text.is_empty() && text.chars().all(is_letter);
    if !is_name(namespace) || !is_name(name) {
        return None;
    }
    Some(StoredSecret {
        namespace: namespace.to_owned(),
        name: name.to_owned(),
        key,
        form: Form::Plain,
    })
}

/// Reads the beginning of a value, cut where the node cut it.
fn form(value: &str) -> Form {
    let whole = &value[..value.len() - value.len() % 4];
    let bytes = STANDARD
        .decode(whole)
        .or_else(|_| STANDARD_NO_PAD.decode(value.trim_end_matches('=')));
    let bytes = bytes.unwrap_or_default();
    let text = String::from_utf8_lossy(&bytes);
    let Some(rest) = text.strip_prefix(ENCRYPTED) else {
        return Form::Plain;
    };
    let mut parts = rest.split(':');
    match (parts.next(), parts.next(), parts.next()) {
        (Some("aescbc"), Some("v1"), Some(key)) => Form::Aescbc {
            key: key.to_owned(),
        },
        (provider, ..) => Form::Other {
            provider: provider.unwrap_or_default().to_owned(),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(pairs: &[(&str, &[u8])]) -> Vec<Answer> {
        let mut body = String::from("\"cluster_id\":\n");
        for (key, value) in pairs {
            let value = STANDARD.encode(value);
            let value = &value[..value.len().min(120)];
            let key = STANDARD.encode(key);
            let lines = ["\"key\":\"", &key, "\"\n\"value\":\"", value, "\n"];
            body.extend(lines);
        }
        vec![Answer {
            verb: "secrets".to_owned(),
            body: body.into_bytes(),
        }]
    }

    fn forms(pairs: &[(&str, &[u8])]) -> Vec<Form> {
        let secrets = read("/registry", &page(pairs)).unwrap();
        secrets.into_iter().map(|secret| secret.form).collect()
    }

    #[test]
    fn the_beginning_of_a_value_tells_its_key() {
        let mut long = b"k8s:enc:aescbc:v1:key2:".to_vec();
        long.extend([200_u8; 500]);

        assert_eq!(
            forms(&[
                (
                    "/registry/secrets/a/b",
                    b"k8s\0\n\x0c\n\x02v1\x12\x06Secret"
                ),
                ("/registry/secrets/a/c", &long),
                ("/registry/secrets/a/d", b"k8s:enc:secretbox:v1:s:zzz"),
                ("/registry/secrets/a/e", b"k8s:enc:aescbc:v1:key2:x"),
            ]),
            [
                Form::Plain,
                Form::Aescbc { key: "key2".into() },
                Form::Other {
                    provider: "secretbox".into()
                },
                Form::Aescbc { key: "key2".into() },
            ]
        );
    }

    #[test]
    fn no_secret_is_not_no_answer() {
        assert_eq!(read("/registry", &page(&[])), Ok(Vec::new()));
        let refused = |body: &str| {
            let verb = "refused".to_owned();
            let body = body.as_bytes().to_vec();
            read("/registry", &[Answer { verb, body }]).unwrap_err()
        };
        assert_eq!(
            refused("warning\nError: No such container: etcd\n"),
            "Error: No such container: etcd"
        );
        assert_eq!(refused(""), "etcdctl said nothing");
        assert!(read("/registry", &[]).is_err());
    }

    #[test]
    fn a_key_that_would_be_read_as_something_else_is_refused() {
        for key in [
            "/registry/secrets/a",
            "/registry/secrets/a/b\tc",
            "/registry/secrets/a/b/../../pods",
            "/elsewhere/secrets/a/b",
            "/registry/secrets/a/$(id)",
        ] {
            assert!(read("/registry", &page(&[(key, b"x")])).is_err(), "{key}");
        }
    }
}
