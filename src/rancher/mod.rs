//! A Rancher server, asked through its v3 API over verified TLS.
//!
//! Asking changes nothing there. The one question that leaves something behind is the login with
//! the default password: when it succeeds, its token is revoked at once. What a playbook asks to be
//! mended is the one thing that is changed.

mod drivers;
mod lists;
mod login;
mod server;

pub use crate::rancher::server::Access;
pub use crate::rancher::server::RancherError;
pub use crate::rancher::server::Server;
