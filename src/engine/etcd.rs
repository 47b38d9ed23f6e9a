//! How Secrets lie in etcd, asked on an etcd node, and the rewriting of those that lie wrong.

use std::sync::Arc;

use crate::engine::Run;
use crate::event::EventKind;
use crate::facts::Observed;
use crate::facts::etcd;
use crate::facts::etcd::Form;
use crate::facts::etcd::StoredSecret;
use crate::fleet::Fleet;
use crate::inventory::Node;
use crate::inventory::Role;
use crate::kube::Api;
use crate::kube::KubeError;
use crate::node::request::Request;

/// Below which an API server keeps everything when it is not told otherwise.
const PREFIX: &str = "/registry";

/// More pages than this are not read; one has 200 Secrets.
const PAGES: usize = 2000;

/// Secrets that are written over one connection, within the time of one answer.
const BATCH: usize = 100;

/// What somebody writes between two looks is looked at again so often.
const ROUNDS: usize = 3;

impl Run {
    /// Every Secret in etcd, from the first etcd node that tells.
    ///
    /// # Errors
    ///
    /// Why no etcd node told.
    pub(super) async fn secrets(&self, fleet: &Fleet) -> Result<Vec<StoredSecret>, String> {
        let prefix = prefix(fleet);
        let mut why = "no etcd node was asked".to_owned();
        for node in self.selected() {
            if !node.roles.contains(&Role::Etcd) {
                continue;
            }
            match self.secrets_on(node, &prefix).await {
                Ok(secrets) => return Ok(secrets),
                Err(error) => why = format!("{}: {error}", node.name),
            }
        }
        Err(why)
    }

    async fn secrets_on(&self, node: &Node, prefix: &str) -> Result<Vec<StoredSecret>, String> {
        let mut all: Vec<StoredSecret> = Vec::new();
        let mut from = format!("{prefix}/secrets/");
        for _ in 0..PAGES {
            let request = Request::Secrets {
                prefix: prefix.to_owned(),
                from: from.clone(),
            };
            let answers = self.ask(node, &[request]).await;
            let answers = answers.map_err(|error| error.to_string())?;
            let page = etcd::read(prefix, &answers)?;
            // Each page begins with the last Secret of the one before.
            let known = all.len();
            all.extend(page.into_iter().filter(|secret| secret.key != from));
            match all.last() {
                Some(last) if all.len() > known => from.clone_from(&last.key),
                _ => return Ok(all),
            }
        }
        Err(format!("there are more Secrets than {PAGES} pages"))
    }

    /// Has every Secret written again whose form is `wrong`, and looks until etcd has none.
    /// Says how many were written; `key` is the name of the key that writes them.
    ///
    /// # Errors
    ///
    /// Which Secret was not written, or that some still lie wrong.
    pub(super) async fn rewrite(
        &self,
        fleet: &Fleet,
        key: &str,
        wrong: impl Fn(&Form) -> bool,
    ) -> Result<(), String> {
        let mut rewritten = 0;
        for _ in 0..ROUNDS {
            let mut left = self.secrets(fleet).await?;
            left.retain(|secret| wrong(&secret.form));
            if left.is_empty() {
                let key = key.to_owned();
                self.teller
                    .tell(EventKind::SecretsRewritten { key, rewritten });
                return Ok(());
            }
            rewritten += left.len();
            for batch in left.chunks(BATCH) {
                if self.stop.is_asked_for() {
                    return Err("the run was interrupted".to_owned());
                }
                self.rewrite_batch(batch.into()).await?;
            }
        }
        Err("some Secrets lie in etcd as before, although the API server wrote them".to_owned())
    }

    async fn rewrite_batch(&self, batch: Arc<[StoredSecret]>) -> Result<(), String> {
        let written = self.with_api(move |api| Ok(first_refusal(api, &batch)));
        match written.await {
            Ok(None) => Ok(()),
            Ok(Some((secret, error))) => Err(format!("Secret {secret} was not written: {error}")),
            Err(error) => Err(error.to_string()),
        }
    }
}

fn first_refusal(api: &Api, batch: &[StoredSecret]) -> Option<(String, KubeError)> {
    batch.iter().find_map(|secret| {
        let written = api.rewrite_secret(&secret.namespace, &secret.name);
        let name = || format!("{}/{}", secret.namespace, secret.name);
        written.err().map(|error| (name(), error))
    })
}

fn prefix(fleet: &Fleet) -> String {
    let found = fleet.nodes().find_map(|(_, facts)| {
        let Observed::Present(server) = facts.container("kube-apiserver") else {
            return None;
        };
        server.flag("etcd-prefix").map(str::to_owned)
    });
    let plain = |prefix: &String| {
        let is_letter = |one: char| one.is_ascii_alphanumeric() || "/-_.".contains(one);
        prefix.starts_with('/') && prefix.chars().all(is_letter)
    };
    let found = found.filter(plain);
    found.map_or(PREFIX.to_owned(), |found| {
        found.trim_end_matches('/').to_owned()
    })
}
