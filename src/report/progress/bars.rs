//! The board on a terminal.

use std::time::Duration;
use std::time::Instant;

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

/// Thousands of nodes make an event each, and nobody sees more pictures than this.
const PICTURE: Duration = Duration::from_millis(50);

/// So many nodes that could not be reached are told one by one while the run goes on; all of them
/// are in the result.
const FIRST_FAILURES: usize = 5;

/// What is shown of a run, and where it stands.
#[derive(Default)]
pub(super) struct Bars {
    board: Board,
    /// Failures of single nodes so far.
    failures: usize,
    /// The latest event: its own time, and ours.
    latest: Option<(Duration, Instant)>,
    drawn: Option<Instant>,
    /// `None` while the terminal belongs to somebody else.
    screen: Option<Screen>,
}

impl Bars {
    /// What matters beyond the moment stands above the bars and scrolls away with them.
    pub(super) fn report(&mut self, event: &Event, told: Option<Told>) {
        self.board.absorb(event);
        self.latest = Some((event.since_start, Instant::now()));
        let text = told
            .filter(|told| told.tone >= Tone::Story)
            .and_then(|told| self.above(event, &told));
        let screen = self.screen.get_or_insert_with(Screen::on_stderr);
        if let Some(text) = text {
            let _ = screen.all.println(text);
        }
        if self.drawn.is_none_or(|drawn| drawn.elapsed() >= PICTURE) {
            screen.draw(&self.board);
            self.drawn = Some(Instant::now());
        }
    }

    /// A node that hangs makes no event, and is the one to be seen.
    pub(super) fn wait(&mut self) {
        if let (Some(screen), Some((time, heard))) = (&mut self.screen, self.latest) {
            self.board.wait(time + heard.elapsed());
            screen.draw(&self.board);
        }
    }

    /// Leaves the terminal alone until the next event.
    pub(super) fn pause(&mut self) {
        self.screen = None;
        self.drawn = None;
    }

    /// A thousand failures of one cause would push everything else off the screen.
    fn above(&mut self, event: &Event, told: &Told) -> Option<String> {
        if event.node.is_some() && told.tone >= Tone::Warning {
            self.failures += 1;
        }
        if event.node.is_none() || self.failures <= FIRST_FAILURES {
            Some(told.text())
        } else if self.failures == FIRST_FAILURES + 1 {
            let more = "more nodes have failures or warnings; the result names all of them";
            Some(more.to_owned())
        } else {
            None
        }
    }
}

/// One bar for all nodes, and a line for each of the nodes at work; gone when dropped.
struct Screen {
    all: MultiProgress,
    head: ProgressBar,
    /// Whether the head has a bar.
    has_bar: Option<bool>,
    lines: Vec<ProgressBar>,
}

impl Screen {
    fn on_stderr() -> Self {
        let all = MultiProgress::with_draw_target(ProgressDrawTarget::stderr());
        let head = all.add(ProgressBar::no_length());
        head.enable_steady_tick(TICK);
        Self {
            all,
            head,
            has_bar: None,
            lines: Vec::new(),
        }
    }

    fn draw(&mut self, board: &Board) {
        let has_bar = board.total.is_some();
        if self.has_bar != Some(has_bar) {
            self.has_bar = Some(has_bar);
            self.head.set_style(style(if has_bar {
                "{spinner} [{bar:20}] {pos}/{len}  {wide_msg}"
            } else {
                "{spinner} {wide_msg}"
            }));
        }
        if let Some(total) = board.total {
            self.head.set_length(total as u64);
            self.head.set_position(board.done as u64);
        }
        self.head.set_message(board.head());
        let lines = board.lines();
        while self.lines.len() > lines.len() {
            if let Some(line) = self.lines.pop() {
                self.all.remove(&line);
            }
        }
        while self.lines.len() < lines.len() {
            let line = self.all.add(ProgressBar::no_length());
            self.lines.push(line.with_style(style("{wide_msg}")));
        }
        for (line, text) in self.lines.iter().zip(lines) {
            line.set_message(text);
        }
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        self.head.disable_steady_tick();
        for line in self.lines.drain(..) {
            self.all.remove(&line);
        }
        self.head.finish_and_clear();
        let _ = self.all.clear();
    }
}

/// The templates are constants of this file; one that were wrong would give the default look.
fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template)
        .unwrap_or_else(|_| ProgressStyle::default_bar())
        .progress_chars("=> ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::EventKind;
    use crate::report::sample;

    #[test]
    fn nothing_is_drawn_over_a_question_however_long_it_waits() {
        let connecting = sample::of_node("cp-1", EventKind::Connecting);
        let mut bars = Bars::default();
        bars.report(&connecting, None);
        assert!(bars.screen.is_some());

        bars.pause();
        bars.wait();
        assert!(bars.screen.is_none());

        bars.report(&connecting, None);
        assert!(bars.screen.is_some());
    }
}
