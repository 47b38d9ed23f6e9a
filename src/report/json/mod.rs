//! The result for programs, and what `harden report` reads again: a document as JSON.
//!
//! `docs/report.schema.json` describes it.

mod calm;
mod error;

use std::io;

use serde::Deserialize;
use serde::Serialize;
use serde_json::Serializer;

use crate::report::document::Document;
use crate::report::document::VERSION;
use crate::report::json::calm::Calm;

pub use crate::report::json::error::ReadError;

/// Writes `document`, ended by a newline.
///
/// # Errors
/// Those of `out`.
pub fn write(out: &mut dyn io::Write, document: &Document) -> io::Result<()> {
    write_any(out, document)
}

/// Reads what [`write`] wrote; fields that this version does not know are passed over.
///
/// # Errors
/// Anything that is not the report of a run, or of a newer version of the format.
pub fn read(text: &[u8]) -> Result<Document, ReadError> {
    let stamp: Stamp = serde_json::from_slice(text).map_err(not_a_stamp)?;
    match stamp {
        Stamp {
            version: Some(version),
            ..
        } if version > VERSION => Err(ReadError::Newer {
            version,
            known: VERSION,
        }),
        Stamp {
            version: Some(_),
            clusters: Some(_),
            ..
        } => Err(ReadError::Joined),
        Stamp {
            version: Some(_),
            findings: Some(_),
            ..
        } => serde_json::from_slice(text).map_err(ReadError::NotAReport),
        Stamp { .. } => Err(ReadError::SomethingElse),
    }
}

/// Writes anything the way reports are written.
pub(super) fn write_any(out: &mut dyn io::Write, value: &impl Serialize) -> io::Result<()> {
    value.serialize(&mut Serializer::with_formatter(&mut *out, Calm::default()))?;
    writeln!(out)
}

fn not_a_stamp(error: serde_json::Error) -> ReadError {
    if error.is_data() {
        ReadError::SomethingElse
    } else {
        ReadError::NotJson(error)
    }
}

/// What tells a report from other JSON.
#[derive(Deserialize)]
struct Stamp {
    version: Option<u32>,
    findings: Option<serde::de::IgnoredAny>,
    clusters: Option<serde::de::IgnoredAny>,
}

#[cfg(test)]
mod tests;
