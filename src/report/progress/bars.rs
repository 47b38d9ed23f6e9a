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

/// So many nodes that could not be reached are told one by one while the run goes on; all of them
/// are in the result.
const FIRST_FAILURES: usize = 5;

/// One bar for all nodes, and a line for each of the nodes at work.
pub(super) struct Bars {
    board: Board,
    /// Whether the head has a bar.
    has_bar: Option<bool>,
    /// Failures of single nodes so far.
    failures: usize,
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
            has_bar: None,
            failures: 0,
            screen,
            head,
            lines: Vec::new(),
        }
    }

    /// What matters beyond the moment stands above the bars and scrolls away with them.
    pub(super) fn report(&mut self, event: &Event, told: Option<Told>) {
        self.board.absorb(event);
        if let Some(told) = told.filter(|told| told.tone >= Tone::Story) {
            self.print(event, &told);
        }
        self.draw();
    }

    /// A thousand failures of one cause would push everything else off the screen.
    fn print(&mut self, event: &Event, told: &Told) {
        if event.node.is_some() && told.tone >= Tone::Warning {
            self.failures += 1;
        }
        let line = if event.node.is_none() || self.failures <= FIRST_FAILURES {
            told.text()
        } else if self.failures == FIRST_FAILURES + 1 {
            "more nodes have failures or warnings; the result names all of them".to_owned()
        } else {
            return;
        };
        let _ = self.screen.println(line);
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
        let has_bar = self.board.total.is_some();
        if self.has_bar != Some(has_bar) {
            self.has_bar = Some(has_bar);
            self.head.set_style(style(if has_bar {
                "{spinner} [{bar:24}] {pos}/{len}  {wide_msg}"
            } else {
                "{spinner} {wide_msg}"
            }));
        }
        if let Some(total) = self.board.total {
            self.head.set_length(total as u64);
            self.head.set_position(self.board.done as u64);
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
