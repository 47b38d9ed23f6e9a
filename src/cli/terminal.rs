//! Secrets that a person types.

use crate::secret::Secret;

/// What is typed after `question`, unseen; nothing where there is no terminal to ask on.
///
/// The terminal is asked itself, so that redirected streams do not matter.
pub(super) fn secret(question: &str) -> Option<Secret> {
    rpassword::prompt_password(question).ok().map(Secret::from)
}
