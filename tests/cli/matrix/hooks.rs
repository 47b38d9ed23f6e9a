//! One run of the program, with a moment to interfere before and after its `rke up`.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::process::Child;
use std::process::Stdio;
use std::thread;
use std::time::Duration;
use std::time::Instant;

use crate::lab::Lab;
use crate::lab::Said;
use crate::lab::rke;

/// Far more than any deadline inside the program adds up to.
const PATIENCE: Duration = Duration::from_secs(240);

/// Waits at both ends of `rke up` until somebody says that it may go on.
const RKE: &str = r#"#!/bin/sh
if [ "$1" != up ]; then exec "REAL" "$@"; fi
wait_for() { while [ ! -e "SITE/$1" ]; do sleep 0.02; done; }
: >"SITE/rke-begins"
wait_for rke-may-begin
"REAL" "$@"
status=$?
: >"SITE/rke-ends"
wait_for rke-may-end
exit $status
"#;

/// The end of `rke up` at which a moment is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum End {
    Begins,
    Ends,
}

/// Runs `apply` and calls `act` at both ends of its `rke up`.
///
/// # Errors
///
/// It did not end in time.
pub(super) fn apply(lab: &Lab, more: &[&str], act: impl Fn(End)) -> Result<Said, String> {
    let site = lab.site.path().display().to_string();
    let script = RKE
        .replace("REAL", &rke().display().to_string())
        .replace("SITE", &site);
    let hooked = lab.path("hooked-rke");
    fs::write(&hooked, script).unwrap();
    fs::set_permissions(&hooked, fs::Permissions::from_mode(0o755)).unwrap();
    for flag in ["rke-begins", "rke-may-begin", "rke-ends", "rke-may-end"] {
        let _ = fs::remove_file(lab.path(flag));
    }
    let (stdout, stderr) = (lab.path("stdout"), lab.path("stderr"));
    let hooked = hooked.display().to_string();
    let usual = ["apply", "inventory.yml", "--yes", "--rke", &hooked];
    let mut child = lab
        .command(&[&usual[..], more].concat())
        .stdout(fs::File::create(&stdout).unwrap())
        .stderr(fs::File::create(&stderr).unwrap())
        .stdin(Stdio::null())
        .spawn()
        .unwrap();
    let code = attend(lab, &mut child, act);
    let said = Said {
        code: code.unwrap_or(-1),
        stdout: fs::read_to_string(stdout).unwrap(),
        stderr: fs::read_to_string(stderr).unwrap(),
    };
    match code {
        Some(_) => Ok(said),
        None => Err(format!(
            "it did not end within {PATIENCE:?}\n{}",
            said.stderr
        )),
    }
}

/// The exit code; nothing when it had to be killed.
fn attend(lab: &Lab, child: &mut Child, act: impl Fn(End)) -> Option<i32> {
    let start = Instant::now();
    loop {
        if let Some(status) = child.try_wait().unwrap() {
            return Some(status.code().unwrap_or(-1));
        }
        let ends = [
            ("rke-begins", "rke-may-begin", End::Begins),
            ("rke-ends", "rke-may-end", End::Ends),
        ];
        for (asks, may, end) in ends {
            if lab.path(asks).exists() && !lab.path(may).exists() {
                act(end);
                fs::write(lab.path(may), "").unwrap();
            }
        }
        if start.elapsed() > PATIENCE {
            child.kill().unwrap();
            child.wait().unwrap();
            return None;
        }
        thread::sleep(Duration::from_millis(10));
    }
}
