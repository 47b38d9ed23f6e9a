//! A node that lies, floods, and lays traps: it is named, it repaints no terminal, and nothing is
//! written where it points to.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;
use std::sync::Mutex;
use std::thread;

use harden_lab::Fault;
use harden_lab::Node;
use harden_lab::Role;

use crate::lab::Lab;

const AUDIT: &str = "/etc/kubernetes/audit.yaml";

/// A file of the node that has nothing to do with us.
const VICTIM: &str = "/opt/victim";

/// What a terminal would obey: a cleared screen, a new title, a C1 sequence, reversed text.
const ESCAPES: &str = "\u{1b}[2J\u{1b}]0;pwned\u{7}\u{9b}31m\u{202e}<script>alert(1)</script>\r";

fn one_node() -> Lab {
    Lab::with(|fleet| fleet.nodes(1, &Role::ALL))
}

/// Every form in which a result can be had, as the help names them.
pub(crate) fn formats(lab: &Lab) -> Vec<String> {
    let help = lab.command(&["check", "-h"]).output().unwrap();
    let help = String::from_utf8(help.stdout).unwrap();
    let (_, rest) = help.split_once("--format").unwrap();
    let (_, rest) = rest.split_once("[possible values: ").unwrap();
    let (values, _) = rest.split_once(']').unwrap();
    let formats: Vec<String> = values
        .split_whitespace()
        .map(|it| it.replace(',', ""))
        .collect();
    assert!(formats.contains(&"json".to_owned()), "{formats:?}");
    formats
}

#[test]
fn an_answer_that_lies_about_itself_is_no_measurement() {
    let lab = Lab::with(|fleet| {
        fleet
            .nodes(1, &[Role::ControlPlane, Role::Etcd])
            .nodes(1, &[Role::Worker])
            .fault("w-1", Fault::Recites("/opt/lies".into()))
    });
    let many = "x\t0\n\n".repeat(100_000);
    let lies = [
        "",
        "Welcome!\n",
        "end\t0\n\n",
        "kernel\t99999999999999999999\nx\nend\t0\n\n",
        "kernel\t-1\nx\nend\t0\n\n",
        "kernel\t1\nlonger\nend\t0\n\n",
        "kernel\t1000\nshorter\nend\t0\n\n",
        "kernel 5\n12345\nend\t0\n\n",
        "\u{1b}[2J\u{7}\t0\n\nend\t1\n",
        "files\t5\nread\t\ncontent\t3\nabc\nend\t0\n\n",
        "containers\t3\n[{]\nend\t0\n\n",
        &many,
    ];
    for lie in lies {
        lab.node("w-1")
            .write("/opt/lies", &format!("\nharden 1\n{lie}"))
            .unwrap();

        let said = lab.check().expect(4).says(&["w-1", "guide:1.1.3"]);

        assert_harmless(&said.stdout);
        assert_harmless(&said.stderr);
    }
}

/// No terminal does anything but show this.
#[track_caller]
fn assert_harmless(text: &str) {
    let bad = text.chars().find(|one| {
        (one.is_control() && !"\n\t".contains(*one)) || ('\u{202a}'..='\u{202e}').contains(one)
    });
    assert_eq!(bad, None, "{text:?}");
}

#[test]
fn what_a_node_says_repaints_no_terminal_and_is_no_markup_in_any_format() {
    let lab = Lab::built();
    let cp = lab.node("cp-1");
    cp.write(AUDIT, &format!("rules: '{ESCAPES}'\n")).unwrap();
    cp.write(
        "/etc/sysctl.conf",
        &format!("kernel.panic = {ESCAPES}\n# {ESCAPES}\n"),
    )
    .unwrap();
    cp.write(
        format!("/etc/cni/net.d/{}.conflist", ESCAPES.replace('/', "")),
        "{}",
    )
    .unwrap();
    cp.set_kernel("vm.overcommit_memory", ESCAPES).unwrap();
    let docker = lab.node("w-1").dir().join("bin/docker");
    fs::write(
        &docker,
        format!("#!/bin/sh\nprintf '%s' '{ESCAPES}' >&2\nexit 1\n"),
    )
    .unwrap();
    let greeting = format!("printf '%s\\n' '{ESCAPES}' >&2\n");
    let sudo = lab.node("cp-2").dir().join("bin/sudo");
    fs::write(&sudo, format!("#!/bin/sh\n{greeting}exit 1\n")).unwrap();

    for format in formats(&lab) {
        let said = lab.harden(&["check", "inventory.yml", "--diff", "--format", &format]);

        assert_eq!(said.code, 4, "{format}: {}", said.stderr);
        assert_harmless(&said.stdout);
        assert_harmless(&said.stderr);
        if format == "html" {
            assert!(!said.stdout.contains("<script>alert"), "{}", said.stdout);
        }
    }
    let said = lab.harden(&[
        "apply",
        "inventory.yml",
        "--yes",
        "--diff",
        "--allow-incomplete",
    ]);
    assert_harmless(&said.stdout);
    assert_harmless(&said.stderr);
    let said = lab.harden(&["trust", "inventory.yml", "--yes"]);
    assert_harmless(&said.stderr);
}

