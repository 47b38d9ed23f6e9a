//! Passphrases, certificates and passwords.

use std::fs;
use std::io::Read;
use std::io::Write;
use std::path::Path;
use std::path::PathBuf;
use std::process::Command;
use std::process::Stdio;
use std::sync::Arc;

use harden::inventory::CertSource;
use harden::inventory::KeySource;
use harden::inventory::Node;
use harden::secret::Secret;
use harden::ssh::Remote;
use harden::ssh::SshError;
use harden::ssh::keys::KeyError;
use harden::ssh::keys::Keys;
use harden::ssh::obstacle::Obstacle;
use harden::ssh::session::Session;

use crate::LONG;
use crate::nothing;
use crate::server::PASSWORD;
use crate::server::Server;
use crate::server::make_key;
use crate::server::whoami;

fn secret(text: &str) -> Secret {
    Secret::from(text.to_owned())
}

async fn login(server: &Server, key: KeySource, keys: &Keys) -> Result<Session, SshError> {
    Session::connect(&server.node(key), keys, &server.options()).await
}

fn key_error(tried: Result<Session, SshError>) -> KeyError {
    match tried.expect_err("the login must fail") {
        SshError::Key { source, .. } => source,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_passphrase_is_asked_for_once_and_opens_every_form_of_key() {
    let server = Server::start();
    for (name, kind, more) in [
        ("new", "ed25519", &["-N", "open sesame"][..]),
        ("pem", "rsa-2048", &["-m", "PEM", "-N", "open sesame"]),
        ("pkcs8", "rsa-2048", &["-m", "PKCS8", "-N", "open sesame"]),
    ] {
        let source = KeySource::File(server.key(name, kind, more));
        let (keys, mut asked) = (Keys::new(None), Vec::new());

        keys.unlock([&source, &source], |key| {
            asked.push(key.to_string());
            Some(secret("open sesame"))
        })
        .await;

        for _ in 0..2 {
            let session = login(&server, source.clone(), &keys).await.unwrap();
            assert_eq!(session.obstacle(), Some(Obstacle::LockedKey), "{name}");
            session.close().await;
        }
        assert_eq!(asked, [format!("`{}`", server.path(name).display())]);
    }
}

#[tokio::test]
async fn a_passphrase_may_be_mistyped_twice_and_not_for_ever() {
    let server = Server::start();
    let source = KeySource::File(server.key("id", "ed25519", &["-N", "open sesame"]));
    let typed = |words: &'static [&'static str]| {
        let mut words = words.iter();
        move |_: &_| words.next().map(|word| secret(word))
    };

    let keys = Keys::new(None);
    keys.unlock([&source], typed(&["a", "b", "open sesame"]))
        .await;
    login(&server, source.clone(), &keys).await.unwrap();

    let keys = Keys::new(None);
    keys.unlock([&source], typed(&["a", "b", "c", "open sesame"]))
        .await;
    let error = key_error(login(&server, source.clone(), &keys).await);
    assert!(matches!(error, KeyError::Passphrase { .. }), "{error:?}");

    let keys = Keys::new(None);
    keys.unlock([&source], |_| None).await;
    let error = key_error(login(&server, source, &keys).await);
    assert!(matches!(error, KeyError::Encrypted { .. }), "{error:?}");
}

#[tokio::test]
async fn an_old_form_that_cannot_be_opened_is_named() {
    let server = Server::start();
    let source = KeySource::File(server.key("id", "ecdsa-256", &["-m", "PEM", "-N", "sesame"]));
    let keys = Keys::new(None);

    keys.unlock([&source], |_| Some(secret("sesame"))).await;

    let error = key_error(login(&server, source, &keys).await);
    assert!(matches!(error, KeyError::OldForm { .. }), "{error:?}");
}

/// Runs harden on a terminal of its own and types `answer` when `question` is there.
pub(crate) fn on_a_terminal(
    arguments: &[&str],
    home: &Path,
    question: &str,
    answer: &str,
) -> String {
    answering(arguments, home, &[(question, answer)])
}

/// The same with several questions, which come in this order.
pub(crate) fn answering(arguments: &[&str], home: &Path, answers: &[(&str, &str)]) -> String {
    let command = format!("{} {}", env!("CARGO_BIN_EXE_harden"), arguments.join(" "));
    let mut terminal = Command::new("script")
        .args(["-q", "-e", "-f", "-c", &command, "/dev/null"])
        .env("HOME", home)
        .env_remove("SSH_AUTH_SOCK")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("these tests need `script`: apt-get install -y bsdutils");
    let (mut typing, mut shown) = (
        terminal.stdin.take().unwrap(),
        terminal.stdout.take().unwrap(),
    );
    let (mut all, mut answers) = (Vec::new(), answers.iter().peekable());
    let mut some = [0; 4096];
    while let Ok(length @ 1..) = shown.read(&mut some) {
        all.extend_from_slice(&some[..length]);
        let said = String::from_utf8_lossy(&all);
        if let Some((_, answer)) = answers.next_if(|(question, _)| said.contains(question)) {
            typing.write_all(format!("{answer}\n").as_bytes()).unwrap();
        }
    }
    terminal.wait().unwrap();
    String::from_utf8_lossy(&all).into_owned()
}

#[tokio::test]
async fn the_terminal_is_asked_and_shows_nothing_of_the_answer() {
    let (jump, end) = (Server::start(), Server::start());
    let key = jump.key("id", "ed25519", &["-N", "open sesame"]);
    let inventory = end.path("fleet.yml");
    let text = format!(
        "ssh_key_path: {}\nbastion_host: {{address: 127.0.0.1, port: {}, user: {user}}}\n\
         nodes:\n- {{address: 127.0.0.1, port: {}, user: {user}, role: [etcd]}}\n",
        key.display(),
        jump.port,
        end.port,
        user = whoami(),
    );
    fs::write(&inventory, text).unwrap();
    let (home, path) = (end.path("home"), inventory.display().to_string());

    let shown = tokio::task::spawn_blocking(move || {
        on_a_terminal(
            &["trust", "--yes", &path],
            &home,
            "Passphrase for",
            "open sesame",
        )
    });
    let shown = shown.await.unwrap();

    assert_eq!(shown.matches("Passphrase for").count(), 1, "{shown}");
    assert!(!shown.contains("open sesame"), "{shown}");
    let recorded = fs::read_to_string(end.path("known_hosts")).unwrap_or_default();
    assert_eq!(recorded, jump.known_line() + &end.known_line(), "{shown}");
}

#[test]
fn ctrl_c_at_a_question_ends_harden_and_leaves_a_terminal_that_shows_what_is_typed() {
    let server = Server::start();
    let key = server.key("id", "ed25519", &["-N", "open sesame"]);
    let inventory = server.path("fleet.yml");
    let text = format!(
        "ssh_key_path: {}\nnodes:\n- {{address: 127.0.0.1, user: root, role: [etcd]}}\n",
        key.display(),
    );
    fs::write(&inventory, text).unwrap();
    let path = inventory.display().to_string();
    let then = [";", "echo", "ended with $?;", "stty", "-a"];
    let arguments: Vec<&str> = ["check", &path].into_iter().chain(then).collect();

    let shown = on_a_terminal(
        &arguments,
        &server.path("home"),
        "Passphrase for",
        "op\u{3}",
    );

    assert!(shown.contains("ended with 130"), "{shown}");
    for mode in ["echo", "icanon", "isig"] {
        assert!(
            shown.split_whitespace().any(|word| word == mode),
            "{mode}: {shown}"
        );
    }
    assert!(!shown.contains("op\r"), "{shown}");
}

#[tokio::test]
async fn an_rsa_key_is_taken_from_us_and_rke_is_warned_for() {
    let server = Server::start();
    let rsa = KeySource::File(server.key("rsa", "rsa-2048", &[]));
    let keys = Keys::new(None);

    let session = login(&server, rsa, &keys).await.unwrap();

    assert_eq!(session.obstacle(), Some(Obstacle::RsaKey));
    let ed25519 = KeySource::File(server.key("id", "ed25519", &[]));
    let session = login(&server, ed25519, &keys).await.unwrap();
    assert_eq!(session.obstacle(), None);
}

/// A server that believes an authority and no key, and that authority.
fn under_authority() -> (Server, PathBuf) {
    let server = Server::with("ed25519", "TrustedUserCAKeys DIR/authority.pub");
    let authority = server.path("authority");
    make_key(&authority, "ed25519", &[]);
    (server, authority)
}

/// A certificate for `key`, made by `authority` with `more` arguments of ssh-keygen.
fn certify(authority: &Path, key: &Path, more: &[&str]) -> PathBuf {
    let signed = Command::new("ssh-keygen")
        .args(["-q", "-s"])
        .arg(authority)
        .args(["-I", "test"])
        .args(more)
        .arg(key.with_extension("pub"))
        .status();
    assert!(signed.unwrap().success());
    let name = key.file_name().unwrap().to_string_lossy();
    key.with_file_name(format!("{name}-cert.pub"))
}

#[tokio::test]
async fn certificates_of_every_kind_log_in_from_a_file_and_from_the_inventory() {
    let (server, authority) = under_authority();
    for kind in ["ed25519", "ecdsa-256", "rsa-2048"] {
        let key = server.path(kind);
        make_key(&key, kind, &[]);
        let certificate = certify(&authority, &key, &["-n", &whoami()]);
        let text = fs::read_to_string(&certificate).unwrap();

        for source in [CertSource::File(certificate), CertSource::Inline(text)] {
            let key = Box::new(KeySource::File(key.clone()));
            let source = KeySource::Certified(key, source);
            let done = login(&server, source, &Keys::new(None)).await;
            assert!(done.is_ok(), "{kind}: {}", done.unwrap_err());
        }
    }
}

#[tokio::test]
async fn a_certificate_that_cannot_be_used_costs_no_connection() {
    let (server, authority) = under_authority();
    let (key, other) = (server.path("id"), server.path("other"));
    make_key(&key, "ed25519", &[]);
    make_key(&other, "ed25519", &[]);
    let others = certify(&authority, &other, &["-n", "me"]);
    let hosts = certify(&authority, &key, &["-h", "-n", "me"]);
    let cases = [
        (CertSource::File(others), "given to another key"),
        (CertSource::File(hosts), "a certificate for a host"),
        (CertSource::File(server.path("none")), "No such file"),
        (CertSource::Inline("junk".to_owned()), "no certificate"),
    ];
    for (certificate, reason) in cases {
        let key = Box::new(KeySource::File(key.clone()));
        let source = KeySource::Certified(key, certificate);

        let error = key_error(login(&server, source, &Keys::new(None)).await);

        assert!(error.to_string().contains(reason), "{error}");
    }
    assert_eq!(server.connections().await, 0);
}

/// The node as `op`, with a key that the server does not take.
fn as_stranger(server: &Server) -> Node {
    let stranger = server.path("stranger");
    if !stranger.exists() {
        make_key(&stranger, "ed25519", &[]);
    }
    Node {
        user: "op".to_owned(),
        ..server.node(KeySource::File(stranger))
    }
}

#[tokio::test]
async fn a_password_is_given_only_where_one_was_asked_for() {
    for more in [
        "PasswordAuthentication yes",
        "UsePAM yes\nKbdInteractiveAuthentication yes",
        "PasswordAuthentication yes\nAuthenticationMethods publickey,password",
    ] {
        let server = Server::with_operator("/bin/sh", "", more);
        let mut node = as_stranger(&server);
        if more.contains("publickey,") {
            node = server.node_of_operator();
        }
        let options = server.options();

        let without = Session::connect(&node, &Keys::new(None), &options).await;
        let keys = Keys::new(None).or_password(secret(PASSWORD));
        let with = Session::connect(&node, &keys, &options).await;

        assert!(matches!(without, Err(SshError::Login { .. })), "{more}");
        let session = with.unwrap_or_else(|error| panic!("{more}: {error}"));
        let said = session.run("id -un", nothing(), LONG).await.unwrap();
        assert_eq!(said.stdout, b"op\n");
    }
}

#[tokio::test]
async fn a_wrong_password_is_tried_on_one_node_and_not_on_the_fleet() {
    let server = Server::with_operator("/bin/sh", "", "PasswordAuthentication yes");
    let node = as_stranger(&server);
    let keys = Arc::new(Keys::new(None).or_password(secret("wrong")));
    let options = server.options();

    let tries = (0..6).map(|_| Session::connect(&node, &keys, &options));
    let errors = futures::future::join_all(tries).await;

    assert!(errors.iter().all(Result::is_err));
    assert_eq!(server.count("Failed password").await, 1);
    let spent = errors.iter().filter_map(|tried| tried.as_ref().err());
    let spent = spent.filter(|error| error.to_string().contains("cp-1 refused the one"));
    assert_eq!(spent.count(), 5);
}
