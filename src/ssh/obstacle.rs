//! Where RKE will fail although we came in.

use crate::ssh::login::Welcome;

/// What stands in the way of `rke up`, but not in ours.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Obstacle {
    /// RKE signs with SHA-1, which OpenSSH refuses since 8.8 (rke.md 1.1, 8).
    RsaKey,
    /// RKE opens encrypted keys only through an agent (rke.md 1.1, 7).
    LockedKey,
    /// RKE knows nothing of `~/.ssh/config` (rke.md 1.1, 9).
    OnlyConfigured,
}

impl Obstacle {
    /// The obstacle after a login at a server with this `banner`.
    pub(super) fn of(welcome: Welcome, banner: Option<&str>) -> Option<Self> {
        if welcome.was_locked {
            return Some(Self::LockedKey);
        }
        let refuses_sha1 = banner.and_then(openssh_version) >= Some((8, 8));
        (welcome.is_rsa && refuses_sha1).then_some(Self::RsaKey)
    }

    /// Says it of the nodes in `names`.
    pub fn message(self, names: &str) -> String {
        match self {
            Self::RsaKey => format!(
                "`rke` up to v1.2 signs with SHA-1, which OpenSSH 8.8 and later refuse: `rke up` will not log in with the RSA key to {names}"
            ),
            Self::OnlyConfigured => format!(
                "`rke` does not read the configuration of ssh: `rke up` will not find its way to {names}"
            ),
            Self::LockedKey => format!(
                "`rke` opens encrypted keys only through an agent: `rke up` will not log in to {names}"
            ),
        }
    }

    /// The next thing to type.
    pub fn hint(self) -> &'static str {
        match self {
            Self::RsaKey => {
                "give the nodes an ed25519 key (`ssh-keygen -t ed25519`), or use a newer `rke`"
            }
            Self::OnlyConfigured => {
                "write addresses, ports, keys and `bastion_host` into cluster.yml"
            }
            Self::LockedKey => {
                "run `ssh-add KEYFILE` and set `ssh_agent_auth: true` in the inventory"
            }
        }
    }
}

/// Major and minor of `SSH-2.0-OpenSSH_9.2p1 Debian`; nothing for other programs.
fn openssh_version(banner: &str) -> Option<(u32, u32)> {
    let (_, version) = banner.split_once("OpenSSH_")?;
    let number = |text: &str| {
        let end = text
            .find(|c: char| !c.is_ascii_digit())
            .unwrap_or(text.len());
        text[..end].parse().ok()
    };
    let (major, minor) = version.split_once('.')?;
    Some((number(major)?, number(minor)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_rsa_key_is_an_obstacle_from_openssh_8_8_on() {
        let rsa = Welcome {
            is_rsa: true,
            ..Welcome::default()
        };
        for (banner, obstacle) in [
            ("SSH-2.0-OpenSSH_8.7p1", None),
            ("SSH-2.0-OpenSSH_8.8", Some(Obstacle::RsaKey)),
            ("SSH-2.0-OpenSSH_10.0p2 Debian-7", Some(Obstacle::RsaKey)),
            ("SSH-2.0-dropbear_2022.83", None),
        ] {
            assert_eq!(Obstacle::of(rsa, Some(banner)), obstacle, "{banner}");
        }
        let other = Welcome::default();
        assert_eq!(Obstacle::of(other, Some("SSH-2.0-OpenSSH_9.2")), None);
    }
}
