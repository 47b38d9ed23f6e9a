//! Which private key opens a node, decided in RKE's order (rke.md 1.1).

use std::path::Path;
use std::path::PathBuf;

use crate::inventory::CertSource;
use crate::inventory::KeySource;
use crate::inventory::fields::Fields;
use crate::inventory::review::Review;
use crate::secret::Secret;
use crate::source::Place;

const DEFAULT_KEY: &str = "~/.ssh/id_rsa";

/// What the cluster level says about keys, and what the caller's environment offers.
#[derive(Debug)]
pub(super) struct Access<'a> {
    /// Cluster-level `ssh_agent_auth`.
    pub(super) agent: bool,
    agent_place: Place,
    agent_socket: bool,
    /// Cluster-level `ssh_key_path`, where it is given.
    key_path: Option<String>,
    home: Option<&'a Path>,
    /// Machines that only an agent could open, while there is none.
    keyless: usize,
    needs_home: bool,
}

impl<'a> Access<'a> {
    /// Reads the cluster-level keys of `root`.
    pub(super) fn read(
        root: &Fields,
        home: Option<&'a Path>,
        agent_socket: bool,
        review: &mut Review,
    ) -> Self {
        let key_path = root.text("ssh_key_path", review);
        if let Some(cert) = root.text("ssh_cert_path", review) {
            review.warn(
                cert.place,
                "RKE never uses a cluster-level `ssh_cert_path`",
                "remove it",
            );
        }
        Self {
            agent: root.flag("ssh_agent_auth", review),
            agent_place: root.place_of("ssh_agent_auth").unwrap_or_default(),
            agent_socket,
            key_path: key_path.map(|path| path.value),
            home,
            keyless: 0,
            needs_home: false,
        }
    }

    /// The key of the node or jump host `own`, nothing when an error was noted.
    pub(super) fn key(&mut self, own: &Fields, review: &mut Review) -> Option<KeySource> {
        warn_of_ignored(own, review);
        let inline = own.text("ssh_key", review);
        let path = own.text("ssh_key_path", review);
        let cert = own.text("ssh_cert", review);
        let cert_path = own.text("ssh_cert_path", review);
        if self.agent && self.agent_socket {
            return Some(KeySource::Agent);
        }
        if let Some(key) = inline {
            let key = KeySource::Inline(Secret::from(key.value));
            return Some(certified(
                key,
                cert.map(|cert| CertSource::Inline(cert.value)),
            ));
        }
        if self.agent {
            self.keyless += 1;
            return None;
        }
        let key = match path.map(|path| path.value).or(self.key_path.clone()) {
            Some(path) => self.expanded(&path).map(KeySource::File)?,
            None => self.expanded(DEFAULT_KEY).map(KeySource::Default)?,
        };
        let cert = match (cert, cert_path) {
            (Some(cert), _) => Some(CertSource::Inline(cert.value)),
            (None, Some(path)) => Some(CertSource::File(self.expanded(&path.value)?)),
            (None, None) => None,
        };
        Some(certified(key, cert))
    }

    /// The key of a machine that names none.
    pub(super) fn shared_key(&self) -> Option<KeySource> {
        if self.agent {
            return self.agent_socket.then_some(KeySource::Agent);
        }
        match &self.key_path {
            Some(path) => self.led(path).map(KeySource::File),
            None => self.led(DEFAULT_KEY).map(KeySource::Default),
        }
    }

    /// Notes once what concerns all machines alike.
    pub(super) fn finish(self, review: &mut Review) {
        if self.keyless > 0 {
            review.error(
                self.agent_place,
                "`ssh_agent_auth` is on, but there is no agent: SSH_AUTH_SOCK is not set, and RKE would fail with `ssh: no key found`",
                "run `eval \"$(ssh-agent)\"` and `ssh-add`, or remove `ssh_agent_auth` to use key files",
            );
        }
        if self.needs_home {
            review.error_of_file(
                "HOME is not set, so a key path that begins with `~/` leads nowhere",
                "set HOME, or write an absolute `ssh_key_path`",
            );
        }
    }

    fn expanded(&mut self, path: &str) -> Option<PathBuf> {
        let led = self.led(path);
        self.needs_home |= led.is_none();
        led
    }

    /// `path` with its `~/` replaced; nothing where that leads nowhere.
    fn led(&self, path: &str) -> Option<PathBuf> {
        match path.strip_prefix("~/") {
            Some(rest) => self.home.map(|home| home.join(rest)),
            None => Some(PathBuf::from(path)),
        }
    }
}

fn warn_of_ignored(own: &Fields, review: &mut Review) {
    own.flag("ssh_agent_auth", review);
    if let Some(at) = own.place_of("ssh_agent_auth") {
        review.warn(
            at,
            "RKE ignores `ssh_agent_auth` here: the cluster's own value overwrites it",
            "move it to the cluster level, beside `nodes`",
        );
    }
}

fn certified(key: KeySource, cert: Option<CertSource>) -> KeySource {
    match cert {
        Some(cert) => KeySource::Certified(Box::new(key), cert),
        None => key,
    }
}
