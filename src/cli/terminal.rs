//! Secrets that a person types.

use std::fs::File;
use std::io;
use std::io::Read as _;
use std::io::Write as _;

use rustix::termios::InputModes;
use rustix::termios::LocalModes;
use rustix::termios::OptionalActions;
use rustix::termios::SpecialCodeIndex;
use rustix::termios::Termios;
use rustix::termios::tcgetattr;
use rustix::termios::tcsetattr;
use zeroize::Zeroizing;

use crate::cli::exit;
use crate::secret::Secret;

/// The longest line that Linux hands over from a terminal, in bytes.
const LONGEST: usize = 4096;

/// What Ctrl-C types where it raises no signal.
const CTRL_C: u8 = 3;

/// What is typed after `question`, unseen; nothing where there is no terminal to ask on.
///
/// The terminal is asked itself, so that redirected streams do not matter. Ctrl-C ends the program
/// as everywhere, after echo is back.
pub(super) fn secret(question: &str) -> Option<Secret> {
    let mut terminal = File::options()
        .read(true)
        .write(true)
        .open("/dev/tty")
        .ok()?;
    let line = ask(&mut terminal, question).ok()?;
    if line.ends_with(&[CTRL_C]) {
        exit::stop_at_once();
    }
    let typed = line.strip_suffix(b"\n")?;
    Some(Secret::new(typed.to_vec()))
}

/// One line with its end, or what was typed before Ctrl-C and that; nothing at the end of input.
fn ask(terminal: &mut File, question: &str) -> io::Result<Zeroizing<Vec<u8>>> {
    let _unseen = Unseen::begin(terminal)?;
    terminal.write_all(question.as_bytes())?;
    let mut line = Zeroizing::new(vec![0; LONGEST]);
    let length = terminal.read(&mut line)?;
    line.truncate(length);
    terminal.write_all(b"\n")?;
    Ok(line)
}

/// The terminal without echo and signals, from before the question until this is dropped.
///
/// Echo goes first, so that nothing of a quick typist is seen. Ctrl-C ends the line instead of the
/// program: dying here would leave the operator with a terminal that shows nothing.
struct Unseen {
    terminal: File,
    before: Termios,
}

impl Unseen {
    fn begin(terminal: &File) -> io::Result<Self> {
        let terminal = terminal.try_clone()?;
        let before = tcgetattr(&terminal)?;
        let mut unseen = before.clone();
        let shown = LocalModes::ECHO | LocalModes::ECHONL | LocalModes::ISIG;
        unseen.local_modes.remove(shown);
        unseen.local_modes.insert(LocalModes::ICANON);
        unseen.input_modes.insert(InputModes::ICRNL);
        unseen.special_codes[SpecialCodeIndex::VEOL] = CTRL_C;
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
