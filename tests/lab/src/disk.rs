//! The directory of a node: made once, changed by faults.

use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::path::PathBuf;
use std::process::Command;

use anyhow::Context as _;
use anyhow::ensure;

use crate::boot;
use crate::docker;
use crate::docker::Templates;
use crate::fault::Fault;
use crate::identity::Identity;
use crate::mounts;
use crate::role::Role;
use crate::standin::deposit;

const DOCKER: &str = include_str!("../skeleton/bin/docker");
const DOCKER_HANGS: &str = include_str!("../skeleton/bin/docker-hangs");
const DOCKER_DOWN: &str = include_str!("../skeleton/bin/docker-down");
const DOCKER_RESTARTS: &str = include_str!("../skeleton/bin/docker-restarts");
const DATE_OFF: &str = include_str!("../skeleton/bin/date-off");
const MV_OFF: &str = include_str!("../skeleton/bin/mv-off");

/// Files that are the same on every node: path, content, mode.
const FILES: [(&str, &str, u32); 13] = [
    ("bin/sudo", include_str!("../skeleton/bin/sudo"), 0o755),
    ("bin/id", include_str!("../skeleton/bin/id"), 0o755),
    (
        "bin/docker.d/info",
        include_str!("../skeleton/bin/docker.d/info"),
        0o644,
    ),
    (
        "bin/docker.d/version",
        include_str!("../skeleton/bin/docker.d/version"),
        0o644,
    ),
    ("bin/docker.d/open", "[\n", 0o644),
    ("bin/docker.d/comma", ",\n", 0o644),
    ("bin/docker.d/close", "\n]\n", 0o644),
    ("etc/passwd", include_str!("../skeleton/etc/passwd"), 0o644),
    ("etc/group", include_str!("../skeleton/etc/group"), 0o644),
    (
        "etc/os-release",
        include_str!("../skeleton/etc/os-release"),
        0o644,
    ),
    (
        "etc/sysctl.conf",
        include_str!("../skeleton/etc/sysctl.conf"),
        0o644,
    ),
    (
        "etc/sysctl.d/README",
        include_str!("../skeleton/etc/sysctl.d/README"),
        0o644,
    ),
    (
        "etc/sysctl.d/10-console-messages.conf",
        include_str!("../skeleton/etc/sysctl.d/10-console-messages.conf"),
        0o644,
    ),
];

const DIRECTORIES: [(&str, u32); 19] = [
    ("bin/docker.d", 0o755),
    ("docker", 0o755),
    ("etc/alternatives", 0o755),
    ("etc/sysctl.d", 0o755),
    ("home/ubuntu", 0o755),
    ("opt", 0o755),
    ("proc", 0o755),
    ("root", 0o700),
    ("run/sysctl.d", 0o755),
    ("tmp", 0o1777),
    ("usr-lib-sysctl.d", 0o755),
    ("var/lib/docker", 0o711),
    ("var/log", 0o755),
    ("var/tmp", 0o1777),
    ("bin", 0o755),
    ("etc", 0o755),
    ("home", 0o755),
    ("run", 0o755),
    ("var/lib", 0o755),
];

/// Makes the directory of `node`; with `templates`, as part of a cluster that `rke up` has built.
pub(crate) fn create(
    dir: &Path,
    node: &Identity,
    fleet: &[Identity],
    templates: Option<&Templates>,
) -> Result<(), anyhow::Error> {
    for (path, mode) in DIRECTORIES {
        directory(&dir.join(path), mode)?;
    }
    for (path, content, mode) in FILES {
        file(&dir.join(path), content, mode)?;
    }
    file(
        &dir.join("etc/hostname"),
        &format!("{}\n", node.name),
        0o644,
    )?;
    file(&dir.join("etc/hosts"), &hosts(node), 0o644)?;
    alternatives(&dir.join("etc/alternatives"))?;
    std::os::unix::fs::symlink("/run", dir.join("var/run"))?;
    let values = if templates.is_some() {
        boot::UNDER_A_KUBELET
    } else {
        boot::STOCK
    };
    for (name, value) in mounts::KERNEL_VALUES.into_iter().zip(values) {
        file(&dir.join("proc").join(name), &format!("{value}\n"), 0o644)?;
    }
    if let Some(templates) = templates {
        build(dir, node, fleet, templates)?;
    }
    Ok(())
}

/// Brings the directory from the state that `before` made to the one that `after` wants.
pub(crate) fn apply(dir: &Path, before: &[Fault], after: &[Fault]) -> Result<(), anyhow::Error> {
    for fault in before.iter().filter(|fault| !after.contains(fault)) {
        switch(dir, fault, false).with_context(|| format!("healing {fault}"))?;
    }
    for fault in after.iter().filter(|fault| !before.contains(fault)) {
        switch(dir, fault, true).with_context(|| format!("causing {fault}"))?;
    }
    if !dir.join("proc").join(mounts::BOOT_ID).exists() {
        boot::begin(dir)?;
    }
    docker_client(&dir.join("bin/docker"), after)?;
    replace(&dir.join("fstab"), mounts::fstab(dir, after))?;
    match mounts::mounted(after) {
        Some(script) => {
            fs::create_dir_all(dir.join("etc/kubernetes"))?;
            replace(&dir.join("mounted.sh"), &script)
        }
        None => removed(&dir.join("mounted.sh")),
    }
    .map_err(Into::into)
}

