//! Servers for which an authority vouches.

use std::fs;
use std::path::Path;
use std::process::Command;

use harden::ssh::SshError;
use harden::ssh::keys::Keys;
use harden::ssh::session::Session;
use harden::ssh::trust::fetch;
use tempfile::TempDir;

use crate::server::Server;
use crate::server::make_key;
use crate::server::public_half;
use crate::server::trusting;

/// A server whose key of type `kind` has a certificate for `names`, and its authority's key.
fn certified(kind: &str, names: &str) -> (Server, String, TempDir) {
    let directory = tempfile::tempdir().unwrap();
    let [authority, key] = ["authority", "host"].map(|name| directory.path().join(name));
    make_key(&authority, "ed25519", &[]);
    make_key(&key, kind, &[]);
    sign(&authority, &key, names);
    // The server has a key without a certificate too, and OpenSSH takes the first it can.
    let server = Server::with(
        "ecdsa-384",
        &format!("HostKey {0}\nHostCertificate {0}-cert.pub", key.display()),
    );
    (server, public_half(&authority), directory)
}

fn sign(authority: &Path, key: &Path, names: &str) {
    let signed = Command::new("ssh-keygen")
        .args(["-q", "-h", "-I", "test", "-n", names, "-s"])
        .arg(authority)
        .arg(key.with_extension("pub"))
        .status();
    assert!(signed.unwrap().success());
}

async fn connect(server: &Server, known: &str) -> Result<(), SshError> {
    let node = if server.path("id").exists() {
        server.node(harden::inventory::KeySource::File(server.path("id")))
    } else {
        server.node_with_key()
    };
    let session = Session::connect(&node, &Keys::new(None), &trusting(known)).await?;
    session.close().await;
    Ok(())
}

#[tokio::test]
async fn certificates_for_every_kind_of_host_key_open_the_door() {
    for kind in ["ed25519", "ecdsa-256", "rsa-2048"] {
        let (server, authority, _kept) = certified(kind, "127.0.0.1");

        let done = connect(&server, &format!("@cert-authority 127.* {authority}\n")).await;

        assert!(done.is_ok(), "{kind}: {}", done.unwrap_err());
    }
}

#[tokio::test]
async fn a_certificate_for_another_host_is_refused_unless_its_key_is_known() {
    let (server, authority, kept) = certified("ed25519", "10.0.0.1");
    let authority = format!("@cert-authority * {authority}\n");

    let error = connect(&server, &authority).await.unwrap_err();

    assert_eq!(
        error.to_string(),
        format!(
            "cp-1: the host certificate of 127.0.0.1:{} is for 10.0.0.1",
            server.port
        )
    );
    let key = public_half(&kept.path().join("host"));
    let both = format!("{authority}[127.0.0.1]:{} {key}\n", server.port);
    connect(&server, &both).await.unwrap();
}

#[tokio::test]
async fn a_revoked_authority_opens_nothing() {
    let (server, authority, _kept) = certified("ed25519", "127.0.0.1");
    let known = format!("@cert-authority * {authority}\n@revoked * {authority}\n");

    let error = connect(&server, &known).await.unwrap_err();

    assert!(
        matches!(error, SshError::HostKeyRevoked { .. }),
        "{error:?}"
    );
}

#[tokio::test]
async fn without_an_authority_on_record_the_plain_key_is_shown() {
    let (server, _, kept) = certified("ed25519", "127.0.0.1");
    let key = public_half(&kept.path().join("host"));

    let known = format!("[127.0.0.1]:{} {key}\n", server.port);
    connect(&server, &known).await.unwrap();
}

#[tokio::test]
async fn trust_sees_the_authority_that_vouches() {
    let (server, authority, _kept) = certified("ed25519", "127.0.0.1");
    let options = trusting(&format!("# ours\n@cert-authority * {authority}\n"));
    let route = options.routes.to(&server.node_with_key());

    let offer = fetch(&[], &route.end, &Keys::new(None), &options).await;

    assert_eq!(offer.unwrap().authority.unwrap().line, 2);
}

#[tokio::test]
async fn a_fleet_is_shown_at_once_and_a_changed_key_is_never_overwritten() {
    let servers: Vec<Server> = (0..5).map(|_| Server::start()).collect();
    let home = tempfile::tempdir().unwrap();
    let stranger = home.path().join("stranger");
    make_key(&stranger, "ed25519", &[]);
    let nodes = servers.iter().enumerate().map(|(index, server)| {
        format!(
            "- {{address: 127.0.0.{}, port: {}, user: u, role: [etcd]}}\n",
            index + 1,
            server.port
        )
    });
    let inventory = home.path().join("fleet.yml");
    let nodes: String = nodes.collect();
    fs::write(&inventory, format!("ssh_key_path: /none\nnodes:\n{nodes}")).unwrap();
    let old = format!(
        "[127.0.0.1]:{} {}\n",
        servers[0].port,
        public_half(&stranger)
    );
    let known = home.path().join("known_hosts");
    fs::write(&known, &old).unwrap();

    let trusted = Command::new(env!("CARGO_BIN_EXE_harden"))
        .arg("trust")
        .arg(&inventory)
        .args(["--yes", "--on", "*"])
        .env("HOME", home.path())
        .output()
        .unwrap();

    let shown = String::from_utf8(trusted.stdout).unwrap();
    assert_eq!(trusted.status.code(), Some(4), "{shown}");
    assert!(shown.contains("CHANGED since line 1"), "{shown}");
    assert_eq!(shown.lines().count(), 6, "{shown}");
    let recorded = fs::read_to_string(&known).unwrap();
    assert!(recorded.starts_with(&old), "{recorded}");
    assert_eq!(recorded.lines().count(), 1 + 4, "{recorded}");
    assert!(!recorded.contains(&servers[0].host_key()));
}
