//! RKE on the operator's machine: `cluster.yml` on disk and the `rke` program.
//!
//! One run takes the [`Lock`] beside the configuration, asks [`preflight`]
//! whether `rke` may touch this cluster, replaces the file with
//! [`write_atomically`], runs [`Rke::up`] once, and believes its [`Verdict`].

mod error;
mod hint;
mod line;
mod lock;
mod preflight;
mod snapshot;
mod up;
mod verdict;
mod write;

pub use error::RkeError;
pub use line::Level;
pub use line::Line;
pub use lock::Lock;
pub use preflight::Obstacle;
pub use preflight::clashes;
pub use preflight::preflight;
pub use up::Rke;
pub use verdict::Recreated;
pub use verdict::Skipped;
pub use verdict::UpOutcome;
pub use verdict::Verdict;
pub use write::back_up;
pub use write::write_atomically;
