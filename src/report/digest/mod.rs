//! What is told of many nodes at once: equal findings, steps and troubles, told as one.
//!
//! The table, HTML and Markdown say the same because they all tell this.

pub(in crate::report) mod brief;
pub(in crate::report) mod controls;
mod drivers;
pub(crate) mod group;
pub(in crate::report) mod headline;
pub(in crate::report) mod standing;
pub(in crate::report) mod steps;
pub(in crate::report) mod troubles;
