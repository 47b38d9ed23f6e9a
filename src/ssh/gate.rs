//! Watches over one connection: lets it begin only with the right host key, and remembers how it ended.

use std::sync::Arc;
use std::time::Duration;

use russh::Names;
use russh::client::DisconnectReason;
use russh::client::Handler;
use russh::keys::Certificate;
use russh::keys::PublicKeyOrCertificate;
use tokio::sync::watch;
use tokio::time::timeout;

use crate::ssh::SshError;
use crate::ssh::host_certificate;
use crate::ssh::host_certificate::Worth;
use crate::ssh::host_key::HostKey;
use crate::ssh::host_key::HostKeys;
use crate::ssh::known_hosts::KnownHosts;
use crate::ssh::known_hosts::Record;
use crate::ssh::known_hosts::Verdict;
use crate::ssh::notes::Notes;
use crate::ssh::target::Target;
use crate::ssh::trust::Offer;

/// The protocol's callbacks for one connection.
pub(super) struct Gate {
    at: Arc<Target>,
    check: Check,
    end: watch::Sender<Option<String>>,
    notes: Notes,
}

/// What to do with the key that the server shows.
pub(super) enum Check {
    Verify(Arc<KnownHosts>, HostKeys),
    /// Take it home and go no further.
    Learn(Arc<KnownHosts>),
}

/// Why a connection stopped from our side or below.
#[derive(Debug)]
pub(super) enum Stop {
    Untrusted(Box<SshError>),
    Learned(Offer),
    Ssh(russh::Error),
}

/// How a connection ended, for whoever finds it closed, and what it was like.
#[derive(Clone, Debug)]
pub(super) struct End {
    reason: watch::Receiver<Option<String>>,
    pub(super) notes: Notes,
}

impl Gate {
    pub(super) fn new(at: Arc<Target>, check: Check) -> (Self, End) {
        let (end, reason) = watch::channel(None);
        let notes = Notes::default();
        let own = notes.clone();
        let gate = Self {
            at,
            check,
            end,
            notes: own,
        };
        (gate, End { reason, notes })
    }

    /// Judges a certificate, and where it proves nothing the key in it, as OpenSSH does.
    async fn judge_certificate(&self, certificate: &Certificate) -> Result<(), Stop> {
        let Some(offered) = host_certificate::plain(certificate) else {
            return Err(Stop::Ssh(russh::Error::UnknownKey));
        };
        let (Check::Verify(known, _) | Check::Learn(known)) = &self.check;
        let at = self.at.clone();
        match host_certificate::weigh(certificate, known, at.known_as()) {
            Worth::Good(authority) => {
                self.note(&offered, "vouched for by a certificate authority");
                self.welcome(offered, authority)
            }
            Worth::Revoked(record) => Err(untrusted(SshError::HostKeyRevoked {
                at,
                offered,
                record,
            })),
            Worth::Nothing(reason) => match self.judge(offered.clone()).await {
                Err(Stop::Untrusted(error)) if error.is_of_unknown_key() => {
                    Err(untrusted(SshError::HostCertificate {
                        at,
                        offered,
                        reason,
                    }))
                }
                other => other,
            },
        }
    }

    fn note(&self, key: &HostKey, worth: &str) {
        let (algorithm, fingerprint) = (key.algorithm(), key.fingerprint());
        self.notes
            .add(format!("host key {algorithm} {fingerprint}, {worth}"));
    }

    fn welcome(&self, key: HostKey, authority: Record) -> Result<(), Stop> {
        match self.check {
            Check::Verify(..) => Ok(()),
            Check::Learn(_) => Err(Stop::Learned(Offer {
                key,
                authority: Some(authority),
            })),
        }
    }

