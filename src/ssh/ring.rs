//! All that OpenSSH's client would offer a server, read once.

use std::path::Path;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use russh::keys::Certificate;
use russh::keys::PrivateKey;
use russh::keys::PublicKey;
use russh::keys::agent::AgentIdentity;
use russh::keys::agent::client::AgentClient;
use russh::keys::ssh_key::certificate::CertType;
use russh::keys::ssh_key::public::KeyData;
use tokio::time::timeout;

use crate::inventory::Identities;
use crate::inventory::KeySource;
use crate::secret::Secret;
use crate::ssh::keys::Ask;
use crate::ssh::keys::Held;
use crate::ssh::keys::KeyError;
use crate::ssh::keys::KeyName;
use crate::ssh::keys::open;
use crate::ssh::keys::text;

/// Keys, certificates and an agent, in the order of `ssh_config(5)`.
#[derive(Clone, Debug, Default)]
pub(super) struct Ring {
    pub(super) agent: Option<PathBuf>,
    /// `IdentitiesOnly`: of the agent's keys only those that are `named`.
    pub(super) only: bool,
    /// Public halves of the identity files.
    pub(super) named: Vec<KeyData>,
    pub(super) certificates: Vec<Certificate>,
    /// Keys that no agent holds.
    pub(super) held: Vec<Held>,
}

/// Reads what there is of `identities`; `ask` gives the passphrases of keys that no agent holds.
///
/// # Errors
///
/// What is wrong with the first file, where nothing is left that could be offered.
pub(super) async fn load(identities: &Identities, ask: Ask<'_>) -> Result<Ring, KeyError> {
    let mut ring = Ring {
        agent: identities.agent.clone(),
        only: identities.only,
        ..Ring::default()
    };
    let with_agent = in_agent(identities.agent.as_deref()).await;
    let mut trouble = None;
    for file in &identities.files {
        if let Err(error) = ring.add(file, &with_agent, ask).await {
            trouble.get_or_insert(error);
        }
    }
    for file in &identities.certificates {
        ring.certificates.extend(certificate(file));
    }
    if ring.held.is_empty() && with_agent.is_empty() {
        return Err(trouble.unwrap_or_else(|| KeyError::NoIdentity {
            files: identities.files.clone(),
        }));
    }
    Ok(ring)
}

impl Ring {
    /// True where the agent's `key` may be offered.
    pub(super) fn admits(&self, key: &KeyData) -> bool {
        !self.only || self.named.contains(key)
    }

    async fn add(
        &mut self,
        file: &Path,
        with_agent: &[KeyData],
        ask: Ask<'_>,
    ) -> Result<(), KeyError> {
        let text = match text(KeySource::File(file.to_owned())).await {
            Err(KeyError::Missing { .. }) => None,
            found => Some(found?),
        };
        let public = public_half(file, text.as_ref());
        if text.is_some() || public.is_some() {
            self.certificates
                .extend(certificate(&beside(file, "-cert.pub")));
        }
        let is_with_agent = public.as_ref().is_some_and(|key| with_agent.contains(key));
        self.named.extend(public);
        let Some(text) = text.filter(|_| !is_with_agent) else {
            return Ok(());
        };
        match open(text, KeyName::File(file.to_owned()), ask).await {
            // The agent is to have the other half.
            Err(KeyError::Public { .. }) => Ok(()),
            held => {
                self.held.push(held?);
                Ok(())
            }
        }
    }
}

/// What the agent holds; nothing where none answers.
async fn in_agent(socket: Option<&Path>) -> Vec<KeyData> {
    const PATIENCE: Duration = Duration::from_secs(5);
    let listed = async {
        let mut agent = AgentClient::connect_uds(socket?).await.ok()?;
        agent.request_identities().await.ok()
    };
    let identities = timeout(PATIENCE, listed).await.ok().flatten();
    let keys = identities.into_iter().flatten();
    keys.map(|identity: AgentIdentity| identity.public_key().key_data().clone())
        .collect()
}

/// The public half, from the file itself where it can be read without a passphrase, else from the
/// file beside it.
fn public_half(file: &Path, text: Option<&Secret>) -> Option<KeyData> {
    let text = text.and_then(|secret| std::str::from_utf8(secret.expose()).ok());
    let own = text.and_then(|text| {
        let private = PrivateKey::from_openssh(text).ok();
        private
            .map(|key| key.public_key().clone())
            .or_else(|| PublicKey::from_openssh(text.trim()).ok())
    });
    let public = own.or_else(|| {
        let text = std::fs::read_to_string(beside(file, ".pub")).ok()?;
        PublicKey::from_openssh(text.trim()).ok()
    });
    public.map(|key| key.key_data().clone())
}

/// A certificate for a user; nothing where the file holds none.
fn certificate(file: &Path) -> Option<Certificate> {
    let text = std::fs::read_to_string(file).ok()?;
    let certificate = Certificate::from_openssh(text.trim()).ok()?;
    (certificate.cert_type() == CertType::User).then_some(certificate)
}

fn beside(file: &Path, ending: &str) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(ending);
    PathBuf::from(name)
}

impl Held {
    /// This key with each of `certificates` that was given to it, and then alone.
    pub(super) fn with_any(&self, certificates: &[Certificate]) -> Vec<Self> {
        let ours = self.key.public_key().key_data();
        let given = certificates
            .iter()
            .filter(|certificate| certificate.public_key() == ours);
        let certified = given.map(|certificate| Self {
            name: format!("{} with its certificate", self.name),
            certificate: Some(Arc::new(certificate.clone())),
            ..self.clone()
        });
        certified.chain([self.clone()]).collect()
    }
}
