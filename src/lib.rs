//! `harden` brings a Rancher/RKE1 fleet to a CIS profile, and proves that it got there.
//!
//! The data of one node takes one path. The modules are listed in its order:
//!
//! ```text
//! inventory ─┐
//!            ├─▶ questions ─▶ ssh ─▶ facts ─▶ audit ─▶ findings ─▶ report
//! profile ───┘                         │                 │
//!                                      └──────▶ plan ◀───┘
//!                                                │
//!                                             changes ─▶ apply ─▶ facts again
//! ```
//!
//! Between facts and changes there are only pure functions: no clock, no
//! network, no files. The effects sit at the two ends, and only the engine
//! calls them.

pub mod source;
pub mod yaml;
pub mod secret;
pub mod shared;
pub mod inventory;
pub mod cluster_file;
pub mod node;
pub mod ssh;
pub mod facts;
pub mod resource;
pub mod profile;
pub mod fleet;
pub mod finding;
pub mod audit;
pub mod statements;
pub mod plan;
pub mod ping;
pub mod event;
pub mod rke;
pub mod https;
pub mod kube;
pub mod rancher;
pub mod engine;
pub mod report;
pub mod error;
pub mod cli;
