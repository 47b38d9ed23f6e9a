//! One run from its files to its exit code: what `check` and `apply` have in common.

use std::collections::BTreeSet;
use std::env;
use std::fs;
use std::future::Future;
use std::io;
use std::io::IsTerminal as _;
use std::io::Write as _;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use tokio::signal::unix::SignalKind;
use tokio::signal::unix::signal;
use tokio::sync::watch;
use zeroize::Zeroizing;

use crate::cli::HostKeyPolicy;
use crate::cli::Reach;
use crate::cli::Target;
use crate::cli::Work;
use crate::cli::exit;
use crate::cli::files;
use crate::cli::output::Format;
use crate::cli::output::Output;
use crate::cli::reach;
use crate::cli::site;
use crate::cli::site_key;
use crate::engine::Connections;
use crate::engine::Job;
use crate::engine::RkeChoice;
use crate::engine::Stop;
use crate::engine::Teller;
use crate::error::Failure;
use crate::event::Event;
use crate::event::EventKind;
use crate::inventory::Inventory;
use crate::profile::Profile;
use crate::profile::filter::Filter;
use crate::profile::filter::check_needs;
use crate::profile::waiver::Day;
use crate::report::Report;
use crate::report::document::Document;
use crate::report::document::Plan;
use crate::report::progress::Mode;
use crate::report::progress::Progress;
use crate::report::table;
use crate::secret::Secret;
use crate::ssh::host_key::HostKeys;
use crate::ssh::session::Options;

/// How often times are shown anew.
const SECOND: Duration = Duration::from_secs(1);

/// Reads every file that the run needs.
pub(super) fn job(
    command: &'static str,
    work: &Work,
    allow_incomplete: bool,
) -> Result<Job, Failure> {
    let target = &work.target;
    let (inventory, selected) = site::inventory(target)?;
    let site::Site {
        playbook,
        mut profile,
        statements,
    } = site::profile(work, &inventory)?;
    let rancher = site::rancher(target, &inventory, work.playbook.as_deref(), &playbook)?;
    let site_key = site_key::read(work, &inventory, &playbook)?;
    let today = Day(Timestamp::now().to_zoned(TimeZone::UTC).date());
    // Before the filter: what is left out of a run is not unknown.
    let warnings = statements.review(&profile, today);
    filter(&mut profile, work, command)?;
    let (config, cluster) = site::cluster(target, &inventory, work.config.as_deref())?;
    let host_keys = host_keys(target, &inventory, &work.reach);
    let chosen: BTreeSet<&String> = selected.iter().collect();
    let nodes = inventory.nodes.iter();
    let nodes: Vec<_> = nodes.filter(|node| chosen.contains(&node.name)).collect();
    files::make_room(nodes.len())?;
    let options = reach::options(target, &inventory, &nodes, work.reach.limit)?;
    let keys = reach::keys(target, &options, nodes)?;
    let run = run_name();
    Ok(Job {
        command,
        selected,
        profile,
        level: work.level.unwrap_or(playbook.level),
        rollout: playbook.rollout,
        statements,
        today,
        warnings,
        run_dir: site::directory(&config).join("harden-runs").join(&run),
        config,
        cluster,
        holder: holder(&run),
        lock: None,
        snapshot: true,
        depth: work.depth(),
        run,
        fresh_key: fresh_key()?,
        site_key,
        keys,
        sudo_password: reach::sudo_password(work.ask_sudo)?,
        options: Options {
            host_keys,
            ..options
        },
        jobs: work.reach.jobs.into(),
        connections: if command == "check" {
            Connections::Brief
        } else {
            Connections::Kept
        },
        answer: Duration::from_secs(work.reach.answer_timeout),
        restart: Duration::from_secs(work.restart_timeout),
        rke: if work.no_rke {
            RkeChoice::Leave
        } else {
            RkeChoice::Run(work.rke.clone())
        },
        ask_kubernetes: !work.no_kube,
        rancher,
        connect: work.reach.limit.step(),
        allow_incomplete,
        allow_refused_pods: false,
        inventory,
    })
}

/// Leaves of the profile what `--control` and `--skip` ask for.
fn filter(profile: &mut Profile, work: &Work, command: &str) -> Result<(), Failure> {
    let filtered = Filter::parse(&work.control, &work.skip).and_then(|filter| {
        filter.apply(profile)?;
        // A check changes nothing, so nothing can be missing.
        if command == "apply" {
            check_needs(profile)
        } else {
            Ok(())
        }
    });
    filtered.map_err(|error| Failure::new(exit::USAGE, error.to_string(), error.hint()))
}

/// What to do with hosts of which nothing is on record.
pub(super) fn host_keys(target: &Target, inventory: &Inventory, reach: &Reach) -> HostKeys {
    match reach.host_keys {
        HostKeyPolicy::Strict => HostKeys::Strict,
        HostKeyPolicy::AcceptNew => {
            HostKeys::AcceptNew(site::known_hosts(target, inventory).swap_remove(0))
        }
    }
}

/// Sorts by time and is unique on this machine.
fn run_name() -> String {
    let now = Timestamp::now().strftime("%Y%m%dT%H%M%SZ");
    format!("{now}-{}", std::process::id())
}

/// `run RUN of USER at HOST`, as others read it who find a node locked.
fn holder(run: &str) -> String {
    let user = env::var("USER").unwrap_or_else(|_| "somebody".to_owned());
    let host = fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let whole = format!("run {run} of {user} at {}", host.trim());
    whole.chars().filter(|one| !one.is_control()).collect()
}

/// 32 bytes from the operating system (T-17, T-18).
fn fresh_key() -> Result<Secret, Failure> {
    let mut bytes = Zeroizing::new([0_u8; 32]);
    getrandom::fill(bytes.as_mut_slice()).map_err(|error| {
        Failure::new(
            exit::INTERNAL,
            format!("no random bytes from the system: {error}"),
            "",
        )
    })?;
    Ok(Secret::from(STANDARD.encode(bytes.as_slice())))
}

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

/// Who listens to a run: the live view, and the report that remains.
#[derive(Clone)]
pub(super) struct Audience(Arc<Mutex<(Progress, Report)>>);

impl Audience {
    fn new(mode: Mode) -> Self {
        Self(Arc::new(Mutex::new((
            Progress::new(mode),
            Report::default(),
        ))))
    }

    fn hear(&self, event: Event) {
        let (progress, report) = &mut *self.lock();
        progress.report(&event);
        report.absorb(event);
    }

    /// Moves the live view on where no event does.
    async fn mind_time(self) {
        loop {
            tokio::time::sleep(SECOND).await;
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
    fn leave(&self) -> Report {
        let (progress, report) = &mut *self.lock();
        progress.finish();
        std::mem::take(report)
    }

    /// A listener that panicked has lost at most its own line.
    fn lock(&self) -> MutexGuard<'_, (Progress, Report)> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
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
            stop_at_once();
        }
        ask.send_replace(true);
        teller.tell(EventKind::Warned {
            message: "stopping: the change in hand is finished first, and `rke up` is left to end"
                .into(),
            hint: "a second Ctrl-C stops at once, and leaves what is half done".into(),
        });
    }
}

#[expect(clippy::exit, reason = "somebody asked twice")]
fn stop_at_once() -> ! {
    std::process::exit(130);
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
