//! From the files and the command line to a job for the engine.

use std::collections::BTreeSet;
use std::env;
use std::fs;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use zeroize::Zeroizing;

use crate::cli::HostKeyPolicy;
use crate::cli::Reach;
use crate::cli::Target;
use crate::cli::Work;
use crate::cli::exit;
use crate::cli::files;
use crate::cli::reach;
use crate::cli::site;
use crate::cli::site_key;
use crate::engine::Connections;
use crate::engine::Job;
use crate::engine::RkeChoice;
use crate::error::Failure;
use crate::inventory::Inventory;
use crate::profile::Profile;
use crate::profile::filter::Filter;
use crate::profile::waiver::Day;
use crate::secret::Secret;
use crate::source::Remark;
use crate::ssh::host_key::HostKeys;
use crate::ssh::session::Options;

/// Reads every file that the run needs.
pub(super) fn read(
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
    let mut warnings = statements.review(&profile, today);
    warnings.extend(filter(&mut profile, work, command)?);
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
        inventory: inventory.into(),
    })
}

/// Leaves of the profile what `--control` and `--skip` ask for; what `apply` would refuse of that, a
/// check is warned of.
fn filter(profile: &mut Profile, work: &Work, command: &str) -> Result<Option<Remark>, Failure> {
    let filtered = Filter::parse(&work.control, &work.skip).and_then(|filter| {
        let needs = filter.check_needs(profile);
        filter.apply(profile)?;
        match needs {
            Err(error) if command == "apply" => Err(error),
            Err(error) if command == "check" => {
                let message = format!("`apply` would refuse: {error}");
                Ok(Some(
                    Remark::of_file("--control", message).hinted(error.hint()),
                ))
            }
            _ => Ok(None),
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
