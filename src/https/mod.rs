//! A client for APIs over HTTPS: verified, bounded in time and size, patient when it is told to wait.
//!
//! It knows nothing of any API. Every call blocks; callers put it where blocking is allowed.

pub mod client;
pub mod error;
pub mod trust;

pub use crate::https::client::Answer;
pub use crate::https::client::Client;
pub use crate::https::client::Patience;
pub use crate::https::error::HttpsError;
pub use crate::https::trust::Identity;
pub use crate::https::trust::Trust;
