//! What a command of a node sees in place of the machine's files.

use std::ffi::OsStr;
use std::fmt::Write as _;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;
use std::path::PathBuf;
use std::process::Stdio;

use anyhow::Context as _;
use anyhow::ensure;
use tokio::process::Command;

use crate::fault::Fault;

/// The kernel values of which every node has its own: the six of rke.md section 6, and what the
/// node's own `sysctl.conf` sets, so that `sysctl -p` works there.
pub(crate) const KERNEL_VALUES: [&str; 9] = [
    "vm.overcommit_memory",
    "vm.panic_on_oom",
    "kernel.panic",
    "kernel.panic_on_oops",
    "kernel.keys.root_maxkeys",
    "kernel.keys.root_maxbytes",
    "kernel.printk",
    "net.ipv4.ip_forward",
    "vm.swappiness",
];

/// Which boot of the node this is; its own, too.
pub(crate) const BOOT_ID: &str = "kernel.random.boot_id";

const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// `$0` is the node's directory, `$1` the command line, which the node's audit log has in full. One `mount` for all of the node's mounts
/// keeps a command's start under 10 ms.
const ENTER: &str = r#"
mount -n -a -T "$0/fstab" || exit 255
[ ! -e /mnt/mounted.sh ] || . /mnt/mounted.sh || exit 255
cd "$HOME" 2>/dev/null || cd /
printf "type=USER_CMD acct=%s cmd=%s\n" "$USER" "$1" >>/var/log/audit.log
exec /bin/sh -c "$1"
"#;

/// A process that runs `line` the way sshd's login shell for `user` does, as process group of its
/// own in the mounts of the node in `dir`; the three streams are pipes.
///
/// The process is root of its namespace whoever `user` is; `LAB_USER` lets the node's `id` say
/// otherwise.
pub(crate) fn command(dir: &Path, user: &str, line: &[u8]) -> Command {
    let mut command = Command::new("unshare");
    command
        .args(namespaces())
        .args(["sh", "-c", ENTER])
        .arg(dir)
        .arg(OsStr::from_bytes(line));
    let home = if user == "root" {
        "/root".to_owned()
    } else {
        format!("/home/{user}")
    };
    command.env_clear().env("PATH", format!("/mnt/bin:{PATH}"));
    command
        .env("HOME", home)
        .env("USER", user)
        .env("LOGNAME", user)
        .env("SHELL", "/bin/sh");
    if user != "root" {
        command.env("LAB_USER", user);
    }
    command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command.process_group(0).kill_on_drop(true);
    command
}

/// Asks once, before a fleet starts, whether commands will be able to have mounts of their own.
pub(crate) fn ensure_possible() -> Result<(), anyhow::Error> {
    let output = std::process::Command::new("unshare")
        .args(namespaces())
        .arg("true")
        .output();
    let output = output.context("the lab needs `unshare` of util-linux")?;
    let reason = String::from_utf8_lossy(&output.stderr);
    ensure!(
        output.status.success(),
        "no mount namespaces for the lab here: {}",
        reason.trim()
    );
    Ok(())
}

fn namespaces() -> &'static [&'static str] {
    if rustix::process::geteuid().is_root() {
        &["--mount"]
    } else {
        &["--user", "--map-root-user", "--mount"]
    }
}

/// The mounts of the node in `dir`. The node comes first, over `/mnt`, so that later lines find
/// it wherever it lies.
pub(crate) fn fstab(dir: &Path, faults: &[Fault]) -> String {
    let etc = if faults.contains(&Fault::ReadOnlyEtc) {
        "bind,ro"
    } else {
        "bind"
    };
    let mut text = String::new();
    bind(&mut text, dir, Path::new("/mnt"), "bind");
    bind(&mut text, Path::new("/mnt/etc"), Path::new("/etc"), etc);
    for tree in ["var", "run", "tmp", "root", "home", "opt"] {
        bind(
            &mut text,
            &Path::new("/mnt").join(tree),
            &Path::new("/").join(tree),
            "bind",
        );
    }
    let vendor = Path::new("/usr/lib/sysctl.d");
    if vendor.is_dir() {
        bind(
            &mut text,
            Path::new("/mnt/usr-lib-sysctl.d"),
            vendor,
            "bind",
        );
    }
    if rustix::process::geteuid().is_root() {
        // Root of the machine could write all other values; root of a user namespace cannot.
        bind(
            &mut text,
            Path::new("/proc/sys"),
            Path::new("/proc/sys"),
            "bind,ro",
        );
    }
    for name in KERNEL_VALUES.into_iter().chain([BOOT_ID]) {
        let own = Path::new("/mnt/proc").join(name);
        bind(
            &mut text,
            &own,
            &Path::new("/proc/sys").join(name.replace('.', "/")),
            "bind",
        );
    }
    for client in machines_docker() {
        bind(&mut text, Path::new("/dev/null"), &client, "bind");
    }
    text
}

/// What is done once the mounts stand, for the faults that need it: a small file system over
/// `/etc` or a part of it, filled to the brim. It is made anew for every command.
pub(crate) fn mounted(faults: &[Fault]) -> Option<String> {
    const BLOCKS: &str = "cat /dev/zero >ballast";
    const INODES: &str = "i=0; while : >ballast.$i; do i=$((i + 1)); done";
    let (place, size, fill) = faults.iter().find_map(|fault| match fault {
        Fault::DiskFull => Some(("/etc/kubernetes", "size=256k", BLOCKS)),
        Fault::NoInodes => Some(("/etc/kubernetes", "size=1m,nr_inodes=48", INODES)),
        Fault::EtcFull => Some(("/etc", "size=1m", BLOCKS)),
        Fault::EtcNoInodes => Some(("/etc", "size=4m,nr_inodes=256", INODES)),
        _ => None,
    })?;
    Some(format!(
        "mount -n -t tmpfs -o {size},mode=755 tmpfs {place}\n\
         cp -a /mnt{place}/. {place}/\n\
         (cd {place} && {fill}) 2>/dev/null\n\
         :\n"
    ))
}

fn bind(text: &mut String, from: &Path, to: &Path, options: &str) {
    // Writing to a string cannot fail.
    let _ = writeln!(text, "{} {} none {options} 0 0", escaped(from), escaped(to));
}

/// fstab(5): blanks and backslashes are written as octal numbers.
fn escaped(path: &Path) -> String {
    let text = path.to_string_lossy();
    text.replace('\\', "\\134")
        .replace(' ', "\\040")
        .replace('\t', "\\011")
}

/// Docker clients of the machine itself, which no node may ever reach.
fn machines_docker() -> Vec<PathBuf> {
    let mut clients: Vec<_> = PATH
        .split(':')
        .filter_map(|directory| Path::new(directory).join("docker").canonicalize().ok())
        .collect();
    clients.sort_unstable();
    clients.dedup();
    clients
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_blank_in_the_fleets_path_does_not_end_the_field() {
        let text = fstab(Path::new("/tmp/a b"), &[]);
        assert!(text.starts_with("/tmp/a\\040b /mnt none bind 0 0\n"));
    }

    #[test]
    fn only_the_read_only_fault_makes_etc_read_only() {
        let line = "/mnt/etc /etc none bind,ro 0 0\n";
        assert!(!fstab(Path::new("/n"), &[]).contains(line));
        assert!(fstab(Path::new("/n"), &[Fault::ReadOnlyEtc]).contains(line));
    }
}
