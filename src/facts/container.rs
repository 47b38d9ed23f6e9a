//! A container of a Kubernetes component, read from `docker inspect`.

use std::borrow::Cow;
use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Deserialize;

use crate::facts::store::Store;
use crate::shared::Shared;
use crate::shared::Text;

/// What of a container matters here (rke.md 4).
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Container {
    pub name: Text,
    pub image: Text,
    /// `.Path` and `.Args`, in order.
    pub command: Vec<Text>,
    /// `.HostConfig.Binds`, as written.
    pub binds: Shared<Vec<Bind>>,
    /// Host directory by directory in the container, from `.Mounts`.
    pub mounts: Shared<BTreeMap<String, String>>,
    pub state: State,
    /// By the node's own clock; `None` when it never ran.
    pub started_at: Option<Timestamp>,
}

/// Whether a process of the container really runs.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum State {
    Running,
    /// Docker says `Running: true` in the pauses of a crash loop too; this is not that.
    CrashLooping {
        restarts: u64,
    },
    Stopped {
        status: String,
    },
}

/// A bind mount with its options cut off (T-05).
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct Bind {
    pub source: String,
    pub target: String,
}

impl Container {
    /// The value of a flag: of several, the last one counts; a bare flag is `true` (rke.md 4).
    pub fn flag(&self, name: &str) -> Option<&str> {
        self.command
            .iter()
            .rev()
            .find_map(|word| flag_value(word, name))
    }

    /// Every value of a flag, in order.
    pub fn flags<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        let words = self.command.iter();
        words.filter_map(move |word| flag_value(word, name))
    }

    /// The path on the host of a path in the container, through its innermost mount; nothing for
    /// what only the container has (T-38, T-39).
    pub fn host_path(&self, path: &str) -> Option<String> {
        let path = without_slash(path);
        let below = |target: &str| {
            let rest = path.strip_prefix(target)?;
            (rest.is_empty() || rest.starts_with('/')).then(|| rest.to_owned())
        };
        let mounts = self.mounts.iter();
        let (rest, source) = mounts
            .filter_map(|(target, source)| Some((below(target)?, source)))
            .min_by_key(|(rest, _)| rest.len())?;
        Some(format!("{}{rest}", without_slash(source)))
    }

    /// The Kubernetes version in the image's tag, such as `1.11.3`.
    pub fn version(&self) -> Option<&str> {
        let tag = self.image.rsplit_once(':')?.1.strip_prefix('v')?;
        Some(tag.split('-').next().unwrap_or(tag))
    }
}

/// `--name=value`, `-name=value` and a bare `--name`, as Go's flag parsing reads them.
fn flag_value<'a>(word: &'a str, name: &str) -> Option<&'a str> {
    let word = word.strip_prefix("--").or_else(|| word.strip_prefix('-'))?;
    match word.strip_prefix(name)? {
        "" => Some("true"),
        rest => rest.strip_prefix('='),
    }
}

impl Bind {
    /// Reads `source:target[:options]`; a volume without a source is no bind.
    pub fn parse(text: &str) -> Option<Self> {
        let mut parts = text.split(':');
        match (parts.next(), parts.next(), parts.next(), parts.next()) {
            (Some(source), Some(target), _, None) => Some(Self {
                source: without_slash(source).to_owned(),
                target: without_slash(target).to_owned(),
            }),
            _ => None,
        }
    }
}

fn without_slash(path: &str) -> &str {
    match path.trim_end_matches('/') {
        "" => path,
        trimmed => trimmed,
    }
}

/// Tells the array that `docker inspect` printed from what it said before and behind that, which
/// came on the same way.
pub fn told_apart(text: &str) -> (&str, String) {
    let start = if text.starts_with('[') {
        Some(0)
    } else {
        text.find("\n[").map(|at| at + 1)
    };
    let Some(start) = start else {
        return ("", text.to_owned());
    };
    let (before, array) = text.split_at(start);
    let mut end = array.len();
    // From the back, because what is said behind an array is short and the array is not.
    while end > 0 {
        let line = array[..end].trim_end_matches('\n');
        let line = &array[line.rfind('\n').map_or(0, |at| at + 1)..end];
        let words = line.trim_end();
        if words == "]" || words.starts_with('[') && words.ends_with(']') {
            let (array, after) = array.split_at(end);
            return (array, format!("{before}{after}"));
        }
        end -= line.len();
    }
    // An array that broke off is no words.
    (array, before.to_owned())
}

