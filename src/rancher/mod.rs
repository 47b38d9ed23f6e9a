//! A Rancher server, asked through its v3 API over verified TLS; nothing is changed there.
//!
//! The one call that leaves something behind is the login with the default password: when it
//! succeeds, its token is revoked at once.

mod lists;
mod login;
mod server;

pub use crate::rancher::server::Access;
pub use crate::rancher::server::RancherError;
pub use crate::rancher::server::Server;
