//! Exit codes, one by one.

use std::process::ExitCode;

/// Shown by `--help`; README repeats it.
pub(super) const HELP: &str = "\
Exit codes:
  0  everything was measured and passes, is waived, a known failure or does not apply
  1  harden itself failed
  2  wrong usage, or an inventory, playbook or profile that does not load
  3  at least one control fails; `check`: `apply` has work; `undo`: something is left
  4  not everything could be measured: a node unreachable, a fact unread
  5  apply, undo, rotate-key: a change failed
The worst one wins: 5, 4, 3.";

/// harden itself failed.
pub(super) const INTERNAL: u8 = 1;

/// Wrong usage, or a file of the operator's that does not load.
pub(super) const USAGE: u8 = 2;

/// The connection to a node is missing.
pub(super) const UNMEASURED: u8 = 4;

pub(super) fn success() -> ExitCode {
    ExitCode::SUCCESS
}

/// Ends the program as Ctrl-C does, wherever it is; also where the signal itself is ignored, as
/// below `nohup`.
#[expect(clippy::exit, reason = "somebody asked for it")]
pub(super) fn stop_at_once() -> ! {
    std::process::exit(130);
}