/// The place on this machine of `path`, which is absolute on the node in `dir`.
pub(crate) fn on_machine(dir: &Path, path: &Path) -> PathBuf {
    match path.strip_prefix("/proc/sys") {
        Ok(value) => dir
            .join("proc")
            .join(value.to_string_lossy().replace('/', ".")),
        Err(_) => dir.join(path.strip_prefix("/").unwrap_or(path)),
    }
}

fn build(
    dir: &Path,
    node: &Identity,
    fleet: &[Identity],
    templates: &Templates,
) -> Result<(), anyhow::Error> {
    for path in ["etc/kubernetes", "etc/kubernetes/ssl", "etc/cni/net.d"] {
        directory(&dir.join(path), 0o755)?;
    }
    for (path, mode) in deposit::files(node.has(Role::ControlPlane)) {
        let content = format!("stands for {path} of {}\n", node.name);
        file(&on_machine(dir, Path::new(path)), &content, mode)?;
    }
    directory(&dir.join("var/lib/kubelet"), 0o755)?;
    if node.has(Role::Etcd) {
        directory(&dir.join("var/lib/etcd"), 0o755)?;
        directory(&dir.join("var/lib/etcd/member"), 0o700)?;
    }
    for (name, element) in templates.containers(node, fleet)? {
        file(
            &dir.join("docker").join(format!("{name}.json")),
            &element,
            0o644,
        )?;
    }
    Ok(())
}

fn hosts(node: &Identity) -> String {
    format!(
        "127.0.0.1 localhost\n127.0.1.1 {0}\n{1} {0}\n",
        node.name, node.internal
    )
}

/// Debian reaches `awk` and `which` through links in `/etc`; without them the node has neither.
fn alternatives(dir: &Path) -> io::Result<()> {
    for name in ["awk", "nawk", "which"] {
        if let Ok(target) = fs::read_link(Path::new("/etc/alternatives").join(name)) {
            std::os::unix::fs::symlink(target, dir.join(name))?;
        }
    }
    Ok(())
}

fn switch(dir: &Path, fault: &Fault, on: bool) -> Result<(), anyhow::Error> {
    match fault {
        Fault::SudoLost if on => file(&dir.join("sudo-lost"), "", 0o644)?,
        Fault::SudoLost => removed(&dir.join("sudo-lost"))?,
        Fault::Immutable(path) => immutable(&on_machine(dir, path), on)?,
        Fault::Reboots if on => boot::anew(dir)?,
        Fault::DockerRestarts if on => file(&dir.join("docker/restarting"), "", 0o644)?,
        Fault::DockerRestarts => removed(&dir.join("docker/restarting"))?,
        Fault::ClockOff(seconds) if on => set_clock(dir, *seconds)?,
        Fault::ClockOff(_) => {
            removed(&dir.join("bin/date"))?;
            removed(&dir.join("bin/mv"))?;
        }
        Fault::ContainerMissing(name) => {
            let here = dir.join(format!("docker/{name}.json"));
            let away = here.with_extension("away");
            if on {
                fs::rename(here, away)
            } else {
                fs::rename(away, here)
            }?;
        }
        Fault::ContainerCrashes(name) => {
            let path = dir.join(format!("docker/{name}.json"));
            let element = docker::set_crashing(&fs::read_to_string(&path)?, on)?;
            replace(&path, &element)?;
        }
        _ => {}
    }
    Ok(())
}

/// What the node notes from now on is `seconds` late, and so is when its containers started.
fn set_clock(dir: &Path, seconds: i64) -> Result<(), anyhow::Error> {
    for (name, program) in [("date", DATE_OFF), ("mv", MV_OFF)] {
        let program = program.replace("OFFSET", &seconds.to_string());
        file(&dir.join("bin").join(name), &program, 0o755)?;
    }
    for entry in fs::read_dir(dir.join("docker"))? {
        let path = entry?.path();
        if path
            .extension()
            .is_some_and(|extension| extension == "json")
        {
            let element = docker::started_later(&fs::read_to_string(&path)?, seconds)?;
            replace(&path, &element)?;
        }
    }
    Ok(())
}

fn immutable(path: &Path, on: bool) -> Result<(), anyhow::Error> {
    let output = Command::new("chattr")
        .arg(if on { "+i" } else { "-i" })
        .arg(path)
        .output()?;
    let reason = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{}", reason.trim());
    Ok(())
}

fn docker_client(path: &Path, faults: &[Fault]) -> io::Result<()> {
    if faults.contains(&Fault::DockerMissing) {
        return removed(path);
    }
    let client = if faults.contains(&Fault::DockerRestarts) {
        file(&path.with_file_name("docker-well"), DOCKER, 0o755)?;
        DOCKER_RESTARTS
    } else if faults.contains(&Fault::DockerHangs) {
        DOCKER_HANGS
    } else if faults.contains(&Fault::DockerDown) {
        DOCKER_DOWN
    } else {
        DOCKER
    };
    replace(path, client)?;
    fs::set_permissions(path, fs::Permissions::from_mode(0o755))
}

fn directory(path: &Path, mode: u32) -> io::Result<()> {
    fs::create_dir_all(path)?;
    fs::set_permissions(path, fs::Permissions::from_mode(mode))
}

fn file(path: &Path, content: &str, mode: u32) -> io::Result<()> {
    fs::write(path, content)?;
    fs::set_permissions(path, fs::Permissions::from_mode(mode))
}

/// Writes beside and renames: a command that starts meanwhile sees the old file or the new one.
pub(crate) fn replace(path: &Path, content: impl AsRef<[u8]>) -> io::Result<()> {
    let beside = path.with_extension("new");
    fs::write(&beside, content)?;
    fs::rename(beside, path)
}

fn removed(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}
