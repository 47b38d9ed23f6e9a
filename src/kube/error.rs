//! Why the Kubernetes API told nothing.

use crate::https::HttpsError;

/// The cause that a finding shows; each of them leaves the question open.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum KubeError {
    #[error("there is no kubeconfig {file}")]
    Missing { file: String },

    #[error("kubeconfig {file} cannot be read: {why}")]
    Unreadable { file: String, why: String },

    #[error("kubeconfig {file} names no server")]
    NoServer { file: String },

    #[error("kubeconfig {file} cannot be used: {why}")]
    Unusable { file: String, why: String },

    #[error("the certificate in kubeconfig {file} has expired")]
    OwnCertificateExpired { file: String },

    #[error("{server} does not know who asks (401)")]
    Unauthorized { server: String },

    #[error("{server} forbids this (403): {why}")]
    Forbidden { server: String, why: String },

    #[error("{server} answered {status} to {path}: {why}")]
    Status {
        server: String,
        path: String,
        status: u16,
        why: String,
    },

    #[error("{server} answered something else than was asked for at {path}")]
    Malformed { server: String, path: String },

    #[error("{server} has more {what} than are read, {limit} pages")]
    TooMany {
        server: String,
        what: &'static str,
        limit: usize,
    },

    #[error(transparent)]
    Https(#[from] HttpsError),
}

impl KubeError {
    /// The way out; empty when the message says it all.
    pub fn hint(&self) -> String {
        match self {
            Self::Missing { .. } => {
                "get it from whoever ran `rke up` last; it lies beside cluster.yml there".into()
            }
            Self::Unreadable { file, .. } => format!("make {file} readable for this user"),
            Self::NoServer { file } | Self::Unusable { file, .. } => {
                format!("compare {file} with what `rke up` writes")
            }
            Self::OwnCertificateExpired { .. } => {
                "renew it; `rke cert rotate` does it from v0.2 on".into()
            }
            Self::Unauthorized { .. } => {
                "the kubeconfig may be of another cluster, or of before its certificates were changed".into()
            }
            Self::Forbidden { .. } => "use the kubeconfig of an administrator".into(),
            Self::Https(error) => error.hint().into(),
            Self::Status { .. } | Self::Malformed { .. } | Self::TooMany { .. } => String::new(),
        }
    }

    /// True when asking for something else would end the same way.
    pub(super) fn is_of_connection(&self) -> bool {
        matches!(
            self,
            Self::Https(_) | Self::Unauthorized { .. } | Self::OwnCertificateExpired { .. }
        )
    }
}