    async fn judge(&self, offered: HostKey) -> Result<(), Stop> {
        let (known, policy) = match &self.check {
            Check::Learn(_) => {
                return Err(Stop::Learned(Offer {
                    key: offered,
                    authority: None,
                }));
            }
            Check::Verify(known, policy) => (known, policy),
        };
        let (host, port) = self.at.known_as();
        let verdict = known.verdict(host, port, &offered);
        self.note(
            &offered,
            match verdict {
                Verdict::Known => "as on record",
                _ => "not as on record",
            },
        );
        if let (Verdict::Unknown, HostKeys::AcceptNew(file)) = (&verdict, policy)
            && !known.mentions(host, port)
        {
            let recorded = KnownHosts::record(file, &self.at, &offered).await;
            return recorded.map_err(untrusted);
        }
        let refusal = verdict.refusal(&self.at, offered);
        refusal.map_or(Ok(()), |error| Err(untrusted(error)))
    }
}

fn untrusted(error: SshError) -> Stop {
    Stop::Untrusted(Box::new(error))
}

impl Verdict {
    /// The error that this verdict is for a connection; `None` for a known key.
    pub(super) fn refusal(self, at: &Arc<Target>, offered: HostKey) -> Option<SshError> {
        let at = at.clone();
        Some(match self {
            Self::Known => return None,
            Self::Unknown => SshError::HostKeyUnknown { at, offered },
            Self::Changed(record) => SshError::HostKeyChanged {
                at,
                offered,
                record,
            },
            Self::OtherAlgorithm { record, recorded } => SshError::HostKeyOther {
                at,
                offered,
                record,
                recorded,
            },
            Self::Revoked(record) => SshError::HostKeyRevoked {
                at,
                offered,
                record,
            },
        })
    }
}

impl Handler for Gate {
    type Error = Stop;

    async fn check_server_key(&mut self, shown: &PublicKeyOrCertificate) -> Result<bool, Stop> {
        let blob = match shown {
            PublicKeyOrCertificate::PublicKey { key, .. } => key.to_bytes().ok(),
            PublicKeyOrCertificate::Certificate(certificate) => {
                return self.judge_certificate(certificate).await.map(|()| true);
            }
        };
        let Some(offered) = blob.and_then(HostKey::from_blob) else {
            return Err(Stop::Ssh(russh::Error::UnknownKey));
        };
        self.judge(offered).await.map(|()| true)
    }

    async fn kex_done(
        &mut self,
        _: Option<&[u8]>,
        names: &Names,
        _: &mut russh::client::Session,
    ) -> Result<(), Stop> {
        let (keys, packets) = (names.kex.as_ref(), names.cipher.as_ref());
        self.notes.add(format!(
            "keys exchanged by {keys}, packets encrypted by {packets}"
        ));
        Ok(())
    }

    async fn disconnected(&mut self, reason: DisconnectReason<Stop>) -> Result<(), Stop> {
        let (text, result) = match reason {
            DisconnectReason::ReceivedDisconnect(info) => (clean(&info.message), Ok(())),
            DisconnectReason::Error(Stop::Ssh(error)) => (words(&error), Err(Stop::Ssh(error))),
            DisconnectReason::Error(stop) => return Err(stop),
        };
        self.end.send_replace(Some(text));
        result
    }
}

impl From<russh::Error> for Stop {
    fn from(error: russh::Error) -> Self {
        Self::Ssh(error)
    }
}

impl End {
    /// The reason, as soon as the connection's task has noted it.
    pub(super) async fn reason(&self) -> String {
        const PATIENCE: Duration = Duration::from_secs(1);
        let mut noted = self.reason.clone();
        let found = timeout(PATIENCE, noted.wait_for(Option::is_some)).await;
        match found {
            Ok(Ok(reason)) => reason.clone(),
            Ok(Err(_)) | Err(_) => None,
        }
        .unwrap_or_else(|| "the connection is closed".to_owned())
    }
}

/// The library's words in our spelling.
pub(super) fn words(error: &russh::Error) -> String {
    match error {
        russh::Error::IO(io) if io.kind() == std::io::ErrorKind::UnexpectedEof => {
            "the server closed the connection".to_owned()
        }
        russh::Error::HUP | russh::Error::Disconnect => {
            "the server closed the connection".to_owned()
        }
        russh::Error::KeepaliveTimeout | russh::Error::InactivityTimeout => {
            "the server fell silent".to_owned()
        }
        other => other.to_string(),
    }
}

/// A server's text without control characters, at most 200 characters long.
fn clean(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(200).collect()
}