/// What stands where a file is expected.
#[derive(Clone, Copy, Debug)]
enum Trap {
    Link,
    LinkToNothing,
    LinkToItself,
    HardLink,
    Directory,
    Pipe,
}

impl Trap {
    fn set(self, node: &Node, path: &str) {
        let at = node.path(path);
        fs::create_dir_all(at.parent().unwrap()).unwrap();
        let _ = fs::remove_file(&at);
        match self {
            Self::Link => symlink(VICTIM, &at).unwrap(),
            Self::LinkToNothing => symlink("/opt/not/there", &at).unwrap(),
            Self::LinkToItself => symlink(path, &at).unwrap(),
            Self::HardLink => fs::hard_link(node.path(VICTIM), &at).unwrap(),
            Self::Directory => fs::create_dir(&at).unwrap(),
            Self::Pipe => mkfifo(&at),
        }
    }
}

fn mkfifo(path: &Path) {
    let made = Command::new("mkfifo").arg(path).status().unwrap();
    assert!(made.success(), "{}", path.display());
}

fn with_victim(lab: &Lab) -> Node {
    let node = lab.node("cp-1");
    node.write(VICTIM, "kernel.panic = 7\n").unwrap();
    fs::set_permissions(node.path(VICTIM), fs::Permissions::from_mode(0o640)).unwrap();
    node
}

#[track_caller]
fn assert_untouched(node: &Node, what: &str) {
    assert_eq!(node.read(VICTIM).unwrap(), "kernel.panic = 7\n", "{what}");
    assert_eq!(node.mode(VICTIM).unwrap(), 0o640, "{what}");
    assert!(!node.exists("/opt/not"), "{what}");
}

#[test]
fn nothing_is_written_through_what_only_looks_like_a_file() {
    let kinds = [
        Trap::Link,
        Trap::LinkToNothing,
        Trap::LinkToItself,
        Trap::HardLink,
        Trap::Directory,
        Trap::Pipe,
    ];
    let places = [AUDIT, "/etc/sysctl.conf", "/etc/kubernetes/encryption.yaml"];
    let cases = places
        .iter()
        .flat_map(|path| kinds.map(|trap| (*path, trap)));
    let cases = Mutex::new(cases);
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                while let Some((path, trap)) = { cases.lock().unwrap().next() } {
                    spring(path, trap);
                }
            });
        }
    });
}

fn spring(path: &str, trap: Trap) {
    let what = format!("{trap:?} at {path}");
    let lab = one_node();
    let node = with_victim(&lab);
    trap.set(&node, path);

    let said = lab.harden(&["apply", "inventory.yml", "--yes", "--answer-timeout", "60"]);

    assert!([0, 3, 4, 5].contains(&said.code), "{what}: {}", said.stderr);
    assert!(!said.stderr.contains("panicked"), "{what}: {}", said.stderr);
    if said.code != 0 {
        let name = path.rsplit('/').next().unwrap();
        let all = said.stdout + &said.stderr;
        assert!(all.contains(name), "{what} is not named: {all}");
    }
    assert_untouched(&node, &what);
}

#[test]
fn a_temporary_file_that_somebody_planted_is_not_written_through() {
    for trap in [Trap::Link, Trap::LinkToNothing, Trap::HardLink, Trap::Pipe] {
        let lab = one_node();
        let node = with_victim(&lab);
        let planted = "/etc/kubernetes/.audit.yaml.harden";
        trap.set(&node, planted);

        lab.apply().expect(0);

        assert!(!node.exists(planted), "{trap:?}");
        assert_eq!(node.mode(AUDIT).unwrap(), 0o600, "{trap:?}");
        assert_untouched(&node, &format!("{trap:?}"));
    }
}

#[test]
fn gigabytes_where_a_page_is_expected_are_not_read() {
    let lab = one_node();
    let node = lab.node("cp-1");
    for path in [
        AUDIT,
        "/etc/sysctl.conf",
        "/etc/sysctl.d/10-console-messages.conf",
    ] {
        let file = fs::File::create(node.path(path)).unwrap();
        // A file with holes: it takes no room here.
        file.set_len(3 << 30).unwrap();
    }

    lab.check().expect(4).says(&["cp-1", "audit.yaml"]);
}
