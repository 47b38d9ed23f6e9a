//! Where SSH goes: address and port, of a node or of a jump host.

use std::net::IpAddr;
use std::net::Ipv6Addr;

use crate::inventory::fields::Fields;
use crate::inventory::fields::Text;
use crate::inventory::review::Review;

const DEFAULT_PORT: u16 = 22;

/// The SSH target `address`; brackets around an IPv6 address are dropped.
///
/// A bare IPv6 address is a warning, because RKE dials `address:port` without
/// brackets (rke.md 1).
pub(super) fn address(fields: &Fields, owner: &str, review: &mut Review) -> Option<Text> {
    let mut address = fields.required("address", owner, review)?;
    if is_ipv6(&address.value) {
        review.warn(
            address.place,
            format!("RKE cannot reach the bare IPv6 address of {owner}"),
            "use a host name, or an IPv4 address",
        );
    } else if let Some(inside) = bracketed(&address.value) {
        address.value = String::from(inside);
    }
    check_host("address", &address, review).then_some(address)
}

/// `internal_address`, where it is given.
pub(super) fn internal_address(fields: &Fields, review: &mut Review) -> Option<String> {
    let address = fields.text("internal_address", review)?;
    check_host("internal_address", &address, review).then_some(address.value)
}

/// The SSH `port`, written as text or number; 22 when not given.
pub(super) fn port(fields: &Fields, review: &mut Review) -> Option<u16> {
    if fields.value("port").is_none() {
        return Some(DEFAULT_PORT);
    }
    let port = fields.text("port", review)?;
    let digits = port.value.bytes().all(|byte| byte.is_ascii_digit());
    match port.value.parse() {
        Ok(number @ 1..) if digits => Some(number),
        _ => {
            review.error(
                port.place,
                format!("`{}` is not a port", port.value),
                "write a number from 1 to 65535, such as `port: 22`",
            );
            None
        }
    }
}

fn check_host(key: &str, address: &Text, review: &mut Review) -> bool {
    let value = &address.value;
    if is_host(value) {
        return true;
    }
    let hint = match value.rsplit_once(':') {
        Some((host, port)) if is_host(host) && port.parse::<u16>().is_ok() => {
            format!("write `{key}: {host}` and `port: {port}`")
        }
        _ => match value.split_once('@') {
            Some((user, host)) if is_host(host) => {
                format!("write `{key}: {host}` and `user: {user}`")
            }
            _ => format!("write `{key}: 10.0.0.1` or `{key}: node-1.example.org`"),
        },
    };
    review.error(
        address.place,
        format!("`{value}` is neither a host name nor an IP address"),
        hint,
    );
    false
}

/// True for a host name or an IP address without brackets.
pub(super) fn is_host(value: &str) -> bool {
    let is_name = |value: &str| {
        !value.starts_with(['-', '.'])
            && value
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte))
    };
    !value.is_empty() && (value.parse::<IpAddr>().is_ok() || is_ipv6(value) || is_name(value))
}

fn is_ipv6(value: &str) -> bool {
    let (address, zone) = value.split_once('%').unwrap_or((value, "0"));
    let is_zone = !zone.is_empty() && zone.bytes().all(|byte| byte.is_ascii_graphic());
    is_zone && address.parse::<Ipv6Addr>().is_ok()
}

fn bracketed(value: &str) -> Option<&str> {
    let inside = value.strip_prefix('[')?.strip_suffix(']')?;
    is_ipv6(inside).then_some(inside)
}
