//! From a byte stream to an encrypted connection with a server whose key was judged.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use russh::Preferred;
use russh::cipher;
use russh::client::Config;
use russh::client::Handle;
use russh::client::connect_stream;
use russh::keys::Algorithm;
use tokio::io::AsyncRead;
use tokio::io::AsyncWrite;
use tokio::time::timeout;

use crate::ssh::SshError;
use crate::ssh::error::Step;
use crate::ssh::gate::Gate;
use crate::ssh::gate::Stop;
use crate::ssh::gate::words;
use crate::ssh::known_hosts::KnownHosts;
use crate::ssh::tap::First;
use crate::ssh::tap::Guard;
use crate::ssh::tap::Tap;
use crate::ssh::target::Target;
use crate::ssh::trust::Offer;

/// What came of a handshake.
pub(super) enum Greeting {
    /// The connection lives while the guard does; the server's first bytes hold its banner.
    Met(Handle<Gate>, Guard, First),
    /// The gate only wanted the key.
    Learned(Offer),
}

/// Exchanges keys over `stream` within `limit`.
///
/// The server is asked first for keys of the types that `known` has for it, and for a
/// certificate where an authority is on record.
pub(super) async fn greet<S>(
    stream: S,
    at: &Arc<Target>,
    gate: Gate,
    known: &KnownHosts,
    limit: Duration,
) -> Result<Greeting, SshError>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let (tap, guard, first) = Tap::new(stream);
    let (host, port) = at.known_as();
    let order = host_key_order(&known.algorithms(host, port));
    let config = Arc::new(config(order, known.has_authority(host, port)));
    match timeout(limit, connect_stream(config, tap, gate)).await {
        Ok(Ok(handle)) => Ok(Greeting::Met(handle, guard, first)),
        Ok(Err(Stop::Learned(offer))) => Ok(Greeting::Learned(offer)),
        Ok(Err(Stop::Untrusted(error))) => Err(*error),
        Ok(Err(Stop::Ssh(error))) => Err(failed(at, &first, &error)),
        Err(_) => Err(SshError::Late {
            at: at.clone(),
            step: Step::Handshake,
            limit,
        }),
    }
}

fn failed(at: &Arc<Target>, first: &First, error: &russh::Error) -> SshError {
    let at = at.clone();
    match first.text() {
        Some(text) => SshError::TurnedAway { at, text },
        None if first.is_empty() => SshError::HungUp { at },
        None => SshError::Handshake {
            at,
            reason: words(error),
        },
    }
}

/// What packets are encrypted with, the first that the server has, too.
///
/// AES-GCM goes first: processors do it, and a prefix of the conversation cannot be cut off under it, as it can
/// under ChaCha20-Poly1305 with a server that knows no strict key exchange (CVE-2023-48795).
const CIPHERS: [cipher::Name; 5] = [
    cipher::AES_256_GCM,
    cipher::CHACHA20_POLY1305,
    cipher::AES_256_CTR,
    cipher::AES_192_CTR,
    cipher::AES_128_CTR,
];

/// Settings with measured reasons: rust-stack.md 4.2, 4.4 and 4.5.
fn config(order: Vec<Algorithm>, with_certificates: bool) -> Config {
    let certificates = if with_certificates {
        order.clone()
    } else {
        Vec::new()
    };
    Config {
        nodelay: true,
        keepalive_interval: Some(Duration::from_secs(15)),
        keepalive_max: 3,
        inactivity_timeout: Some(Duration::from_secs(90)),
        window_size: 256 * 1024,
        channel_buffer_size: 8,
        preferred: Preferred {
            key: Cow::Owned(order),
            host_key_certificates: Cow::Owned(certificates),
            cipher: Cow::Borrowed(&CIPHERS),
            ..Preferred::DEFAULT
        },
        ..Config::default()
    }
}

/// All host key types but SHA-1's `ssh-rsa`, those on record first.
fn host_key_order(recorded: &[String]) -> Vec<Algorithm> {
    let mut order = Preferred::DEFAULT.key.into_owned();
    order.retain(|algorithm| *algorithm != Algorithm::Rsa { hash: None });
    order.sort_by_key(|algorithm| {
        let of_type = match algorithm {
            Algorithm::Rsa { .. } => "ssh-rsa",
            other => other.as_str(),
        };
        let place = recorded.iter().position(|name| name == of_type);
        place.unwrap_or(recorded.len())
    });
    order
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(recorded: &[&str]) -> Vec<String> {
        let recorded: Vec<_> = recorded.iter().map(ToString::to_string).collect();
        let order = host_key_order(&recorded);
        order.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn recorded_types_are_asked_for_first() {
        let order = names(&["ssh-rsa", "ecdsa-sha2-nistp384"]);

        assert_eq!(
            order[..4],
            [
                "rsa-sha2-512",
                "rsa-sha2-256",
                "ecdsa-sha2-nistp384",
                "ssh-ed25519"
            ]
        );
    }

    #[test]
    fn a_host_key_signed_with_sha1_is_never_asked_for() {
        assert!(!names(&[]).contains(&"ssh-rsa".to_owned()));
        assert!(!names(&["ssh-rsa"]).contains(&"ssh-rsa".to_owned()));
    }
}
