//! The live view of a run, on stderr: the story, never the result.
//!
//! A line that cannot be written is lost and stops nothing: an apply must not
//! end half way because a terminal was closed.

mod bars;
mod board;
mod told;

use std::io;
use std::io::Write;

use crate::event::Depth;
use crate::event::Event;
use crate::report::progress::bars::Bars;
use crate::report::progress::told::Told;
use crate::report::progress::told::Tone;

/// How a run is shown while it goes on.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Mode {
    /// For a terminal: one bar for all, and a line for each of the nodes at work.
    Bars,
    /// For everything else: one line for each thing worth knowing.
    Lines,
    /// Warnings and failures only.
    Quiet,
    /// Lines with their time, down to this depth.
    Verbose(Depth),
}

/// Shows events as they come.
pub struct Progress {
    view: View,
}

enum View {
    Bars(Box<Bars>),
    Lines {
        out: Box<dyn Write + Send>,
        /// What is less than this is not told.
        least: Tone,
        is_timed: bool,
    },
}

impl Progress {
    /// A view on stderr.
    pub fn new(mode: Mode) -> Self {
        match mode {
            Mode::Bars => Self {
                view: View::Bars(Box::default()),
            },
            Mode::Lines => Self::written_to(io::stderr(), Tone::Passing),
            Mode::Quiet => Self::written_to(io::stderr(), Tone::Warning),
            Mode::Verbose(depth) => Self::timed(io::stderr(), depth),
        }
    }

    fn timed(out: impl Write + Send + 'static, depth: Depth) -> Self {
        Self {
            view: View::Lines {
                out: Box::new(out),
                least: Tone::from(depth),
                is_timed: true,
            },
        }
    }

    fn written_to(out: impl Write + Send + 'static, least: Tone) -> Self {
        let out = Box::new(out);
        Self {
            view: View::Lines {
                out,
                least,
                is_timed: false,
            },
        }
    }

    /// Shows one event, or passes over it.
    pub fn report(&mut self, event: &Event) {
        let told = Told::of(event);
        match &mut self.view {
            View::Bars(bars) => bars.report(event, told),
            View::Lines {
                out,
                least,
                is_timed,
            } => {
                if let Some(told) = told.filter(|told| told.tone >= *least) {
                    let time = if *is_timed {
                        format!("{:8.3} ", event.since_start.as_secs_f64())
                    } else {
                        String::new()
                    };
                    let _ = writeln!(out, "{time}{}", told.text());
                }
            }
        }
    }

    /// Shows how long those who are at work have been at it; to be called now and then.
    pub fn wait(&mut self) {
        if let View::Bars(bars) = &mut self.view {
            bars.wait();
        }
    }

    /// Takes what moves off the terminal until the next event: somebody else writes there, or
    /// asks.
    pub fn pause(&mut self) {
        if let View::Bars(bars) = &mut self.view {
            bars.pause();
        }
    }

    /// Takes what moves off the terminal, so that the result begins on an empty line.
    pub fn finish(&mut self) {
        match &mut self.view {
            View::Bars(bars) => bars.pause(),
            View::Lines { out, .. } => {
                let _ = out.flush();
            }
        }
    }
}

#[cfg(test)]
mod tests;
