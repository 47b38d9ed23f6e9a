//! What RKE's failure texts mean and what to do about them (rke.md 1.4 and 3.2).

/// For a failed addon job.
pub(super) const ADDON: &str = "run `kubectl -n kube-system logs job/rke-user-addon-deploy-job`, correct `addons`, then run again";

/// Part of a text, and the next thing to do. The first match wins.
const HINTS: [(&str, &str); 12] = [
    (
        "unable to authenticate",
        "check user and key with `ssh -i KEY USER@HOST`; RKE offers RSA keys with SHA-1 only, \
         which OpenSSH 8.8 and newer refuse: use an ed25519 key",
    ),
    (
        "encrypted private keys",
        "add the key to an agent with `ssh-add` and set `ssh_agent_auth: true`",
    ),
    (
        "Error while reading SSH key file",
        "correct `ssh_key_path`; `~` is the home of the user who runs `rke`",
    ),
    (
        "no key found",
        "name a private key in `ssh_key_path`, not a public one; with `ssh_agent_auth` check SSH_AUTH_SOCK",
    ),
    (
        "Cannot connect to the Docker daemon",
        "RKE also says this when SSH itself fails (port closed, no route, dead agent or bastion): \
         try `ssh USER@HOST docker ps`",
    ),
    (
        "administratively prohibited",
        "add the user to the group `docker` and set `AllowTcpForwarding yes` in sshd; \
         on RHEL and CentOS the user cannot be root",
    ),
    (
        "connect failed (open failed)",
        "start Docker on the node, or correct `docker_socket`",
    ),
    (
        "Unsupported Docker version",
        "set `ignore_docker_version: true`, or install a version from the list",
    ),
    (
        "is not able to connect to the following ports",
        "open these ports between the nodes",
    ),
    (
        "Invalid kernel flag",
        "run `harden apply` for the kernel values of this node first",
    ),
    (
        "flags are mutually exclusive",
        "keep only the flag for admission plugins that the running container has",
    ),
    (
        "Timeout waiting for kubernetes to be ready",
        "run again once the API server answers; a rerun is safe",
    ),
];

/// The hint for a text of RKE, where one is known.
pub(super) fn of_reason(reason: &str) -> Option<String> {
    if let Some((service, host)) = unhealthy(reason) {
        return Some(format!(
            "run `docker logs {service}` on {host} and mend what it names"
        ));
    }
    HINTS
        .iter()
        .find(|(text, _)| reason.contains(text))
        .map(|(_, hint)| (*hint).to_owned())
}

/// True when components were changed and do not come up again: RKE does not go back by itself.
pub(super) fn is_outage(reason: &str) -> bool {
    reason.contains("Failed to bring up") || unhealthy(reason).is_some()
}

/// Service and host of a health check that failed.
fn unhealthy(reason: &str) -> Option<(&str, &str)> {
    let (_, rest) = reason.split_once("for service [")?;
    let (service, rest) = rest.split_once("] on host [")?;
    let (host, _) = rest.split_once(']')?;
    Some((service, host))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_texts_for_ssh_failures_are_explained() {
        for (text, word) in [
            (
                "Can't establish dialer connection: ssh: unable to authenticate, attempted methods [none publickey], no supported methods remain",
                "ed25519",
            ),
            (
                "Error while reading SSH key file: open /x: no such file",
                "ssh_key_path",
            ),
            ("Error configuring SSH: ssh: no key found", "private key"),
            (
                "Unable to access the Docker socket (/var/run/docker.sock). administratively prohibited (open failed)",
                "group",
            ),
            (
                "Unable to access the service on /x. connect failed (open failed)",
                "Docker",
            ),
        ] {
            let hint = of_reason(text).unwrap();
            assert!(hint.contains(word), "{text}: {hint}");
        }
        assert_eq!(of_reason("something new"), None);
    }
}
