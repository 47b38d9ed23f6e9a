//! What a saved result is: that of one run, or that of many clusters joined.

use crate::report::document::Document;
use crate::report::fleet::Fleet;
use crate::report::json;
use crate::report::json::ReadError;

/// A result that was read again.
#[derive(Debug)]
pub enum Saved {
    Run(Box<Document>),
    Fleet(Box<Fleet>),
}

/// Reads what `--output json=FILE` wrote, of `check`, `apply` and their like or of `report merge`.
///
/// # Errors
/// Anything else, and what a newer version of the format wrote.
pub fn read(text: &[u8]) -> Result<Saved, ReadError> {
    match json::read(text) {
        Err(ReadError::Joined) => Fleet::read(text).map(|fleet| Saved::Fleet(Box::new(fleet))),
        other => other.map(|document| Saved::Run(Box::new(document))),
    }
}
