//! From a byte stream to an encrypted connection with a server whose key was judged.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use russh::Preferred;
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
use crate::ssh::host_key::HostKey;
use crate::ssh::tap::First;
use crate::ssh::tap::Guard;
use crate::ssh::tap::Tap;
use crate::ssh::target::Target;

/// What came of a handshake.
pub(super) enum Greeting {
    /// The connection lives while the guard does; the server's first bytes hold its banner.
    Met(Handle<Gate>, Guard, First),
    /// The gate only wanted the key.
    Learned(HostKey),
}

/// Exchanges keys over `stream` within `limit`.
///
/// `recorded` are the types of the host's known keys; the server is asked for those first.
pub(super) async fn greet<S>(
    stream: S,
    at: &Arc<Target>,
    gate: Gate,
    recorded: &[String],
    limit: Duration,
) -> Result<Greeting, SshError>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let (tap, guard, first) = Tap::new(stream);
    let config = Arc::new(config(recorded));
    match timeout(limit, connect_stream(config, tap, gate)).await {
        Ok(Ok(handle)) => Ok(Greeting::Met(handle, guard, first)),
        Ok(Err(Stop::Learned(key))) => Ok(Greeting::Learned(key)),
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

/// Settings with measured reasons: rust-stack.md 4.2, 4.4 and 4.5.
fn config(recorded: &[String]) -> Config {
    Config {
        nodelay: true,
        keepalive_interval: Some(Duration::from_secs(15)),
        keepalive_max: 3,
        inactivity_timeout: Some(Duration::from_secs(90)),
        window_size: 256 * 1024,
        channel_buffer_size: 8,
        preferred: Preferred {
            key: Cow::Owned(host_key_order(recorded)),
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
