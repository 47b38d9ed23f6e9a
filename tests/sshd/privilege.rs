//! From a login to root: real sudo behind a real server, with every kind of login shell.

use std::fmt::Write as _;
use std::fs;
use std::process::Command;

use harden::ssh::Remote;
use harden::ssh::keys::Keys;
use harden::ssh::session::Session;
use serde_json::Value;

use crate::LONG;
use crate::nothing;
use crate::secrets::on_a_terminal;
use crate::server::PASSWORD;
use crate::server::Server;

const NOPASSWD: &str = "op ALL=(ALL) NOPASSWD: ALL";
const WITH_PASSWORD: &str = "op ALL=(ALL) ALL";

/// What a check said, and the verdict of a control that needs root to be measured.
pub(crate) struct Checked {
    said: String,
    verdict: String,
}

impl Checked {
    fn read(server: &Server, said: String) -> Self {
        let report = fs::read(server.path("report.json")).unwrap_or_default();
        let report: Value = serde_json::from_slice(&report).unwrap_or_default();
        let findings = report["findings"].as_array().cloned().unwrap_or_default();
        let of_guide = |finding: &&Value| finding["control"] == "guide:1.1.1";
        let verdict = findings
            .iter()
            .find(of_guide)
            .map(|finding| &finding["verdict"]);
        let verdict = verdict.and_then(Value::as_str).unwrap_or("none").to_owned();
        Self { said, verdict }
    }

    /// The errors that were told while the run went on.
    fn errors(&self) -> impl Iterator<Item = &str> {
        let lines = self.said.split(['\n', '\r']);
        lines.filter(|line| line.contains("error: "))
    }

    #[track_caller]
    pub(crate) fn is_measured(&self) {
        assert!(
            ["pass", "fail"].contains(&&*self.verdict),
            "{}\n{}",
            self.verdict,
            self.said
        );
    }

    /// Nothing is known of the node, and every one of `words` says why.
    #[track_caller]
    fn is_refused(&self, words: &[&str]) {
        assert_eq!(self.verdict, "unknown", "{}", self.said);
        for word in words {
            assert!(
                self.said.contains(word),
                "`{word}` is not in\n{}",
                self.said
            );
        }
    }
}

/// The arguments of a check of one node at each of these addresses.
fn arguments(server: &Server, addresses: &[&str]) -> Vec<String> {
    let mut key = server.path("key_of_op");
    if !key.exists() {
        key = server.key("key_of_op", "ed25519", &[]);
    }
    let mut inventory = format!(
        "ssh_key_path: {}\nharden: {{known_hosts: known_hosts}}\nnodes:\n",
        key.display()
    );
    let (mut known, port, host_key) = (String::new(), server.port, server.host_key());
    for address in addresses {
        writeln!(
            inventory,
            "- {{address: '{address}', port: {port}, user: op, role: [worker, etcd]}}"
        )
        .unwrap();
        writeln!(known, "[{address}]:{port} {host_key}").unwrap();
    }
    fs::write(server.path("fleet.yml"), inventory).unwrap();
    fs::write(server.path("known_hosts"), known).unwrap();
    let path = |name: &str| server.path(name).display().to_string();
    let json = format!("json={}", path("report.json"));
    [
        "check",
        &path("fleet.yml"),
        "--no-kube",
        "--no-rke",
        "--output",
        &json,
    ]
    .map(str::to_owned)
    .into()
}

fn check(server: &Server) -> Checked {
    check_at(server, "127.0.0.1")
}

/// Checks the server as a node at `address`.
pub(crate) fn check_at(server: &Server, address: &str) -> Checked {
    let output = Command::new(env!("CARGO_BIN_EXE_harden"))
        .args(arguments(server, &[address]))
        .env("HOME", server.path("home"))
        .env_remove("SSH_AUTH_SOCK")
        .output()
        .unwrap();
    let said = [output.stdout, output.stderr].concat();
    Checked::read(server, String::from_utf8_lossy(&said).into_owned())
}

/// The same with `--ask-sudo`, on a terminal where `answer` is typed.
fn check_asking(server: &Server, addresses: &[&str], answer: &str) -> Checked {
    let mut arguments = arguments(server, addresses);
    arguments.push("--ask-sudo".to_owned());
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let said = on_a_terminal(
        &arguments,
        &server.path("home"),
        "Password for sudo",
        answer,
    );
    Checked::read(server, said)
}

fn hired(sudoers: &str) -> Server {
    Server::with_operator("/bin/sh", sudoers, "")
}

