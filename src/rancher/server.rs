//! One server, and how it is reached.

use std::fs;
use std::path::PathBuf;

use serde::de::DeserializeOwned;

use crate::facts::Observed;
use crate::facts::rancher::Answers;
use crate::https::Answer;
use crate::https::Client;
use crate::https::HttpsError;
use crate::https::Patience;
use crate::https::Trust;
use crate::secret::Secret;

/// Where systems keep the authorities that everybody trusts.
const BUNDLES: [&str; 3] = [
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/cert.pem",
];

/// What is needed to ask a server.
#[derive(Clone, Debug)]
pub struct Access {
    /// `https://` and a name.
    pub url: String,
    /// A file of authorities in PEM; without one, those of the system.
    pub ca: Option<PathBuf>,
    /// Of somebody who may list users and settings; without one, only the login can be tried.
    pub token: Option<Secret>,
}

/// Why a server told nothing.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum RancherError {
    #[error("{file}: {why}")]
    Authorities { file: String, why: String },

    #[error("{url} is not asked, because it is not HTTPS")]
    NotHttps { url: String },

    #[error("no token for {url} was given")]
    NoToken { url: String },

    #[error("{server} does not accept the token (401)")]
    Unauthorized { server: String },

    #[error("{server} forbids {path} to this token (403)")]
    Forbidden { server: String, path: String },

    #[error("{server} answered {status} to {path}")]
    Status {
        server: String,
        path: String,
        status: u16,
    },

    #[error("{server} answered something else than was asked for at {path}")]
    Malformed { server: String, path: String },

    #[error("{server} took the request to {action} the driver, and it is as it was")]
    Unmoved {
        server: String,
        /// `activate` or `deactivate`.
        action: &'static str,
    },

    #[error("{id:?} of {server} is no id of a driver")]
    DriverId { server: String, id: String },

    #[error("{server} has more pages at {path} than are read")]
    TooMany { server: String, path: String },

    #[error(transparent)]
    Https(#[from] HttpsError),
}

impl RancherError {
    /// True when no other request would fare better.
    pub fn is_of_server(&self) -> bool {
        matches!(
            self,
            Self::Authorities { .. }
                | Self::NotHttps { .. }
                | Self::NoToken { .. }
                | Self::Unauthorized { .. }
                | Self::Https(_)
        )
    }

    /// The way out; empty when the message says it all.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::Authorities { .. } => "name a file of certificates in PEM as `rancher.ca`",
            Self::NotHttps { .. } => "write `url: https://..` in the playbook",
            Self::NoToken { .. } => "name a file as `rancher.token_file`, or set RANCHER_TOKEN",
            Self::Unauthorized { .. } => "make a new token; this one may have expired",
            Self::Forbidden { .. } => "use the token of an administrator",
            Self::Https(error) => error.hint(),
            Self::Unmoved { .. } => "look at Rancher's own log for the reason",
            Self::Status { .. }
            | Self::Malformed { .. }
            | Self::DriverId { .. }
            | Self::TooMany { .. } => "",
        }
    }
}

/// A server, ready to be asked. Every call blocks; all of them end at one deadline.
#[derive(Debug)]
pub struct Server {
    pub(super) trust: Trust,
    pub(super) patience: Patience,
    pub(super) url: String,
    client: Client,
    has_token: bool,
}

impl Server {
    /// Reads the authorities; nothing is asked yet.
    ///
    /// # Errors
    ///
    /// The authorities cannot be used, or the URL is not of HTTPS.
    pub fn open(access: &Access, patience: Patience) -> Result<Self, RancherError> {
        let url = access.url.trim_end_matches('/').to_owned();
        if !url.starts_with("https://") {
            return Err(RancherError::NotHttps { url });
        }
        let trust = trust(access)?;
        let client = Client::new(&url, &trust, None, patience);
        Ok(Self {
            client: client.with_token(access.token.clone()),
            has_token: access.token.is_some(),
            trust,
            patience,
            url,
        })
    }

    /// Asks everything; what one question meets says nothing of another.
    pub fn facts(&self) -> Answers {
        Answers {
            local_cluster: observed(self.local_cluster()),
            default_login: observed(self.default_login()),
            providers: observed(self.providers().map(Some)),
            grants: observed(self.grants().map(Some)),
            drivers: observed(self.drivers().map(Some)),
        }
    }

    fn local_cluster(&self) -> Result<Option<()>, RancherError> {
        let path = "/v3/clusters/local";
        let answer = self.ask(path)?;
        if answer.status == 404 {
            return Ok(None);
        }
        self.accepted(path, answer).map(|_| Some(()))
    }

    /// Reads JSON.
    pub(super) fn read<T: DeserializeOwned>(&self, path: &str) -> Result<T, RancherError> {
        let answer = self.ask(path)?;
        let body = self.accepted(path, answer)?;
        serde_json::from_slice(&body).map_err(|_| RancherError::Malformed {
            server: self.url.clone(),
            path: path.to_owned(),
        })
    }

    /// Has an action done; what the server says of it is not read.
    pub(super) fn act(&self, path: &str) -> Result<(), RancherError> {
        self.require_token()?;
        let answer = self.client.post(path, b"{}")?;
        self.accepted(path, answer).map(|_| ())
    }

    fn ask(&self, path: &str) -> Result<Answer, RancherError> {
        self.require_token()?;
        Ok(self.client.get(path)?)
    }

    fn require_token(&self) -> Result<(), RancherError> {
        if self.has_token {
            return Ok(());
        }
        let url = self.url.clone();
        Err(RancherError::NoToken { url })
    }

    fn accepted(&self, path: &str, answer: Answer) -> Result<Vec<u8>, RancherError> {
        if answer.is_success() {
            return Ok(answer.body);
        }
        Err(self.refused(path, answer.status))
    }

    pub(super) fn refused(&self, path: &str, status: u16) -> RancherError {
        let server = self.url.clone();
        let path = path.split('?').next().unwrap_or_default().to_owned();
        match status {
            401 => RancherError::Unauthorized { server },
            403 => RancherError::Forbidden { server, path },
            status => RancherError::Status {
                server,
                path,
                status,
            },
        }
    }
}

pub(super) fn observed<T>(asked: Result<Option<T>, RancherError>) -> Observed<T> {
    match asked {
        Ok(Some(value)) => Observed::Present(value),
        Ok(None) => Observed::Absent,
        Err(error) => Observed::unread(error.to_string()),
    }
}

fn trust(access: &Access) -> Result<Trust, RancherError> {
    let named = access.ca.clone();
    let system = || BUNDLES.iter().map(PathBuf::from).find(|path| path.exists());
    let file = named.or_else(system).unwrap_or_else(|| BUNDLES[0].into());
    let failed = |why: String| RancherError::Authorities {
        file: file.display().to_string(),
        why,
    };
    let pem = fs::read(&file).map_err(|error| failed(error.to_string()))?;
    Trust::of_pem(&pem).map_err(failed)
}
