//! The board on a terminal.

use std::time::Duration;

use indicatif::MultiProgress;
use indicatif::ProgressBar;
use indicatif::ProgressDrawTarget;
use indicatif::ProgressStyle;

use crate::event::Event;
use crate::report::progress::board::Board;
use crate::report::progress::told::Told;
use crate::report::progress::told::Tone;

/// Often enough to show that the program is alive.
const TICK: Duration = Duration::from_millis(120);

/// One bar for all nodes, and a line for each of the nodes at work.
pub(super) struct Bars {
    board: Board,
    screen: MultiProgress,
    head: ProgressBar,
    lines: Vec<ProgressBar>,
}

impl Bars {
    pub(super) fn on_stderr() -> Self {
        let screen = MultiProgress::with_draw_target(ProgressDrawTarget::stderr());
        let head = screen.add(ProgressBar::no_length());
        head.enable_steady_tick(TICK);
        Self {
            board: Board::default(),
            screen,
            head,
            lines: Vec::new(),
        }
    }

    /// What matters beyond the moment stands above the bars and scrolls away with them.
    pub(super) fn report(&mut self, event: &Event, told: Option<Told>) {
        self.board.absorb(event);
        if let Some(told) = told.filter(|told| told.tone >= Tone::Story) {
            let _ = self.screen.println(told.text());
        }
        self.draw();
    }

    pub(super) fn suspend<R>(&self, ask: impl FnOnce() -> R) -> R {
        self.screen.suspend(ask)
    }

    pub(super) fn clear(&mut self) {
        self.head.disable_steady_tick();
        for line in self.lines.drain(..) {
            self.screen.remove(&line);
        }
        self.head.finish_and_clear();
        let _ = self.screen.clear();
    }

    fn draw(&mut self) {
        match self.board.total {
            Some(total) => {
                self.head.set_length(total as u64);
                self.head.set_position(self.board.done as u64);
                self.head
                    .set_style(style("{spinner} [{bar:24}] {pos}/{len}  {wide_msg}"));
            }
            None => self.head.set_style(style("{spinner} {wide_msg}")),
        }
        self.head.set_message(self.board.head());
        let lines = self.board.lines();
        while self.lines.len() > lines.len() {
            if let Some(line) = self.lines.pop() {
                self.screen.remove(&line);
            }
        }
        while self.lines.len() < lines.len() {
            let line = self.screen.add(ProgressBar::no_length());
            self.lines.push(line.with_style(style("{wide_msg}")));
        }
        for (line, text) in self.lines.iter().zip(lines) {
            line.set_message(text);
        }
    }
}

impl Drop for Bars {
    fn drop(&mut self) {
        self.clear();
    }
}

/// The templates are constants of this file; one that were wrong would give the default look.
fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template)
        .unwrap_or_else(|_| ProgressStyle::default_bar())
        .progress_chars("=> ")
}