/// Reads the array that `docker inspect` prints, whole or empty; what other containers have, too,
/// is taken from the store.
///
/// # Errors
///
/// What is wrong with it, in words for a report.
pub fn read(json: &str, store: &mut Store) -> Result<Vec<Container>, String> {
    if json.trim().is_empty() {
        return Ok(Vec::new());
    }
    let raw: Vec<Raw<'_>> = serde_json::from_str(json)
        .map_err(|error| format!("`docker inspect` printed something unexpected: {error}"))?;
    let containers = raw.into_iter().map(|raw| Container::of(raw, store));
    Ok(containers.collect())
}

/// Docker's "never" is the year 1.
fn started_at(text: &str) -> Option<Timestamp> {
    let at: Timestamp = text.parse().ok()?;
    (at > Timestamp::UNIX_EPOCH).then_some(at)
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", bound(deserialize = "'de: 'a"))]
struct Raw<'a> {
    name: Word<'a>,
    path: Word<'a>,
    args: Option<Vec<Word<'a>>>,
    state: RawState<'a>,
    #[serde(default)]
    restart_count: u64,
    host_config: RawHostConfig<'a>,
    mounts: Option<Vec<RawMount<'a>>>,
    config: RawConfig<'a>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", bound(deserialize = "'de: 'a"))]
struct RawState<'a> {
    status: Word<'a>,
    running: bool,
    #[serde(default)]
    restarting: bool,
    #[serde(default)]
    started_at: Word<'a>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", bound(deserialize = "'de: 'a"))]
struct RawHostConfig<'a> {
    binds: Option<Vec<Word<'a>>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", bound(deserialize = "'de: 'a"))]
struct RawMount<'a> {
    #[serde(default)]
    source: Word<'a>,
    destination: Word<'a>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", bound(deserialize = "'de: 'a"))]
struct RawConfig<'a> {
    image: Word<'a>,
}

/// A text that is not copied out of the JSON unless it has escapes.
#[derive(Default, Deserialize)]
#[serde(bound(deserialize = "'de: 'a"))]
struct Word<'a>(#[serde(borrow)] Cow<'a, str>);

