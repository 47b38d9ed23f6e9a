//! `harden-lab up`, as root and as nobody in particular.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Stdio;

use tokio::io::AsyncBufReadExt as _;
use tokio::io::BufReader;
use tokio::process::Child;
use tokio::process::Command;

const PROGRAM: &str = env!("CARGO_BIN_EXE_harden-lab");

#[tokio::test]
async fn up_prints_the_inventory_and_ends_with_its_standard_input() {
    let dir = tempfile::tempdir().unwrap();
    let mut command = Command::new(PROGRAM);
    command.args([
        "up",
        "--controlplane",
        "1",
        "--etcd",
        "1",
        "--worker",
        "2",
        "--fault",
        "w-2=hang",
    ]);
    let (mut lab, inventory) = up(command, dir.path()).await;

    let text = fs::read_to_string(&inventory).unwrap();
    for (name, role) in [
        ("cp-1", "controlplane"),
        ("etcd-1", "etcd"),
        ("w-1", "worker"),
        ("w-2", "worker"),
    ] {
        assert!(
            text.contains(&format!("hostname_override: {name}\n")),
            "{text}"
        );
        assert!(text.contains(&format!("role: [{role}]\n")), "{text}");
    }
    let node = fs::read_to_string(dir.path().join("nodes/w-2/node.json")).unwrap();
    assert!(node.contains("\"hang\""), "{node}");

    drop(lab.stdin.take());
    assert!(lab.wait().await.unwrap().success());
}

#[tokio::test]
async fn a_fault_nobody_knows_is_refused_before_anything_is_made() {
    let dir = tempfile::tempdir().unwrap();
    let place = dir.path().join("fleet");
    let output = Command::new(PROGRAM)
        .args(["up", "--worker", "1", "--fault", "w-1=fire", "--dir"])
        .arg(&place)
        .output()
        .await
        .unwrap();
    assert!(String::from_utf8_lossy(&output.stderr).contains("no fault is called `fire`"));
    assert!(!place.exists());
}

/// Root starts the lab as user 65534 to see it work in a user namespace; anybody else has just
/// run every other test that way.
#[tokio::test]
async fn a_fleet_needs_no_root() {
    if !rustix::process::geteuid().is_root() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let program = dir.path().join("harden-lab");
    fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o755)).unwrap();
    // Not copied here: a command that another test starts meanwhile would inherit the open file,
    // and what is open for writing cannot be run.
    let install = Command::new("install")
        .args(["-m", "755", PROGRAM])
        .arg(&program)
        .status();
    assert!(install.await.unwrap().success());
    let fleet = dir.path().join("fleet");
    fs::create_dir(&fleet).unwrap();
    std::os::unix::fs::chown(&fleet, Some(65534), Some(65534)).unwrap();

    let mut command = Command::new("setpriv");
    command
        .args(["--reuid=65534", "--regid=65534", "--clear-groups"])
        .arg(&program);
    command.args([
        "up",
        "--worker",
        "4",
        "--built",
        "--fault",
        "w-2=read-only-etc",
    ]);
    command.args(["--fault", "w-3=disk-full", "--fault", "w-4=no-inodes"]);
    let (lab, inventory) = up(command, &fleet).await;
    let line = "id -u; cat /etc/hostname; echo 9 > /proc/sys/kernel/panic; sysctl -n kernel.panic; \
                umask 077; echo x > /etc/kubernetes/x; chown 0:0 /etc/kubernetes/x; \
                stat -c '%a %u %g' /etc/kubernetes/x; docker ps --format '{{.Names}}' | head -n 1";
    let said = ssh(&fleet, &inventory, 1, line).await;
    assert_eq!(said, "0\nw-1\n9\n600 0 0\nkube-proxy\n");
    for (number, reason) in [
        (2, "Read-only file system"),
        (3, "No space left"),
        (4, "No space left"),
    ] {
        let line = "cp /etc/passwd /etc/kubernetes/x 2>&1";
        let said = ssh(&fleet, &inventory, number, line).await;
        assert!(said.contains(reason), "w-{number}: {said}");
    }
    drop(lab);
}

/// Starts `harden-lab` and waits for the line that says where its inventory is.
async fn up(mut command: Command, dir: &Path) -> (Child, String) {
    command
        .arg("--dir")
        .arg(dir)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .kill_on_drop(true);
    let mut lab = command.spawn().unwrap();
    let mut lines = BufReader::new(lab.stdout.take().unwrap()).lines();
    let inventory = lines
        .next_line()
        .await
        .unwrap()
        .expect("the lab ended at once");
    (lab, inventory)
}

/// Standard output of a command on the node of this number.
async fn ssh(fleet: &Path, inventory: &str, number: usize, line: &str) -> String {
    let text = fs::read_to_string(inventory).unwrap();
    let port = text
        .split("port: \"")
        .nth(number)
        .and_then(|rest| rest.split('"').next())
        .unwrap();
    let known = format!("UserKnownHostsFile={}", fleet.join("known_hosts").display());
    let output = Command::new("ssh")
        .args([
            "-F",
            "none",
            "-o",
            "BatchMode=yes",
            "-o",
            &known,
            "-p",
            port,
            "-i",
        ])
        .arg(fleet.join("id_ed25519"))
        .args([&format!("root@127.7.0.{number}"), line])
        .output()
        .await
        .expect("the ssh client is not installed");
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
    String::from_utf8(output.stdout).unwrap()
}
