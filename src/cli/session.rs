//! A job from its first event to its exit code: what the commands that work on nodes have in common.

use std::env;
use std::future::Future;
use std::io;
use std::io::IsTerminal as _;
use std::process::ExitCode;

use tokio::signal::unix::SignalKind;
use tokio::signal::unix::signal;
use tokio::sync::watch;

use crate::cli::Work;
use crate::cli::audience::Audience;
use crate::cli::exit;
use crate::cli::output::Format;
use crate::engine::Stop;
use crate::engine::Teller;
use crate::error::Failure;
use crate::event::EventKind;
use crate::report::Report;
use crate::report::document::Document;
use crate::report::progress::Mode;

/// Runs `work_on` and listens to it; then writes the result and says how it went.
pub(super) fn conduct<F, Fut>(work: &Work, work_on: F) -> Result<ExitCode, Failure>
where
    F: FnOnce(Teller, Stop, Audience) -> Fut,
    Fut: Future<Output = ()>,
{
    work.output.prepare(Format::ALL)?;
    let (report, ()) = attended(work, work_on)?;
    let document = Document::of(report);
    work.output.write(&document)?;
    Ok(ExitCode::from(document.exit_code))
}

/// The same for work whose result is a value and no report.
pub(super) fn told<T, F, Fut>(work: &Work, work_on: F) -> Result<T, Failure>
where
    F: FnOnce(Teller, Stop) -> Fut,
    Fut: Future<Output = T>,
{
    let (_, value) = attended(work, |teller, stop, _| work_on(teller, stop))?;
    Ok(value)
}

fn attended<T, F, Fut>(work: &Work, work_on: F) -> Result<(Report, T), Failure>
where
    F: FnOnce(Teller, Stop, Audience) -> Fut,
    Fut: Future<Output = T>,
{
    // One thread: all that a second one adds to a few milliseconds of work per node is waking it
    // up, and that costs more than it brings (docs/performance.md).
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::new(exit::INTERNAL, error.to_string(), ""))?;
    let audience = Audience::new(mode(work));
    let value = runtime.block_on(async {
        let listener = audience.clone();
        let teller = Teller::new(move |event| listener.hear(event));
        let (ask, asked) = watch::channel(false);
        let signals = tokio::spawn(mind_signals(ask, teller.clone()));
        let clock = tokio::spawn(audience.clone().mind_time());
        let value = work_on(teller, Stop::new(asked), audience.clone()).await;
        clock.abort();
        signals.abort();
        value
    });
    // A prompt that nobody answered still waits for its line.
    runtime.shutdown_background();
    Ok((audience.leave(), value))
}

/// The first signal asks for a stop, the second one is obeyed at once.
async fn mind_signals(ask: watch::Sender<bool>, teller: Teller) {
    let kinds = [
        SignalKind::interrupt(),
        SignalKind::terminate(),
        SignalKind::hangup(),
    ];
    let [Ok(mut interrupt), Ok(mut terminate), Ok(mut hangup)] = kinds.map(signal) else {
        return;
    };
    loop {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
            _ = hangup.recv() => {}
        }
        if *ask.borrow() {
            exit::stop_at_once();
        }
        ask.send_replace(true);
        teller.tell(EventKind::Warned {
            message:
                "stopping: the change in hand is finished first, and a running `rke up` is left to end"
                    .into(),
            hint: "a second Ctrl-C stops at once, and leaves what is half done".into(),
        });
    }
}

fn mode(work: &Work) -> Mode {
    let dumb = env::var_os("TERM").is_some_and(|term| term == "dumb");
    if work.quiet {
        Mode::Quiet
    } else if let Some(depth) = work.depth() {
        Mode::Verbose(depth)
    } else if io::stderr().is_terminal() && !dumb {
        Mode::Bars
    } else {
        Mode::Lines
    }
}
