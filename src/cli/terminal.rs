//! Secrets that a person types.

use crate::secret::Secret;
use rustix::termios::LocalModes;
use rustix::termios::OptionalActions;
use rustix::termios::Termios;
use rustix::termios::tcgetattr;
use rustix::termios::tcsetattr;
use std::fs::File;
use std::io;

/// What is typed after `question`, unseen; nothing where there is no terminal to ask on.
///
/// The terminal is asked itself, so that redirected streams do not matter.
pub(super) fn secret(question: &str) -> Option<Secret> {
    let _unseen = Unseen::begin().ok()?;
    rpassword::prompt_password(question).ok().map(Secret::from)
}

/// The terminal without echo, from before the question is shown until this is dropped.
///
/// `rpassword` shows the question first and turns echo off after it, so that the first letters of
/// a quick typist, or of a program that answers, would be seen.
struct Unseen {
    terminal: File,
    before: Termios,
}

impl Unseen {
    fn begin() -> io::Result<Self> {
        let terminal = File::open("/dev/tty")?;
        let before = tcgetattr(&terminal)?;
        let mut unseen = before.clone();
        unseen
            .local_modes
            .remove(LocalModes::ECHO | LocalModes::ECHONL);
        tcsetattr(&terminal, OptionalActions::Now, &unseen)?;
        Ok(Self { terminal, before })
    }
}

impl Drop for Unseen {
    fn drop(&mut self) {
        // A terminal that went away has no echo left to give back.
        let _gone = tcsetattr(&self.terminal, OptionalActions::Now, &self.before);
    }
}
