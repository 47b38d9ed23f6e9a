//! What OpenSSH's own client would log in with.

use std::path::PathBuf;

/// The keys that a machine is offered when neither the machine nor the cluster names one, and
/// OpenSSH's configuration is asked instead.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Identities {
    /// `IdentityFile`s in their order; what is not there is passed over.
    pub files: Vec<PathBuf>,
    /// `CertificateFile`s, beside those that lie next to their keys.
    pub certificates: Vec<PathBuf>,
    /// `IdentitiesOnly`: of the agent's keys only those in `files`.
    pub only: bool,
    /// The agent's socket, where there is an agent.
    pub agent: Option<PathBuf>,
}
