//! Docker as RKE sees it: its version through the socket, and whether RKE takes it.

use crate::ping::probe::harmless;

/// What RKE's client would ask, in the oldest form that every Docker understands.
pub const REQUEST: &[u8] = b"GET /version HTTP/1.0\r\nHost: docker\r\n\r\n";

/// Versions that `rke` v0.1.11 takes with Kubernetes 1.11 (rke.md 1.4).
const TAKEN: [&str; 4] = ["1.11.", "1.12.", "1.13.", "17.03."];

/// Versions that v0.1.17 takes beside them.
const TAKEN_LATER: [&str; 2] = ["18.06.", "18.09."];

/// Why nothing came back from Docker's socket through the login.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Deaf {
    /// The SSH server does not forward to sockets for this user.
    Forbidden,
    /// The SSH server tried, in vain.
    Failed,
    /// No whole answer in time.
    Silent,
    /// The connection ended.
    Lost,
}

/// The version in Docker's HTTP answer; nothing where it is none.
pub fn version(answer: &[u8]) -> Option<String> {
    let text = std::str::from_utf8(answer).ok()?;
    let (head, body) = text.split_once("\r\n\r\n")?;
    head.starts_with("HTTP/1.").then_some(())?;
    let body: serde_json::Value = serde_json::from_str(body).ok()?;
    let version = body.get("Version")?.as_str().map(harmless)?;
    (!version.is_empty()).then_some(version)
}

/// Whether RKE takes a version of Docker for a version of Kubernetes.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Taken {
    Yes,
    /// Only from v0.1.17 on.
    Later,
    No,
    /// Nothing is known of RKE's list for this Kubernetes.
    Unknown,
}

/// Looks `docker` up in RKE's list for `kubernetes`, or for 1.11 where none is pinned.
pub fn taken(docker: &str, kubernetes: Option<&str>) -> Taken {
    if !kubernetes.is_none_or(|version| version.trim_start_matches('v').starts_with("1.11.")) {
        return Taken::Unknown;
    }
    let is_in = |list: &[&str]| list.iter().any(|start| docker.starts_with(start));
    if is_in(&TAKEN) {
        Taken::Yes
    } else if is_in(&TAKEN_LATER) {
        Taken::Later
    } else {
        Taken::No
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_is_read_from_an_http_answer_and_nothing_else() {
        let answer = b"HTTP/1.0 200 OK\r\nServer: Docker\r\n\r\n{\"Version\":\"17.03.2-ce\"}\n";

        assert_eq!(version(answer).as_deref(), Some("17.03.2-ce"));
        assert_eq!(version(b""), None);
        assert_eq!(version(b"SSH-2.0-x\r\n\r\n{}"), None);
        assert_eq!(version(b"HTTP/1.0 200 OK\r\n\r\n{\"Version\":7}"), None);
    }

    #[test]
    fn the_list_of_rke_decides_for_kubernetes_1_11_alone() {
        let pinned = Some("v1.11.3-rancher1-1");

        assert_eq!(taken("17.03.2-ce", pinned), Taken::Yes);
        assert_eq!(taken("18.09.1", None), Taken::Later);
        assert_eq!(taken("17.06.0-ce", pinned), Taken::No);
        assert_eq!(taken("27.0.1", Some("v1.30.1")), Taken::Unknown);
    }
}
