//! The result for people: plain text, the same facts at every width.
//!
//! Nodes of which the same is to be said are said once. Everything printed
//! goes through `page`, which escapes what a terminal would obey.

mod controls;
mod ending;
pub(super) mod page;
mod work;

use std::io;

use crate::report::digest::steps;
use crate::report::digest::steps::Planned;
use crate::report::digest::troubles;
use crate::report::document::Document;
use crate::report::document::Plan;
use crate::report::table::page::Page;

/// How the table looks; the caller knows the terminal, the environment and the flags.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Look {
    pub style: Style,
    /// Characters a line should have at most; a word that is longer is not cut.
    pub width: usize,
    /// Shows the content of files and of `cluster.yml`, before and after.
    pub diff: bool,
    /// Tells of every control in full, also of those that pass.
    pub all: bool,
}

/// Whether there are colours. What they say is said in words, too.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Style {
    Plain,
    Colour,
}

/// Writes the whole result of a run.
///
/// # Errors
/// Those of `out`.
pub fn write(out: &mut dyn io::Write, document: &Document, look: Look) -> io::Result<()> {
    let mut page = Page::new(out, look);
    controls::write(&mut page, document)?;
    work::write_done(&mut page, document)?;
    if let Some(planned) = steps::planned(document) {
        work::write_planned(&mut page, &planned)?;
    }
    for troubles in troubles::of(document) {
        ending::write_troubles(&mut page, &troubles)?;
    }
    ending::write_standing(&mut page, document)?;
    ending::write_summary(&mut page, document)
}

/// Writes what `command` would do and what forbids it, for the question whether it shall.
///
/// # Errors
/// Those of `out`.
pub fn write_plan(
    out: &mut dyn io::Write,
    command: &str,
    plan: &Plan,
    look: Look,
) -> io::Result<()> {
    let mut page = Page::new(out, look);
    work::write_planned(&mut page, &Planned::of(plan, command, false))?;
    ending::write_troubles(&mut page, &troubles::blocking(&plan.blockers))
}

#[cfg(test)]
mod tests;