impl Container {
    fn of(raw: Raw<'_>, store: &mut Store) -> Self {
        let state = if raw.state.restarting || raw.state.status.0 == "restarting" {
            State::CrashLooping {
                restarts: raw.restart_count,
            }
        } else if raw.state.running && raw.state.status.0 == "running" {
            State::Running
        } else {
            State::Stopped {
                status: raw.state.status.0.into_owned(),
            }
        };
        let args = raw.args.unwrap_or_default();
        let words = std::iter::once(raw.path).chain(args);
        let binds = raw.host_config.binds.unwrap_or_default();
        let binds: Vec<Bind> = binds
            .iter()
            .filter_map(|bind| Bind::parse(&bind.0))
            .collect();
        let mounts = raw.mounts.unwrap_or_default().into_iter();
        let mounts = mounts.map(
            |RawMount {
                 source,
                 destination,
             }| {
                let destination = without_slash(&destination.0).to_owned();
                (destination, source.0.into_owned())
            },
        );
        Self {
            name: store.texts.share(raw.name.0.trim_start_matches('/')),
            image: store.texts.share(&*raw.config.image.0),
            command: words.map(|word| store.texts.share(&*word.0)).collect(),
            binds: store.binds.share(binds),
            mounts: store.mounts.share(mounts.collect::<BTreeMap<_, _>>()),
            state,
            started_at: started_at(&raw.state.started_at.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fixture(name: &str) -> Vec<Container> {
        let path = format!(
            "{}/tests/fixtures/rke-v0.1.11/{name}",
            env!("CARGO_MANIFEST_DIR")
        );
        read(
            &std::fs::read_to_string(path).unwrap(),
            &mut Store::default(),
        )
        .unwrap()
    }

    fn named(containers: &[Container], name: &str) -> Container {
        let found = containers.iter().find(|one| &*one.name == name);
        found.unwrap().clone()
    }

    #[test]
    fn a_genuine_api_server_is_read() {
        let server = named(&fixture("inspect-hardened.json"), "kube-apiserver");

        assert_eq!(server.flag("anonymous-auth"), Some("false"));
        assert_eq!(server.flag("anonymous"), None, "no prefix is a flag");
        assert_eq!(server.state, State::Running);
        assert_eq!(server.version(), Some("1.11.3"));
        assert!(server.binds.contains(&Bind {
            source: "/var/log/kube-audit".into(),
            target: "/var/log/kube-audit".into()
        }));
        assert_eq!(
            server.mounts.get("/etc/kubernetes").map(String::as_str),
            Some("/etc/kubernetes")
        );
    }

    #[test]
    fn the_last_of_several_flags_counts_and_a_bare_one_is_true() {
        let mut etcd = named(&fixture("inspect-default.json"), "etcd");
        assert_eq!(etcd.flag("client-cert-auth"), Some("true"));

        etcd.command.push("--client-cert-auth=false".into());

        assert_eq!(etcd.flag("client-cert-auth"), Some("false"));
    }

    #[test]
    fn a_path_on_the_host_is_that_of_the_innermost_mount() {
        let containers = fixture("inspect-default.json");
        let etcd = named(&containers, "etcd");
        let kubelet = named(&containers, "kubelet");

        let on_host = |path| etcd.host_path(path);
        assert_eq!(
            on_host("/var/lib/rancher/etcd/").as_deref(),
            Some("/var/lib/etcd")
        );
        assert_eq!(
            on_host("/var/lib/rancher/etcd/member").as_deref(),
            Some("/var/lib/etcd/member")
        );
        assert_eq!(on_host("/var/lib/rancher/etcd-2"), None);
        assert_eq!(
            kubelet.host_path("/host/etc/cni").as_deref(),
            Some("/etc/cni")
        );
    }

    #[test]
    fn a_crash_loop_does_not_run() {
        let json = r#"[{"Name":"/kube-apiserver","Path":"x","Args":null,"RestartCount":7,
            "State":{"Status":"restarting","Running":true,"Restarting":true,"Pid":0},
            "HostConfig":{"Binds":null},"Mounts":null,"Config":{"Image":"rancher/hyperkube:v1.11.3-rancher1"}}]"#;

        assert_eq!(
            read(json, &mut Store::default()).unwrap()[0].state,
            State::CrashLooping { restarts: 7 }
        );
    }

    #[test]
    fn what_docker_said_is_told_from_what_it_printed() {
        let array = "[\n    {\n        \"Args\": [\n            \"[\"\n        ]\n    }\n]\n";
        let complaint = "Error: No such container: etcd\n";

        let both = format!("WARNING: no config\n{array}{complaint}");

        let said = format!("WARNING: no config\n{complaint}");
        assert_eq!(told_apart(&both), (array, said));
        assert_eq!(
            told_apart("[]\nError: down"),
            ("[]\n", "Error: down".into())
        );
        assert_eq!(told_apart("Error: down"), ("", "Error: down".into()));
        let half = "[\n    {\n";
        assert!(
            read(told_apart(half).0, &mut Store::default()).is_err(),
            "no half of an array"
        );
    }

    #[test]
    fn options_of_a_bind_do_not_matter_and_other_paths_do() {
        let bind = |text| Bind::parse(text).unwrap();

        assert_eq!(bind("/a:/b"), bind("/a:/b:z"));
        assert_eq!(bind("/a:/b"), bind("/a/:/b/:rw"));
        assert_ne!(bind("/a:/b"), bind("/a:/bc"));
        assert_eq!(Bind::parse("volume"), None);
    }
}
