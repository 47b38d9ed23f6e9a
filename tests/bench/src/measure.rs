//! Runs one command and accounts for all of its processes.

use std::fs;
use std::fs::File;
use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::Command;
use std::process::ExitCode;
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering;
use std::thread;
use std::time::Duration;
use std::time::Instant;

use anyhow::Context as _;
use clap::Args;
use nix::sys::resource::UsageWho;
use nix::sys::resource::getrusage;
use nix::sys::time::TimeValLike as _;

use crate::sample::Sample;

/// Between two looks at the memory of the tool's processes.
const LOOK: Duration = Duration::from_millis(50);

/// For the hosts to reap what the last logins left.
const SETTLE: Duration = Duration::from_millis(400);

/// Runs a command, its output in a file, and appends what it cost as one line of JSON.
#[derive(Args)]
pub(crate) struct Measure {
    #[arg(long)]
    tool: String,
    #[arg(long)]
    mode: String,
    #[arg(long)]
    n: u32,
    /// Process ids of the hosts' servers, one a line.
    #[arg(long)]
    hosts: PathBuf,
    /// What the command says goes here.
    #[arg(long)]
    log: PathBuf,
    /// The file to append to.
    #[arg(long)]
    out: PathBuf,
    /// Exit codes that mean the work was done.
    #[arg(long, value_delimiter = ',', default_value = "0")]
    accept: Vec<i32>,
    #[arg(last = true, required = true)]
    command: Vec<String>,
}

impl Measure {
    pub(crate) fn run(&self) -> Result<ExitCode, anyhow::Error> {
        let hosts = Hosts::read(&self.hosts)?;
        let (hosts_before, own_before) = (hosts.cpu(), children_cpu()?);
        let start = Instant::now();
        let (code, sampled) = self.spawn()?;
        let wall_s = start.elapsed().as_secs_f64();
        let cpu_s = children_cpu()? - own_before;
        thread::sleep(SETTLE);
        let sample = Sample {
            tool: self.tool.clone(),
            mode: self.mode.clone(),
            n: self.n,
            code,
            wall_s,
            cpu_s,
            memory_mib: sampled.max(largest_child()?) / 1024.0,
            hosts_cpu_s: hosts.cpu() - hosts_before,
        };
        let mut out = OpenOptions::new()
            .create(true)
            .append(true)
            .open(&self.out)?;
        writeln!(out, "{}", serde_json::to_string(&sample)?)?;
        if self.accept.contains(&code) {
            return Ok(ExitCode::SUCCESS);
        }
        Ok(ExitCode::FAILURE)
    }

    /// The exit code, and the peak of the summed memory in KiB.
    fn spawn(&self) -> Result<(i32, f64), anyhow::Error> {
        let log = File::create(&self.log).with_context(|| self.log.display().to_string())?;
        let (program, arguments) = self.command.split_first().context("no command")?;
        let mut child = Command::new(program)
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .spawn()
            .with_context(|| program.clone())?;
        let over = Arc::new(AtomicBool::new(false));
        let watch = {
            let (over, root) = (over.clone(), child.id());
            thread::spawn(move || peak(root, &over))
        };
        let status = child.wait()?;
        over.store(true, Ordering::Relaxed);
        let peak = watch.join().unwrap_or_default();
        Ok((status.code().unwrap_or(-1), peak))
    }
}

/// The servers of the hosts, each the first process of a namespace that reaps all of its children.
struct Hosts(Vec<u32>);

impl Hosts {
    fn read(file: &PathBuf) -> Result<Self, anyhow::Error> {
        let text = fs::read_to_string(file).with_context(|| file.display().to_string())?;
        let pids = text.split_whitespace().map(str::parse);
        Ok(Self(pids.collect::<Result<_, _>>()?))
    }

    /// Seconds that were spent so far, in the kernel's ticks of 10 ms.
    fn cpu(&self) -> f64 {
        let ticks: f64 = self.0.iter().filter_map(|pid| ticks(*pid)).sum();
        ticks / 100.0
    }
}

/// User and system time of a process and of its reaped children: fields 14 to 17 of proc(5).
fn ticks(pid: u32) -> Option<f64> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let (_, fields) = stat.rsplit_once(')')?;
    let times = fields.split_whitespace().skip(11).take(4);
    times.map(|field| field.parse::<f64>().ok()).sum()
}

fn children_cpu() -> Result<f64, anyhow::Error> {
    let usage = getrusage(UsageWho::RUSAGE_CHILDREN)?;
    let micros = usage.user_time().num_microseconds() + usage.system_time().num_microseconds();
    Ok(Duration::from_micros(micros.unsigned_abs()).as_secs_f64())
}

/// The peak of the largest process in KiB, which no look can miss.
fn largest_child() -> Result<f64, anyhow::Error> {
    let usage = getrusage(UsageWho::RUSAGE_CHILDREN)?;
    Ok(u32::try_from(usage.max_rss()).map(f64::from)?)
}

fn peak(root: u32, over: &AtomicBool) -> f64 {
    let mut peak = 0.0_f64;
    while !over.load(Ordering::Relaxed) {
        peak = peak.max(resident(root));
        thread::sleep(LOOK);
    }
    peak
}

/// Resident memory of a process and everything below it, in KiB.
fn resident(pid: u32) -> f64 {
    let own = fs::read_to_string(format!("/proc/{pid}/statm")).ok();
    let pages = own.and_then(|text| text.split_whitespace().nth(1)?.parse::<f64>().ok());
    let children = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children"));
    let below = children.unwrap_or_default();
    let below = below.split_whitespace().filter_map(|pid| pid.parse().ok());
    pages.unwrap_or_default() * 4.0 + below.map(resident).sum::<f64>()
}
