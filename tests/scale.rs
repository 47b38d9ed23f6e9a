//! Many nodes at once: how long a run takes when some of them are ill, and what it holds meanwhile.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs;
use std::process::Child;
use std::process::Command;
use std::process::Output;
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;
use std::time::Instant;

use harden::inventory::rke;
use harden::secret::Secret;
use harden::ssh::Remote as _;
use harden::ssh::keys::Keys;
use harden::ssh::known_hosts::KnownHosts;
use harden::ssh::session::Options;
use harden::ssh::session::Session;
use harden_lab::Crowd;
use harden_lab::Weather;
use serde_json::Value;
use tokio::runtime::Runtime;

/// How often a measurement by the clock may be repeated: the machine may be busy, and is not so
/// each time.
const TRIES: usize = 5;

/// A check closes a connection when its node has answered, so there are never more at once.
const OPEN: u64 = 200;

/// A check that ran to its end.
struct Ran {
    code: i32,
    stderr: String,
    elapsed: Duration,
    /// The peak of its memory in KiB.
    peak: u64,
    report: Value,
}

/// Checks a crowd with its own servers on another thread.
fn check(count: u32, weather: Weather, arguments: &[&str]) -> Ran {
    let runtime = Runtime::new().unwrap();
    let crowd = runtime.block_on(Crowd::start(count, weather)).unwrap();
    let start = Instant::now();
    let mut child = Command::new(env!("CARGO_BIN_EXE_harden"))
        .arg("check")
        .arg(crowd.inventory())
        .args(["--no-kube", "--no-rke", "--quiet", "--format", "json"])
        .args(arguments)
        .env_remove("SSH_AUTH_SOCK")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let watch = std::thread::spawn({
        let pid = child.id();
        move || peak(pid)
    });
    let mut stderr = child.stderr.take().unwrap();
    let errors = std::thread::spawn(move || std::io::read_to_string(&mut stderr).unwrap());
    let stdout = std::io::read_to_string(child.stdout.take().unwrap()).unwrap();
    let elapsed = start.elapsed();
    let code = wait(child);
    Ran {
        code,
        stderr: errors.join().unwrap(),
        elapsed,
        peak: watch.join().unwrap(),
        report: serde_json::from_str(&stdout).unwrap_or_default(),
    }
}

fn wait(mut child: Child) -> i32 {
    child.wait().unwrap().code().unwrap()
}

/// The largest `VmHWM` that was seen until the process ended.
fn peak(pid: u32) -> u64 {
    let mut peak = 0;
    while let Ok(status) = fs::read_to_string(format!("/proc/{pid}/status")) {
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let Some(line) = line else { break };
        let kib = line.split_whitespace().next().unwrap().parse().unwrap();
        peak = peak.max(kib);
        std::thread::sleep(Duration::from_millis(5));
    }
    peak
}

fn unreachable(ran: &Ran) -> u64 {
    ran.report["summary"]["unreachable"]
        .as_u64()
        .unwrap_or_else(|| panic!("{} {}", ran.report, ran.stderr))
}

#[test]
fn ill_nodes_cost_a_run_one_deadline_and_no_more() {
    let ill = Weather {
        dead: 5,
        hanging: 5,
        slow: 5,
        pause: Duration::from_secs(1),
        ..Weather::default()
    };
    let well = check(300, Weather::default(), &[]);

    let ran = check(300, ill, &["--connect-timeout", "4"]);

    assert_eq!(unreachable(&well), 0);
    assert_eq!((unreachable(&ran), ran.code), (30, 4));
    let limit = well.elapsed * 2 + Duration::from_secs(4 + 3);
    assert!(ran.elapsed < limit, "{:?} of {limit:?}", ran.elapsed);
}

#[test]
fn memory_is_bounded_by_the_nodes_that_are_open_and_those_that_are_done() {
    let count = 1000;

    let ran = check(count, Weather::default(), &["--jobs", "64"]);

    assert_eq!(unreachable(&ran), 0);
    let bound = 40 * 1024 + OPEN * 80 + u64::from(count) * 8;
    assert!(ran.peak < bound, "{} KiB of {bound} KiB", ran.peak);
}

#[test]
fn a_check_takes_eight_round_trips() {
    let trip = Duration::from_millis(400);
    let far = Weather {
        delay: trip / 2,
        ..Weather::default()
    };
    // The relay stands behind the TCP connection, whose round trip is the eighth.
    let limit = trip * 79 / 10;
    let mut times = Vec::new();
    for _ in 0..TRIES {
        let ran = check(20, far, &[]);
        assert_eq!(unreachable(&ran), 0);
        times.push(ran.elapsed);
        if ran.elapsed < limit {
            return;
        }
    }
    panic!("a round trip is {trip:?}, and the checks took {times:?}");
}

/// A session with the first node of a crowd whose bytes need `delay` in each direction.
async fn distant(crowd: &Crowd) -> Session {
    let file = crowd.inventory();
    let text = fs::read_to_string(&file).unwrap();
    let inventory = rke::read("inventory.yml", &text, None, false).unwrap();
    let options = Options {
        known_hosts: Arc::new(KnownHosts::read(&[file.with_file_name("known_hosts")]).unwrap()),
        ..Options::default()
    };
    Session::connect(&inventory.nodes[0], &Keys::new(None), &options)
        .await
        .unwrap()
}

#[tokio::test]
async fn a_further_phase_on_an_open_connection_takes_two_round_trips() {
    let trip = Duration::from_millis(400);
    let far = Weather {
        delay: trip / 2,
        ..Weather::default()
    };
    let crowd = Crowd::start(1, far).await.unwrap();
    let session = distant(&crowd).await;
    let mut times = Vec::new();
    for _ in 0..TRIES {
        let start = Instant::now();
        let said = session
            .run("echo here", Secret::new(Vec::new()), trip * 20)
            .await;
        assert_eq!(said.unwrap().stdout, b"here\n");
        times.push(start.elapsed());
        if start.elapsed() < trip * 29 / 10 {
            return;
        }
    }
    panic!("a round trip is {trip:?}, and the phases took {times:?}");
}

/// A check of `count` nodes by a shell that limits itself first.
fn check_limited(count: u32, limit: &str) -> Output {
    let runtime = Runtime::new().unwrap();
    let crowd = Crowd::start(count, Weather::default());
    let crowd = runtime.block_on(crowd).unwrap();
    let script = format!("{limit}; exec \"$0\" check \"$1\" --no-kube --no-rke --quiet");
    Command::new("sh")
        .args(["-c", &script, env!("CARGO_BIN_EXE_harden")])
        .arg(crowd.inventory())
        .stdin(Stdio::null())
        .output()
        .unwrap()
}

#[test]
fn too_few_open_files_are_said_before_anything_is_asked() {
    let output = check_limited(200, "ulimit -n 100");

    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(said.contains("200 nodes need 264 open files"), "{said}");
    assert!(said.contains("ulimit"), "{said}");
}

#[test]
fn a_soft_limit_on_open_files_is_raised() {
    let output = check_limited(120, "ulimit -Sn 100");

    let said = String::from_utf8_lossy(&output.stderr);
    assert!(matches!(output.status.code(), Some(3 | 4)), "{said}");
    assert!(!said.contains("Too many open files"), "{said}");
}
