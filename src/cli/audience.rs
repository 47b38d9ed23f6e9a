//! Who listens to a run: the live view, and the report that remains.

use std::io;
use std::io::IsTerminal as _;
use std::io::Write as _;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;
use std::time::Duration;

use crate::cli::output::Output;
use crate::event::Event;
use crate::report::Report;
use crate::report::document::Plan;
use crate::report::progress::Mode;
use crate::report::progress::Progress;
use crate::report::table;

/// How often the live view is drawn where no event draws it.
const BEAT: Duration = Duration::from_millis(200);

/// Who listens to a run: the live view, and the report that remains.
#[derive(Clone)]
pub(super) struct Audience(Arc<Mutex<(Progress, Report)>>);

impl Audience {
    pub(super) fn new(mode: Mode) -> Self {
        Self(Arc::new(Mutex::new((
            Progress::new(mode),
            Report::default(),
        ))))
    }

    pub(super) fn hear(&self, event: Event) {
        let (progress, report) = &mut *self.lock();
        progress.report(&event);
        report.absorb(event);
    }

    /// Moves the live view on where no event does.
    pub(super) async fn mind_time(self) {
        loop {
            tokio::time::sleep(BEAT).await;
            self.lock().0.wait();
        }
    }

    /// Shows the plan of this run on standard error; the live view rests until the next event, so
    /// that a question may follow.
    pub(super) fn show_plan(&self, output: &Output) -> io::Result<()> {
        let (progress, report) = &mut *self.lock();
        let plan = report.plan.as_deref().map(Plan::of).unwrap_or_default();
        let command = report.run.as_ref().map_or("apply", |run| &run.command);
        let look = output.look(io::stderr().is_terminal());
        progress.pause();
        table::write_plan(&mut io::stderr(), command, &plan, look)
    }

    /// Shows a text on standard error, as `show_plan` does.
    pub(super) fn show(&self, text: &str) -> io::Result<()> {
        self.lock().0.pause();
        io::stderr().write_all(text.as_bytes())
    }

    /// Ends the live view.
    pub(super) fn leave(&self) -> Report {
        let (progress, report) = &mut *self.lock();
        progress.finish();
        std::mem::take(report)
    }

    /// A listener that panicked has lost at most its own line.
    fn lock(&self) -> MutexGuard<'_, (Progress, Report)> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
