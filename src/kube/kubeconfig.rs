//! The kubeconfig: as RKE writes it (rke.md 3.3), with one cluster, one user and everything inline,
//! or as people write it, with files named beside it.

use std::fs;
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use zeroize::Zeroizing;

use crate::https::Identity;
use crate::https::Trust;
use crate::kube::KubeError;
use crate::secret::Secret;
use crate::yaml;
use crate::yaml::Value;

/// Which server, whom to believe, and who we are there.
#[derive(Clone, Debug)]
pub(super) struct Kubeconfig {
    pub(super) server: String,
    pub(super) trust: Trust,
    pub(super) identity: Option<Identity>,
    pub(super) token: Option<Secret>,
}

impl Kubeconfig {
    /// Reads the current context of `text`, which `file` holds; files that it names are looked for
    /// from there, as kubectl does.
    ///
    /// # Errors
    ///
    /// There is no server in it, or what it says cannot be used, or a file that it names not read.
    pub(super) fn parse(file: &str, text: &str) -> Result<Self, KubeError> {
        let unusable = |why: String| KubeError::Unusable {
            file: file.to_owned(),
            why,
        };
        let documents = yaml::documents(file, text);
        let documents = documents.map_err(|remark| unusable(remark.message))?;
        let config = documents.first().unwrap_or(&Value::Null);
        let Some((cluster, user)) = current(config) else {
            let file = file.to_owned();
            return Err(KubeError::NoServer { file });
        };
        let Some(server) = text_at(cluster, "server").filter(|server| !server.is_empty()) else {
            let file = file.to_owned();
            return Err(KubeError::NoServer { file });
        };
        let beside = Path::new(file).parent().unwrap_or(Path::new(""));
        Ok(Self {
            server: checked(server).map_err(&unusable)?,
            trust: trust(beside, cluster).map_err(&unusable)?,
            identity: identity(beside, user).map_err(&unusable)?,
            token: text_at(user, "token").map(|token| Secret::from(token.to_owned())),
        })
    }
}

/// The cluster and the user of the current context, else the only ones.
fn current(config: &Value) -> Option<(&Value, &Value)> {
    let context = text_at(config, "current-context")
        .and_then(|name| named(config, "contexts", name))
        .and_then(|context| context.at(&["context"]));
    let part = |list: &str, key: &str| {
        let entry = match context.and_then(|context| text_at(context, key)) {
            Some(name) => named(config, list, name),
            None => only(config, list),
        };
        entry?.at(&[key])
    };
    Some((part("clusters", "cluster")?, part("users", "user")?))
}

fn named<'a>(config: &'a Value, list: &str, name: &str) -> Option<&'a Value> {
    let mut entries = entries(config, list)?.iter();
    entries.find(|entry| text_at(entry, "name") == Some(name))
}

fn only<'a>(config: &'a Value, list: &str) -> Option<&'a Value> {
    match entries(config, list)? {
        [entry] => Some(entry),
        _ => None,
    }
}

fn entries<'a>(config: &'a Value, list: &str) -> Option<&'a [Value]> {
    match config.at(&[list])? {
        Value::List(entries) => Some(entries),
        _ => None,
    }
}

fn text_at<'a>(value: &'a Value, key: &str) -> Option<&'a str> {
    value.at(&[key]).and_then(Value::text)
}

fn checked(server: &str) -> Result<String, String> {
    if server.starts_with("https://") {
        Ok(server.to_owned())
    } else {
        Err(format!("{server} is not asked, because it is not HTTPS"))
    }
}

fn trust(beside: &Path, cluster: &Value) -> Result<Trust, String> {
    if cluster.at(&["insecure-skip-tls-verify"]) == Some(&Value::Bool(true)) {
        return Err("it says `insecure-skip-tls-verify`; TLS is always verified".to_owned());
    }
    let pem = material(beside, cluster, "certificate-authority")?;
    let pem = pem.ok_or_else(|| {
        "it has neither `certificate-authority-data` nor `certificate-authority`".to_owned()
    })?;
    Trust::of_pem(&pem).map_err(|why| format!("certificate-authority: {why}"))
}

