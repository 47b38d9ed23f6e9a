//! One run from its files to its exit code: what `check` and `apply` have in common.

use std::env;
use std::fs;
use std::future::Future;
use std::io;
use std::io::IsTerminal as _;
use std::io::Write as _;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use tokio::sync::mpsc;
use tokio::sync::mpsc::UnboundedReceiver;
use zeroize::Zeroizing;

use crate::cli::Format;
use crate::cli::HostKeyPolicy;
use crate::cli::Work;
use crate::cli::exit;
use crate::cli::reach;
use crate::cli::site;
use crate::engine::Job;
use crate::engine::RkeChoice;
use crate::engine::Teller;
use crate::error::Failure;
use crate::event::Event;
use crate::report::Report;
use crate::report::json;
use crate::report::progress::Mode;
use crate::report::progress::Progress;
use crate::report::table;
use crate::secret::Secret;
use crate::ssh::host_key::HostKeys;
use crate::ssh::session::Options;

/// Reads every file that the run needs.
pub(super) fn job(command: &'static str, work: &Work, allow_incomplete: bool) -> Result<Job, Failure> {
    let target = &work.target;
    let (inventory, selected) = site::inventory(target)?;
    let (playbook, profile) = site::profile(target, &inventory, work.playbook.as_deref())?;
    let (config, cluster) = site::cluster(target, &inventory, work.config.as_deref())?;
    let files = site::known_hosts(target, &inventory);
    let host_keys = match work.reach.host_keys {
        HostKeyPolicy::Strict => HostKeys::Strict,
        HostKeyPolicy::AcceptNew => HostKeys::AcceptNew(files[0].clone()),
    };
    let options = reach::options(target, &inventory, work.reach.step())?;
    let nodes = inventory.nodes.iter().filter(|node| selected.contains(&node.name));
    let keys = reach::keys(target, &options, nodes)?;
    let run = run_name();
    Ok(Job {
        command,
        selected,
        profile,
        level: work.level.unwrap_or(playbook.level),
        rollout: playbook.rollout,
        run_dir: site::directory(&config).join("harden-runs").join(&run),
        config,
        cluster,
        run,
        fresh_key: fresh_key()?,
        keys,
        options: Options { host_keys, ..options },
        jobs: work.reach.jobs.into(),
        answer: Duration::from_secs(work.reach.answer_timeout),
        rke: if work.no_rke {
            RkeChoice::Leave
        } else {
            RkeChoice::Run(work.rke.clone())
        },
        allow_incomplete,
        inventory,
    })
}

/// Sorts by time and is unique on this machine.
fn run_name() -> String {
    let now = Timestamp::now().strftime("%Y%m%dT%H%M%SZ");
    format!("{now}-{}", std::process::id())
}

/// 32 bytes from the operating system (T-17, T-18).
fn fresh_key() -> Result<Secret, Failure> {
    let mut bytes = Zeroizing::new([0_u8; 32]);
    getrandom::fill(bytes.as_mut_slice()).map_err(|error| {
        Failure::new(exit::INTERNAL, format!("no random bytes from the system: {error}"), "")
    })?;
    Ok(Secret::from(STANDARD.encode(bytes.as_slice())))
}

/// Runs `work_on` and listens to it; then writes the result and says how it went.
pub(super) fn conduct<F, Fut>(work: &Work, work_on: F) -> Result<ExitCode, Failure>
where
    F: FnOnce(Teller, Arc<Progress>) -> Fut,
    Fut: Future<Output = ()>,
{
    let runtime = tokio::runtime::Runtime::new()
        .map_err(|error| Failure::new(exit::INTERNAL, error.to_string(), ""))?;
    let progress = Arc::new(Progress::new(mode(work.quiet)));
    let report = runtime.block_on(async {
        let (events, heard) = mpsc::unbounded_channel();
        let work = work_on(Teller::new(events), progress.clone());
        let ((), report) = tokio::join!(work, listen(heard, &progress));
        report
    });
    progress.finish();
    write_result(work, &report)?;
    Ok(ExitCode::from(report.exit_code()))
}

async fn listen(mut heard: UnboundedReceiver<Event>, progress: &Progress) -> Report {
    let mut report = Report::default();
    while let Some(event) = heard.recv().await {
        progress.report(&event);
        report.absorb(event);
    }
    report
}

fn mode(quiet: bool) -> Mode {
    let dumb = env::var_os("TERM").is_some_and(|term| term == "dumb");
    if quiet {
        Mode::Quiet
    } else if io::stderr().is_terminal() && !dumb {
        Mode::Bars
    } else {
        Mode::Lines
    }
}

fn write_result(work: &Work, report: &Report) -> Result<(), Failure> {
    let failed = |error: io::Error| Failure::new(exit::INTERNAL, error.to_string(), "");
    if let Some(file) = &work.json {
        let mut text = Vec::new();
        json::write(report, &mut text).map_err(failed)?;
        fs::write(file, text).map_err(|error| {
            let message = format!("{}: {error}", file.display());
            Failure::new(exit::INTERNAL, message, "name a file that can be written with `--json`")
        })?;
    }
    let mut stdout = io::stdout().lock();
    let written = match work.format {
        Format::Json => json::write(report, &mut stdout),
        Format::Table => table::write(report, &table_options(work), &mut stdout),
    };
    match written.and_then(|()| stdout.flush()) {
        // Whoever reads has seen enough.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        other => other.map_err(failed),
    }
}

fn table_options(work: &Work) -> table::Options {
    let no_colour = env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    let colour = io::stdout().is_terminal() && !no_colour;
    table::Options {
        style: if colour { table::Style::Colour } else { table::Style::Plain },
        diff: work.diff,
    }
}
