//! One API server, ready to be asked.

use std::fs;
use std::io;
use std::path::Path;

use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::https::Answer;
use crate::https::Client;
use crate::https::Identity;
use crate::https::Patience;
use crate::https::Trust;
use crate::kube::KubeError;
use crate::kube::kubeconfig::Kubeconfig;

/// The API server that a kubeconfig names. Every call blocks; all of them end at one deadline.
#[derive(Debug)]
pub struct Api {
    client: Client,
    file: String,
    trust: Trust,
    identity: Option<Identity>,
}

impl Api {
    /// Reads the kubeconfig `file`; nothing is asked yet.
    ///
    /// # Errors
    ///
    /// There is no such file, it names no server, or it cannot be used.
    pub fn open(file: &Path, patience: Patience) -> Result<Self, KubeError> {
        Self::read(file, None, patience)
    }

    /// The same, with another way to one of the cluster's servers.
    ///
    /// # Errors
    ///
    /// Those of [`Api::open`].
    pub fn open_at(file: &Path, server: &str, patience: Patience) -> Result<Self, KubeError> {
        Self::read(file, Some(server), patience)
    }

    fn read(file: &Path, server: Option<&str>, patience: Patience) -> Result<Self, KubeError> {
        let name = file.display().to_string();
        let text = fs::read_to_string(file).map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => KubeError::Missing { file: name.clone() },
            _ => KubeError::Unreadable {
                file: name.clone(),
                why: error.to_string(),
            },
        })?;
        let text = zeroize::Zeroizing::new(text);
        let config = Kubeconfig::parse(&name, &text)?;
        let client = Client::new(
            server.unwrap_or(&config.server),
            &config.trust,
            config.identity.as_ref(),
            patience,
        );
        Ok(Self {
            client: client.with_token(config.token),
            file: name,
            trust: config.trust,
            identity: config.identity,
        })
    }

    /// The server as messages name it.
    pub fn server(&self) -> String {
        self.client.server().to_owned()
    }

    /// What the server answers to `path`, whatever it is.
    pub(super) fn ask(&self, path: &str) -> Result<Answer, KubeError> {
        Ok(self.client.get(path)?)
    }

    /// Reads JSON; nothing when there is no such path.
    pub(super) fn find<T: DeserializeOwned>(&self, path: &str) -> Result<Option<T>, KubeError> {
        let answer = self.client.get(path)?;
        if answer.status == 404 {
            return Ok(None);
        }
        let body = self.accepted(path, answer)?;
        let read = serde_json::from_slice(&body);
        read.map(Some).map_err(|_| KubeError::Malformed {
            server: self.server(),
            path: path.to_owned(),
        })
    }

    /// Reads text; nothing when there is no such path.
    pub(super) fn text(&self, path: &str) -> Result<String, KubeError> {
        let answer = self.client.get(path)?;
        let body = self.accepted(path, answer)?;
        Ok(String::from_utf8_lossy(&body).into_owned())
    }

    /// Sends a patch and returns the status: a success, or one of the refusals that are `expected`.
    pub(super) fn patch(
        &self,
        path: &str,
        json: &[u8],
        accept: &str,
        expected: &[u16],
    ) -> Result<u16, KubeError> {
        let answer = self.client.patch(path, json, accept)?;
        let status = answer.status;
        if !expected.contains(&status) {
            self.accepted(path, answer)?;
        }
        Ok(status)
    }

    pub(super) fn accepted(&self, path: &str, answer: Answer) -> Result<Vec<u8>, KubeError> {
        if answer.is_success() {
            return Ok(answer.body);
        }
        let server = self.server();
        let why = reason(&answer);
        Err(match answer.status {
            401 if self.is_expired() => KubeError::OwnCertificateExpired {
                file: self.file.clone(),
            },
            401 => KubeError::Unauthorized { server },
            403 => KubeError::Forbidden { server, why },
            status => KubeError::Status {
                server,
                path: path.split('?').next().unwrap_or_default().to_owned(),
                status,
                why,
            },
        })
    }

    fn is_expired(&self) -> bool {
        let identity = self.identity.as_ref();
        identity.is_some_and(|identity| self.trust.finds_expired(identity))
    }
}

/// What the API says of a refusal, in a line.
fn reason(answer: &Answer) -> String {
    #[derive(Deserialize)]
    struct Status {
        message: String,
    }
    match serde_json::from_slice::<Status>(&answer.body) {
        Ok(status) => status.message.replace('\n', " "),
        Err(_) => "no reason given".to_owned(),
    }
}
