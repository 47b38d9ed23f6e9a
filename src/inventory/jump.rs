//! Jump hosts beside RKE's own: `USER@HOST:PORT`, one or several in a row.

use crate::inventory::Bastion;
use crate::inventory::KeySource;
use crate::inventory::endpoint;

const DEFAULT_PORT: u16 = 22;

/// Reads one jump host, which `key` opens; an IPv6 address stands in brackets before a port.
///
/// # Errors
///
/// What is wrong with `text`, as the end of a sentence that names it.
pub fn read(text: &str, key: KeySource) -> Result<Bastion, &'static str> {
    let (user, host) = text.split_once('@').ok_or("has no user")?;
    if user.is_empty() {
        return Err("has no user");
    }
    if user.chars().any(char::is_control) {
        return Err("has a control character in its user");
    }
    let (host, port) = split_port(host);
    let has_port = port.is_some();
    let port = match port {
        None => DEFAULT_PORT,
        Some(port) => match port.parse() {
            Ok(port @ 1..) => port,
            _ => return Err("has no port from 1 to 65535 behind its colon"),
        },
    };
    let host = host
        .strip_prefix('[')
        .and_then(|host| host.strip_suffix(']'))
        .unwrap_or(host);
    if !endpoint::is_host(host) {
        return Err("has neither a host name nor an IP address");
    }
    Ok(Bastion {
        address: host.to_owned(),
        port,
        has_port,
        user: user.to_owned(),
        key,
    })
}

fn split_port(host: &str) -> (&str, Option<&str>) {
    // A bare IPv6 address is full of colons.
    if host.ends_with(']') || endpoint::is_host(host) {
        return (host, None);
    }
    match host.rsplit_once(':') {
        Some((host, port)) => (host, Some(port)),
        None => (host, None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hop(text: &str) -> Result<(String, String, u16), &'static str> {
        read(text, KeySource::Agent).map(|hop| (hop.user, hop.address, hop.port))
    }

    #[test]
    fn user_host_and_port_are_read_and_the_port_is_22() {
        for (text, host, port) in [
            ("ops@jump.example.org", "jump.example.org", 22),
            ("ops@10.0.0.1:2222", "10.0.0.1", 2222),
            ("ops@[fe80::1]:443", "fe80::1", 443),
            ("ops@[fe80::1]", "fe80::1", 22),
            ("ops@fe80::1", "fe80::1", 22),
        ] {
            assert_eq!(hop(text), Ok(("ops".to_owned(), host.to_owned(), port)));
        }
    }

    #[test]
    fn what_is_missing_is_named() {
        assert_eq!(hop("jump"), Err("has no user"));
        assert_eq!(hop("@jump"), Err("has no user"));
        assert!(hop("ops@jump:0").unwrap_err().contains("port"));
        assert!(hop("ops@jump:ssh").unwrap_err().contains("port"));
        assert!(hop("ops@").unwrap_err().contains("host name"));
        assert!(
            hop("ops@-oProxyCommand=x")
                .unwrap_err()
                .contains("host name")
        );
    }
}