fn identity(beside: &Path, user: &Value) -> Result<Option<Identity>, String> {
    let chain = material(beside, user, "client-certificate")?;
    let key = material(beside, user, "client-key")?;
    match (chain, key) {
        (Some(chain), Some(key)) => Identity::of_pem(&chain, &Secret::new(key.to_vec())).map(Some),
        (None, None) => Ok(None),
        _ => Err("one of client certificate and client key is missing".to_owned()),
    }
}

/// What stands inline below `NAME-data`, else what is in the file that `NAME` names; where both are
/// given, kubectl takes the first too.
fn material(
    beside: &Path,
    value: &Value,
    name: &str,
) -> Result<Option<Zeroizing<Vec<u8>>>, String> {
    if let Some(inline) = inline(value, name)? {
        return Ok(Some(inline));
    }
    let Some(file) = text_at(value, name).filter(|file| !file.is_empty()) else {
        return Ok(None);
    };
    let path = beside.join(file);
    let bytes = fs::read(&path);
    let bytes = bytes.map_err(|error| format!("{name} {}: {error}", path.display()))?;
    Ok(Some(Zeroizing::new(bytes)))
}

fn inline(value: &Value, name: &str) -> Result<Option<Zeroizing<Vec<u8>>>, String> {
    let key = format!("{name}-data");
    let Some(text) = text_at(value, &key).filter(|text| !text.is_empty()) else {
        return Ok(None);
    };
    let compact: Zeroizing<String> =
        Zeroizing::new(text.chars().filter(|c| !c.is_whitespace()).collect());
    let bytes = STANDARD.decode(compact.as_bytes());
    let bytes = bytes.map_err(|_| format!("{key} is no base64"))?;
    Ok(Some(Zeroizing::new(bytes)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn why(text: &str) -> String {
        Kubeconfig::parse("kube_config", text)
            .unwrap_err()
            .to_string()
    }

    fn config(cluster: &str, user: &str) -> String {
        format!(
            "kind: Config\nclusters:\n- name: local\n  cluster: {{{cluster}}}\nusers:\n- name: admin\n  user: {{{user}}}\n\
             contexts:\n- name: Default\n  context: {{cluster: local, user: admin}}\ncurrent-context: Default\n"
        )
    }

    #[test]
    fn a_kubeconfig_without_a_server_names_no_api() {
        for text in [
            "",
            "kind: Config\n",
            &config("", ""),
            &config("server: ''", ""),
        ] {
            assert!(why(text).contains("names no server"), "{text}");
        }
    }

    #[test]
    fn what_would_not_be_verified_is_refused() {
        assert!(why(&config("server: 'http://x:8080'", "")).contains("not HTTPS"));
        let insecure = config(
            "server: 'https://x:6443', insecure-skip-tls-verify: true",
            "",
        );
        assert!(why(&insecure).contains("always verified"));
        let without = config("server: 'https://x:6443'", "");
        assert!(why(&without).contains("certificate-authority-data"));
    }

    #[test]
    fn what_is_no_certificate_is_named() {
        let authority = |data: &str| {
            config(
                &format!("server: 'https://x', certificate-authority-data: '{data}'"),
                "",
            )
        };

        assert!(why(&authority("%%%")).contains("no base64"));
        assert!(why(&authority("aGVsbG8=")).contains("no certificate"));
    }

    #[test]
    fn a_file_that_is_missing_is_named_with_the_directory_of_the_kubeconfig() {
        let text = config("server: 'https://x', certificate-authority: pki/ca.pem", "");
        let error = Kubeconfig::parse("/nowhere/kube_config", &text).unwrap_err();

        let message = error.to_string();
        assert!(
            message.contains("certificate-authority /nowhere/pki/ca.pem: "),
            "{message}"
        );
    }
}
