//! Why there is no answer from a server.

use std::error::Error as _;
use std::io;

use rustls::CertificateError;

/// What came instead of an answer. None of them says anything about what was asked.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum HttpsError {
    #[error("{server} cannot be reached: {why}")]
    Unreachable { server: String, why: String },

    #[error("{server} did not answer in time")]
    TimedOut { server: String },

    #[error("the certificate of {server} has expired")]
    Expired { server: String },

    #[error("the certificate of {server} is signed by an unknown authority")]
    UnknownAuthority { server: String },

    #[error("the certificate of {server} is for another name")]
    OtherName { server: String },

    #[error("{server} refused the TLS connection: {why}")]
    Tls { server: String, why: String },

    #[error("an answer of {server} is longer than {} MiB", .limit >> 20)]
    TooLong { server: String, limit: u64 },

    #[error("{server} asks to be left alone for longer than this run may take")]
    Throttled { server: String },

    #[error("{server} did not answer in HTTP: {why}")]
    Protocol { server: String, why: String },
}

impl HttpsError {
    /// The way out; empty when the message says it all.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::Unreachable { .. } | Self::TimedOut { .. } => {
                "make the address reachable from here, through a tunnel or from a bastion"
            }
            Self::Expired { .. } => "renew the certificate; `rke cert rotate` does it from v0.2 on",
            Self::UnknownAuthority { .. } => {
                "compare the certificates: either the authority on record is of another server, or somebody stands in between"
            }
            Self::OtherName { .. } => "use the name or address that the certificate is made for",
            Self::Throttled { .. } => "run again when the server has less to do",
            Self::Tls { .. } | Self::TooLong { .. } | Self::Protocol { .. } => "",
        }
    }

    /// The error that `server` caused.
    pub(super) fn of(server: &str, limit: u64, error: ureq::Error) -> Self {
        let server = server.to_owned();
        match error {
            ureq::Error::Timeout(_) => Self::TimedOut { server },
            ureq::Error::HostNotFound => Self::Unreachable {
                server,
                why: "the name is not known".to_owned(),
            },
            ureq::Error::BodyExceedsLimit(_) => Self::TooLong { server, limit },
            ureq::Error::Rustls(error) => Self::of_tls(server, &error),
            ureq::Error::Io(error) => Self::of_io(server, &error),
            error => Self::Protocol {
                server,
                why: error.to_string(),
            },
        }
    }

    fn of_io(server: String, error: &io::Error) -> Self {
        if let Some(tls) = error.get_ref().and_then(|inner| inner.downcast_ref()) {
            return Self::of_tls(server, tls);
        }
        match error.kind() {
            io::ErrorKind::TimedOut | io::ErrorKind::WouldBlock => Self::TimedOut { server },
            _ => Self::Unreachable {
                server,
                why: innermost(error),
            },
        }
    }

    fn of_tls(server: String, error: &rustls::Error) -> Self {
        match error {
            rustls::Error::InvalidCertificate(why) => match why {
                CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
                    Self::Expired { server }
                }
                CertificateError::UnknownIssuer | CertificateError::BadSignature => {
                    Self::UnknownAuthority { server }
                }
                CertificateError::NotValidForName
                | CertificateError::NotValidForNameContext { .. } => Self::OtherName { server },
                why => Self::Tls {
                    server,
                    why: why.to_string(),
                },
            },
            error => Self::Tls {
                server,
                why: error.to_string(),
            },
        }
    }
}

/// The last cause, as the system words it, without its number.
fn innermost(error: &io::Error) -> String {
    let mut words = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        words = inner.to_string();
        cause = inner.source();
    }
    let words = words.split(" (os error").next().unwrap_or_default();
    words.to_lowercase()
}