#[test]
fn sudo_without_a_password_needs_nothing_from_anybody() {
    check(&hired(NOPASSWD)).is_measured();
    for defaults in ["secure_path=/nowhere", "use_pty"] {
        check(&hired(&format!("Defaults {defaults}\n{NOPASSWD}"))).is_measured();
    }
}

#[test]
fn sudo_that_asks_is_named_with_the_option_that_answers() {
    check(&hired(WITH_PASSWORD)).is_refused(&[
        "op may not become root: sudo asks for a password",
        "`--ask-sudo`",
        "NOPASSWD",
    ]);
}

#[test]
fn a_right_password_makes_root_also_where_none_was_needed() {
    check_asking(&hired(WITH_PASSWORD), &["127.0.0.1"], PASSWORD).is_measured();
    check_asking(&hired(NOPASSWD), &["127.0.0.1"], "not the password").is_measured();
    // Nothing is remembered on the node: every run of the program brings its own proof.
    for defaults in ["timestamp_timeout=0", "use_pty"] {
        let sudoers = format!("Defaults {defaults}\n{WITH_PASSWORD}");
        check_asking(&hired(&sudoers), &["127.0.0.1"], PASSWORD).is_measured();
    }
}

#[test]
fn a_wrong_password_is_tried_once_on_one_node() {
    let tries = "Defaults logfile=DIR/tries, !syslog";
    let server = hired(&format!("{tries}\n{WITH_PASSWORD}"));
    let addresses = ["127.0.0.1", "127.0.0.2", "127.0.0.3", "127.0.0.4"];

    let checked = check_asking(&server, &addresses, "not the password");

    assert_eq!(checked.errors().count(), 4, "{}", checked.said);
    let spared = "not become root: the password for sudo was wrong on";
    let spared = checked
        .errors()
        .filter(|line| line.contains(spared))
        .count();
    assert_eq!(spared, 3, "{}", checked.said);
    let log = fs::read_to_string(server.path("tries")).unwrap();
    assert_eq!(log.matches("incorrect password").count(), 1, "{log}");
    assert!(log.contains("1 incorrect password attempt"), "{log}");
    checked.is_refused(&["type it anew"]);
}

#[test]
fn a_user_without_rules_is_named_when_the_password_is_right() {
    check_asking(&hired(""), &["127.0.0.1"], PASSWORD).is_refused(&[
        "sudo does not allow it",
        "sudoers.d",
        "privilege: docker",
    ]);
    let one = "op ALL=(ALL) NOPASSWD: /usr/bin/id";
    check(&hired(one)).is_refused(&["may not become root"]);
}

#[test]
fn a_terminal_that_sudo_wants_is_named_with_the_line_that_does_without() {
    let server = hired(&format!("Defaults requiretty\n{NOPASSWD}"));

    check(&server).is_refused(&["sudo wants a terminal", "Defaults:op !requiretty"]);
}

#[test]
fn login_shells_of_every_kind_run_the_program() {
    for shell in ["/usr/bin/fish", "/usr/bin/tcsh", "/bin/bash"] {
        check(&Server::with_operator(shell, NOPASSWD, "")).is_measured();
        let asks = Server::with_operator(shell, WITH_PASSWORD, "");
        check_asking(&asks, &["127.0.0.1"], PASSWORD).is_measured();
    }
}

#[test]
fn a_shell_that_greets_every_command_is_passed_over() {
    let server = Server::with_operator("/bin/bash", WITH_PASSWORD, "");
    fs::write(
        server.path("home/.bashrc"),
        "echo 'harden: welcome'; echo on stderr >&2\n",
    )
    .unwrap();

    check_asking(&server, &["127.0.0.1"], PASSWORD).is_measured();
}

#[tokio::test]
async fn a_sudo_that_speaks_german_is_understood() {
    let german = "SetEnv LANG=C.UTF-8 LANGUAGE=de";
    let server = Server::with_operator("/bin/sh", WITH_PASSWORD, german);
    let (node, keys) = (server.node_of_operator(), Keys::new(None));
    let session = Session::connect(&node, &keys, &server.options())
        .await
        .unwrap();
    let german = session.run("sudo -n true", nothing(), LONG).await.unwrap();
    let german = String::from_utf8_lossy(&german.stderr).into_owned();
    assert!(
        german.contains("Passwort"),
        "sudo speaks no German here: {german}"
    );
    session.close().await;

    check(&server).is_refused(&["sudo asks for a password"]);
    check_asking(&server, &["127.0.0.1"], "not the password")
        .is_refused(&["the password for sudo is wrong"]);
}
