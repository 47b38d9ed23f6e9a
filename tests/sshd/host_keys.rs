//! Whom we trust.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;

use harden::inventory::KeySource;
use harden::inventory::Node;
use harden::ssh::SshError;
use harden::ssh::error::Kind;
use harden::ssh::host_key::HostKeys;
use harden::ssh::keys::Keys;
use harden::ssh::known_hosts::KnownHosts;
use harden::ssh::session::Options;
use harden::ssh::session::Session;
use harden::ssh::target::Target;
use harden::ssh::trust::fetch_host_key;

use crate::server::Server;
use crate::server::make_key;
use crate::server::node;
use crate::server::parsed;
use crate::server::public_half;
use crate::server::trusting;

async fn connect(server: &Server, options: &Options) -> Result<(), SshError> {
    let key = server.path("id");
    let node = if key.exists() {
        server.node(KeySource::File(key))
    } else {
        server.node_with_key()
    };
    let session = Session::connect(&node, &Keys::new(None), options).await?;
    session.close().await;
    Ok(())
}

fn at(node: &Node) -> Arc<Target> {
    Arc::new(Target::from(node))
}

fn line(server: &Server, key: &str) -> String {
    format!("[127.0.0.1]:{} {key}\n", server.port)
}

/// A key that is not the server's.
fn another(server: &Server, kind: &str) -> String {
    let path = server.path("another");
    make_key(&path, kind, &[]);
    public_half(&path)
}

#[tokio::test]
async fn an_unknown_key_is_shown_and_no_login_is_tried() {
    let server = Server::start();

    let error = connect(&server, &trusting("")).await.unwrap_err();

    assert!(
        matches!(error, SshError::HostKeyUnknown { .. }),
        "{error:?}"
    );
    assert_eq!(error.kind(), Kind::Untrusted);
    let fingerprint = parsed(&server.host_key()).fingerprint();
    assert!(error.hint().contains(&fingerprint), "{}", error.hint());
    assert!(error.hint().contains("harden trust INVENTORY --on cp-1"));
    assert_eq!(server.count("Accepted publickey").await, 0);
}

#[tokio::test]
async fn a_changed_key_tells_both_stories() {
    let server = Server::start();
    let known = format!("# ours\n{}", line(&server, &another(&server, "ed25519")));

    let error = connect(&server, &trusting(&known)).await.unwrap_err();

    assert!(
        error.to_string().contains("since line 2 of known_hosts"),
        "{error}"
    );
    let hint = error.hint();
    assert!(
        hint.contains(&format!("-R '[127.0.0.1]:{}'", server.port)),
        "{hint}"
    );
    assert!(hint.contains("stop here"), "{hint}");
}

#[tokio::test]
async fn a_key_of_a_type_that_is_not_on_record_is_refused() {
    let server = Server::start();
    let known = line(&server, &another(&server, "ecdsa-256"));

    let error = connect(&server, &trusting(&known)).await.unwrap_err();

    assert_eq!(
        error.to_string(),
        format!(
            "cp-1: 127.0.0.1:{} offers a host key of type ssh-ed25519, \
             but line 1 of known_hosts has one of type ecdsa-sha2-nistp256",
            server.port
        )
    );
}

#[tokio::test]
async fn a_revoked_key_is_refused_though_a_good_line_is_there() {
    let server = Server::start();
    let good = line(&server, &server.host_key());

    let error = connect(&server, &trusting(&format!("{good}@revoked {good}"))).await;

    assert!(
        matches!(error, Err(SshError::HostKeyRevoked { .. })),
        "{error:?}"
    );
}

#[tokio::test]
async fn a_name_hashed_by_ssh_keygen_is_recognised() {
    let server = Server::start();
    let file = server.path("known_hosts");
    fs::write(&file, line(&server, &server.host_key())).unwrap();
    let hashed = Command::new("ssh-keygen")
        .args(["-q", "-H", "-f"])
        .arg(&file)
        .output();
    assert!(hashed.unwrap().status.success());
    let text = fs::read_to_string(&file).unwrap();
    assert!(text.starts_with("|1|"), "{text}");

    connect(&server, &trusting(&text)).await.unwrap();
}

#[tokio::test]
async fn of_several_keys_the_recorded_type_is_asked_for() {
    let directory = tempfile::tempdir().unwrap();
    let second = directory.path().join("second");
    make_key(&second, "ecdsa-256", &[]);
    let server = Server::with("ed25519", &format!("HostKey {}", second.display()));
    let options = trusting(&line(&server, &public_half(&second)));

    connect(&server, &options).await.unwrap();
    let node = server.node(KeySource::Agent);
    let fetched = fetch_host_key(&node, &Keys::new(None), &options).await;

    assert_eq!(fetched.unwrap().openssh(), public_half(&second));
}

