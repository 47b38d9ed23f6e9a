//! Resources in words: what is looked at, and what would be changed.

use crate::resource::Resource;
use crate::resource::any_of::AnyOf;
use crate::resource::arg::Arg;
use crate::resource::service_of;

impl Resource {
    /// What is looked at, and what it should be; a line each.
    pub fn reads(&self) -> Vec<String> {
        let one = match self {
            Self::Sysctl(sysctl) => {
                format!(
                    "kernel {}: {}, now and after a reboot",
                    sysctl.key, sysctl.value
                )
            }
            Self::File(file) => format!(
                "{}: as templates/{}.hbs, {} root:root or stricter",
                file.path, file.template, file.mode
            ),
            Self::Encryption(encryption) => format!(
                "{}: aescbc with a 32-byte key for Secrets, {} root:root or stricter",
                encryption.path, encryption.mode
            ),
            Self::Arg(arg) => {
                format!(
                    "container {}, --{}: {}",
                    arg.of,
                    names(arg),
                    arg.demanded().in_words()
                )
            }
            Self::Bind(bind) => {
                format!(
                    "container {}, mount: {}:{}",
                    bind.of, bind.source, bind.target
                )
            }
            Self::Rke(value) => format!("cluster.yml, {}: {}", value.path, value.value),
            Self::Addons(addons) => {
                format!(
                    "cluster.yml, addons: the objects of templates/{}.hbs",
                    addons.template
                )
            }
            Self::Path(path) => path.reads(),
            Self::Document(document) => {
                format!("{}: holds {}", document.path, document.holds)
            }
            Self::Provider(provider) => {
                format!(
                    "{}: aescbc with a 32-byte key first for Secrets",
                    provider.path
                )
            }
            Self::Kubernetes(object) => {
                format!(
                    "Kubernetes API, {}: {}",
                    object.subject(),
                    object.expect.in_words()
                )
            }
            Self::Rancher(rancher) => rancher.reads().to_owned(),
            Self::AnyOf(AnyOf(alternatives)) => {
                let all = alternatives.iter().map(|all| {
                    let all: Vec<String> = all.iter().flat_map(Self::reads).collect();
                    all.join(" and ")
                });
                let all: Vec<String> = all.collect();
                all.join("; or ")
            }
        };
        vec![one]
    }

    /// What `apply` would change; nothing for what is only measured.
    pub fn changes(&self) -> Option<String> {
        Some(match self {
            Self::Sysctl(sysctl) => format!(
                "the running value of {}, and its line in /etc/sysctl.conf",
                sysctl.key
            ),
            Self::File(file) if file.read_by.is_empty() => file.path.clone(),
            Self::File(file) => {
                let readers: Vec<&str> = file.read_by.keys().map(String::as_str).collect();
                let readers = readers.join(", ");
                format!("{}, and {readers} is restarted to read it", file.path)
            }
            Self::Encryption(encryption) => format!(
                "{}: one key for all control-plane nodes; a key that exists is kept",
                encryption.path
            ),
            Self::Arg(arg) => {
                let service = service_of(&arg.of)?;
                format!(
                    "cluster.yml, services.{service}.extra_args.{}; then `rke up`",
                    arg.name
                )
            }
            Self::Bind(bind) => {
                let service = service_of(&bind.of)?;
                format!("cluster.yml, services.{service}.extra_binds; then `rke up`")
            }
            Self::Rke(value) => format!("cluster.yml, {}; then `rke up`", value.path),
            Self::Addons(_) => "cluster.yml, addons; then `rke up`".to_owned(),
            Self::Rancher(rancher) => rancher.changes()?.to_owned(),
            Self::Path(_)
            | Self::Document(_)
            | Self::Provider(_)
            | Self::Kubernetes(_)
            | Self::AnyOf(_) => return None,
        })
    }
}

/// The flag, and the one that older versions use for it.
fn names(arg: &Arg) -> String {
    match &arg.formerly {
        Some(former) => format!("{} (formerly --{former})", arg.name),
        None => arg.name.clone(),
    }
}
