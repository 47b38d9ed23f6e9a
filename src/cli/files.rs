//! Open files: every connection is one, and systems allow few by default.

use rustix::process::Resource;
use rustix::process::getrlimit;
use rustix::process::setrlimit;

use crate::cli::exit;
use crate::error::Failure;

/// For what is open beside connections: files, the terminal, the runtime's own.
const OWN: u64 = 64;

/// Raises the limit on open files, as far as the system lets us, so that `nodes` fit.
///
/// # Errors
///
/// A limit that stays too low for a connection to each of them.
pub(super) fn make_room(nodes: usize) -> Result<(), Failure> {
    let wanted = u64::try_from(nodes).unwrap_or(u64::MAX).saturating_add(OWN);
    let mut limit = getrlimit(Resource::Nofile);
    if limit.current.is_none_or(|now| now >= wanted) {
        return Ok(());
    }
    let granted = limit.maximum.map_or(wanted, |most| most.min(wanted));
    limit.current = Some(granted);
    let raised = setrlimit(Resource::Nofile, limit);
    if raised.is_ok() && granted >= wanted {
        return Ok(());
    }
    Err(Failure::new(
        exit::USAGE,
        format!("{nodes} nodes need {wanted} open files, and this system allows {granted}"),
        format!(
            "raise it with `ulimit -n {wanted}` as root, or take a part of the nodes with `--on`"
        ),
    ))
}