#[tokio::test]
async fn every_type_of_host_key_is_understood() {
    for kind in ["ecdsa-256", "ecdsa-384", "ecdsa-521", "rsa-2048"] {
        let server = Server::with(kind, "");

        let done = connect(&server, &server.options()).await;

        assert!(done.is_ok(), "{kind}: {}", done.unwrap_err());
    }
}

#[tokio::test]
async fn a_fetched_key_is_the_servers_and_once_recorded_opens_the_door() {
    let server = Server::start();
    let node = server.node_with_key();
    let file = server.path("new/directory/known_hosts");

    let key = fetch_host_key(&node, &Keys::new(None), &trusting(""))
        .await
        .unwrap();
    let shown = Command::new("ssh-keygen")
        .arg("-lf")
        .arg(server.path("host_key.pub"))
        .output();
    KnownHosts::record(&file, &at(&node), &key).await.unwrap();
    KnownHosts::record(&file, &at(&node), &key).await.unwrap();

    let shown = String::from_utf8(shown.unwrap().stdout).unwrap();
    assert!(shown.contains(&key.fingerprint()), "{shown}");
    assert_eq!(
        fs::read_to_string(&file).unwrap(),
        line(&server, &server.host_key())
    );
    assert_eq!(
        fs::metadata(&file).unwrap().permissions().mode() & 0o777,
        0o600
    );
    let options = Options {
        known_hosts: Arc::new(KnownHosts::read(&[file]).unwrap()),
        ..Options::default()
    };
    connect(&server, &options).await.unwrap();
    assert_eq!(server.count("Accepted publickey").await, 1);
}

#[tokio::test]
async fn a_record_is_never_overruled() {
    let server = Server::start();
    let node = server.node_with_key();
    let file = server.path("known_hosts");
    let old = line(&server, &another(&server, "ed25519"));
    fs::write(&file, old.trim_end()).unwrap();
    let key = parsed(&server.host_key());

    let error = KnownHosts::record(&file, &at(&node), &key)
        .await
        .unwrap_err();

    assert!(
        matches!(error, SshError::HostKeyChanged { .. }),
        "{error:?}"
    );
    assert_eq!(fs::read_to_string(&file).unwrap(), old.trim_end());
}

#[tokio::test]
async fn many_writers_leave_one_line_for_each_node() {
    let server = Server::start();
    let key = parsed(&server.host_key());
    let file = server.path("known_hosts");
    fs::write(&file, "# no final newline").unwrap();
    let nodes = (1001..1040).map(|port| at(&node(port, KeySource::Agent)));
    let nodes: Vec<_> = nodes.collect();

    let records = nodes
        .iter()
        .map(|node| KnownHosts::record(&file, node, &key));
    for done in futures::future::join_all(records).await {
        done.unwrap();
    }

    let text = fs::read_to_string(&file).unwrap();
    assert_eq!(text.lines().count(), 40);
    assert!(
        text.lines()
            .skip(1)
            .all(|line| line.ends_with(&server.host_key()))
    );
}

fn accepting(file: PathBuf) -> Options {
    Options {
        known_hosts: Arc::new(KnownHosts::read(std::slice::from_ref(&file)).unwrap()),
        host_keys: HostKeys::AcceptNew(file),
        ..Options::default()
    }
}

#[tokio::test]
async fn accept_new_learns_a_host_once_and_then_holds_it_to_its_key() {
    let server = Server::start();
    let file = server.path("known_hosts");
    connect(&server, &accepting(file.clone())).await.unwrap();
    assert_eq!(
        fs::read_to_string(&file).unwrap(),
        line(&server, &server.host_key())
    );

    for kind in ["ed25519", "ecdsa-256"] {
        let other = line(&server, &another(&server, kind));
        fs::remove_file(server.path("another")).unwrap();
        fs::write(&file, &other).unwrap();

        let error = connect(&server, &accepting(file.clone()))
            .await
            .unwrap_err();

        assert_eq!(error.kind(), Kind::Untrusted, "{error:?}");
        assert_eq!(fs::read_to_string(&file).unwrap(), other);
    }
}

#[tokio::test]
async fn accept_new_does_not_learn_a_host_that_is_revoked_or_under_an_authority() {
    let server = Server::start();
    for marker in ["@revoked", "@cert-authority"] {
        let file = server.path("known_hosts");
        let text = format!("{marker} {}", line(&server, &server.host_key()));
        fs::write(&file, &text).unwrap();

        let error = connect(&server, &accepting(file.clone()))
            .await
            .unwrap_err();

        assert_eq!(error.kind(), Kind::Untrusted, "{marker}: {error:?}");
        assert_eq!(fs::read_to_string(&file).unwrap(), text);
    }
}
