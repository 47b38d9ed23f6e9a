//! How a site runs a profile: which one, with which values, how wide.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::num::NonZeroUsize;
use std::path::PathBuf;

use serde::Deserialize;

use crate::profile::waiver::Attestation;
use crate::profile::waiver::Waiver;
use crate::source::Remark;
use crate::yaml;
use crate::yaml::Spanned;
use crate::yaml::Value;

/// A playbook as it was read; the profile decides whether its variables fit.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Playbook {
    /// Its own name.
    pub playbook: String,
    pub profile: Spanned<String>,
    #[serde(default = "level_one")]
    pub level: u8,
    #[serde(default)]
    pub variables: BTreeMap<String, Spanned<Value>>,
    #[serde(default)]
    pub rollout: Rollout,
    /// The site's own key for Secrets; without one, a cluster that has none gets a fresh one.
    pub encryption: Option<EncryptionKey>,
    /// The Rancher server of this site; without one its items are for a person.
    pub rancher: Option<RancherServer>,
    #[serde(default)]
    pub waivers: Vec<Waiver>,
    #[serde(default)]
    pub attestations: Vec<Attestation>,
}

/// Where a site keeps the key. A key never stands in a playbook.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct EncryptionKey {
    /// Beside the playbook.
    pub key_file: PathBuf,
}

/// A Rancher server, and who and what is allowed on it. A token never stands in a playbook.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct RancherServer {
    pub url: String,
    /// Authorities in PEM, beside the playbook; without one, those of the system.
    pub ca: Option<PathBuf>,
    /// Beside the playbook; without one, `RANCHER_TOKEN` of the environment.
    pub token_file: Option<PathBuf>,
    /// Login names, ids and group principals that may be administrators.
    pub admins: Option<Vec<String>>,
    /// Node drivers that may be active.
    pub node_drivers: Option<Vec<String>>,
    /// What `apply` is to make so on the server; without it, nothing is changed there.
    #[serde(default)]
    pub mend: BTreeSet<Mend>,
}

/// A part of a Rancher server that `apply` can mend.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Ord, PartialEq, PartialOrd)]
#[serde(rename_all = "snake_case")]
pub enum Mend {
    /// Active drivers that are not among `node_drivers` are deactivated.
    NodeDrivers,
}

/// How many nodes are changed at once; the order is not a site's to choose.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct Rollout {
    #[serde(default = "a_fifth")]
    pub workers: Width,
    /// So many failed workers end the stage; a failed etcd or control-plane node always does.
    #[serde(default = "one")]
    pub stop_after: NonZeroUsize,
}

impl Default for Rollout {
    fn default() -> Self {
        Self {
            workers: a_fifth(),
            stop_after: one(),
        }
    }
}

/// A number of nodes, or a share of them.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq)]
#[serde(try_from = "String")]
pub enum Width {
    Nodes(usize),
    Percent(usize),
}

impl TryFrom<String> for Width {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let width = match text.strip_suffix('%') {
            Some(share) => share
                .parse()
                .ok()
                .filter(|share| (1..=100).contains(share))
                .map(Self::Percent),
            None => text
                .parse()
                .ok()
                .filter(|count| *count > 0)
                .map(Self::Nodes),
        };
        width.ok_or_else(|| {
            format!("`{text}` is no width; write a number of nodes, or a share such as 20%")
        })
    }
}

impl Width {
    /// How many of `all` nodes go at once; at least one.
    pub fn of(self, all: usize) -> usize {
        match self {
            Self::Nodes(count) => count,
            Self::Percent(share) => (all * share / 100).max(1),
        }
    }
}

/// Reads a playbook.
///
/// # Errors
///
/// What is wrong, with its place.
pub fn read(file: &str, text: &str) -> Result<Playbook, Remark> {
    let playbook: Playbook = yaml::read(file, text)?;
    if !(1..=2).contains(&playbook.level) {
        let message = format!("level {} does not exist", playbook.level);
        return Err(Remark::of_file(file, message).hinted("write `level: 1` or `level: 2`"));
    }
    if let Some(server) = &playbook.rancher {
        review(file, server)?;
    }
    Ok(playbook)
}

fn review(file: &str, server: &RancherServer) -> Result<(), Remark> {
    if !server.url.starts_with("https://") {
        let message = format!("{} is not asked, because it is not HTTPS", server.url);
        return Err(Remark::of_file(file, message).hinted("write `url: https://..`"));
    }
    if server.mend.contains(&Mend::NodeDrivers) && server.node_drivers.is_none() {
        let message = "`mend: [node_drivers]` does not say which drivers may stay active";
        return Err(Remark::of_file(file, message)
            .hinted("write `node_drivers: [..]`, or `node_drivers: []` for none"));
    }
    Ok(())
}

fn a_fifth() -> Width {
    Width::Percent(20)
}

fn one() -> NonZeroUsize {
    NonZeroUsize::MIN
}

fn level_one() -> u8 {
    1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_width_is_a_count_or_a_share_and_never_nobody() {
        let width = |text: &str| Width::try_from(text.to_owned());

        assert_eq!(width("20%").unwrap().of(4), 1);
        assert_eq!(width("50%").unwrap().of(10), 5);
        assert_eq!(width("3").unwrap().of(100), 3);
        for wrong in ["0", "0%", "101%", "many", "-1", ""] {
            assert!(width(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_rollout_stops_after_the_first_failure_unless_told_otherwise_and_never_after_none() {
        let read = |rollout: &str| {
            let text = format!("playbook: a\nprofile: b\nrollout: {{{rollout}}}\n");
            read("p.yml", &text).map(|playbook| playbook.rollout)
        };

        assert_eq!(read("").unwrap(), Rollout::default());
        assert_eq!(read("workers: 3").unwrap().stop_after.get(), 1);
        assert_eq!(read("stop_after: 2").unwrap().stop_after.get(), 2);
        assert!(read("stop_after: 0").is_err());
    }

    #[test]
    fn an_unknown_key_is_named_at_its_place() {
        let error = read("p.yml", "playbook: a\nprofile: b\nlevle: 2\n").unwrap_err();

        assert_eq!(error.place.unwrap().line, 3);
        assert!(error.message.contains("levle"), "{}", error.message);
    }

    #[test]
    fn a_token_does_not_stand_in_a_playbook_nor_travel_unencrypted() {
        let with = |rancher: &str| {
            read(
                "p.yml",
                &format!("playbook: a\nprofile: b\nrancher: {rancher}\n"),
            )
        };

        assert!(with("{url: 'https://r', token: abc}").is_err());
        assert!(with("{url: 'http://r'}").is_err());
        assert!(with("{url: 'https://r'}").is_ok());
    }

    #[test]
    fn drivers_are_mended_only_where_somebody_said_which_may_stay() {
        let with = |rancher: &str| {
            let text =
                format!("playbook: a\nprofile: b\nrancher: {{url: 'https://r', {rancher}}}\n");
            read("p.yml", &text)
        };

        assert!(with("mend: [node_drivers], node_drivers: []").is_ok());
        let error = with("mend: [node_drivers]").unwrap_err();
        assert!(error.hint.contains("node_drivers: []"), "{}", error.hint);
        assert!(with("mend: [passwords], node_drivers: []").is_err());
    }
}
