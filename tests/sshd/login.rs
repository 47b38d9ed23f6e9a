//! Keys and logins.

use std::fs;
use std::path::PathBuf;

use harden::inventory::KeySource;
use harden::secret::Secret;
use harden::ssh::SshError;
use harden::ssh::error::Kind;
use harden::ssh::keys::KeyError;
use harden::ssh::keys::Keys;
use harden::ssh::session::Session;

use crate::server::Agent;
use crate::server::Server;
use crate::server::make_key;

async fn login(server: &Server, key: KeySource) -> Result<(), SshError> {
    with_keys(server, key, &Keys::new(None)).await
}

async fn with_keys(server: &Server, key: KeySource, keys: &Keys) -> Result<(), SshError> {
    let session = Session::connect(&server.node(key), keys, &server.options()).await?;
    session.close().await;
    Ok(())
}

async fn refused(server: &Server, key: KeySource) -> SshError {
    login(server, key).await.expect_err("the login must fail")
}

#[tokio::test]
async fn every_kind_of_key_logs_in_from_a_file_and_from_the_inventory() {
    let server = Server::start();
    let kinds = [
        ("ed25519", &[][..]),
        ("ecdsa-256", &[]),
        ("ecdsa-384", &[]),
        ("ecdsa-521", &[]),
        ("rsa-2048", &[]),
        ("rsa-2048", &["-m", "PEM"]),
        ("rsa-2048", &["-m", "PKCS8"]),
        ("ecdsa-256", &["-m", "PEM"]),
    ];
    for (index, (kind, more)) in kinds.into_iter().enumerate() {
        let file = server.key(&format!("id{index}"), kind, more);
        let text = fs::read_to_string(&file).unwrap();

        for source in [KeySource::File(file), KeySource::Inline(Secret::from(text))] {
            let done = login(&server, source).await;
            assert!(done.is_ok(), "{kind} {more:?}: {}", done.unwrap_err());
        }
    }
}

#[tokio::test]
async fn packets_are_encrypted_by_aes_gcm_and_where_the_server_has_none_by_what_it_has() {
    let servers = [
        ("", "aes256-gcm@openssh.com"),
        ("Ciphers -*gcm*", "chacha20-poly1305@openssh.com"),
        ("Ciphers aes128-ctr,aes256-ctr", "aes256-ctr"),
    ];
    for (more, cipher) in servers {
        let server = Server::with("ed25519", more);
        let key = KeySource::File(server.key("id", "ed25519", &[]));
        let node = server.node(key);

        let (keys, options) = (Keys::new(None), server.options());
        let session = Session::connect(&node, &keys, &options).await.unwrap();

        let notes = session.notes().join("\n");
        assert!(
            notes.contains(&format!("packets encrypted by {cipher}")),
            "{notes}"
        );
        session.close().await;
    }
}

#[tokio::test]
async fn rsa_falls_back_to_the_shorter_hash_and_never_to_sha1() {
    let shorter = Server::with("ed25519", "PubkeyAcceptedAlgorithms rsa-sha2-256");
    let key = shorter.key("id", "rsa-2048", &[]);
    login(&shorter, KeySource::File(key)).await.unwrap();

    let oldest = Server::with("ed25519", "PubkeyAcceptedAlgorithms ssh-rsa");
    let key = oldest.key("id", "rsa-2048", &[]);
    let error = refused(&oldest, KeySource::File(key)).await;
    assert!(matches!(error, SshError::Login { .. }), "{error:?}");
}

#[tokio::test]
async fn the_agent_offers_its_keys_in_order() {
    let server = Server::start();
    let agent = Agent::start(&server.path(""));
    make_key(&server.path("stranger"), "ed25519", &[]);
    agent.add(&server.path("stranger"));
    agent.add(&server.key("id", "rsa-2048", &[]));
    let keys = Keys::new(Some(agent.socket.clone()));

    with_keys(&server, KeySource::Agent, &keys).await.unwrap();

    assert_eq!(server.connections().await, 1);
}

#[tokio::test]
async fn an_agent_full_of_strangers_stops_before_the_server_hangs_up() {
    let server = Server::start();
    let agent = Agent::start(&server.path(""));
    for index in 0..8 {
        let stranger = server.path(&format!("stranger{index}"));
        make_key(&stranger, "ed25519", &[]);
        agent.add(&stranger);
    }
    let keys = Keys::new(Some(agent.socket.clone()));

    let error = with_keys(&server, KeySource::Agent, &keys)
        .await
        .unwrap_err();

    assert!(
        matches!(&error, SshError::Login { tried, .. } if tried.len() == 5),
        "{error:?}"
    );
    assert!(error.to_string().contains("SHA256:"), "{error}");
}

#[tokio::test]
async fn an_agent_that_is_absent_deaf_or_empty_is_named() {
    let server = Server::start();
    let source = KeySource::Agent;
    let told = async |keys: Keys| {
        let error = with_keys(&server, source.clone(), &keys).await.unwrap_err();
        match error {
            SshError::Key { source, .. } => source,
            other => panic!("{other:?}"),
        }
    };

    assert_eq!(told(Keys::new(None)).await, KeyError::NoAgent);
    assert_eq!(
        told(Keys::new(Some(PathBuf::new()))).await,
        KeyError::NoAgent
    );
    let deaf = told(Keys::new(Some(server.path("nobody")))).await;
    assert!(matches!(deaf, KeyError::Agent { .. }), "{deaf:?}");
    let agent = Agent::start(&server.path(""));
    let empty = told(Keys::new(Some(agent.socket.clone()))).await;
    assert!(matches!(empty, KeyError::EmptyAgent { .. }), "{empty:?}");
}

#[tokio::test]
async fn a_key_that_cannot_be_used_costs_no_connection_and_has_a_hint() {
    let server = Server::start();
    let encrypted = server.path("encrypted");
    make_key(&encrypted, "ed25519", &["-N", "secret"]);
    let pkcs8 = server.path("pkcs8");
    make_key(&pkcs8, "rsa-2048", &["-m", "PKCS8", "-N", "secret"]);
    let pem = server.path("pem");
    make_key(&pem, "rsa-2048", &["-m", "PEM", "-N", "secret"]);
    fs::write(server.path("junk"), "no key at all\n").unwrap();
    let cases = [
        ("encrypted", "is encrypted", "ssh-keygen -p -f"),
        ("pkcs8", "is encrypted", "ssh_agent_auth: true"),
        ("pem", "is encrypted", "ssh-keygen -p -f"),
        (
            "encrypted.pub",
            "is a public key",
            "encrypted` in the inventory",
        ),
        ("junk", "not a private key", "ssh-keygen -y -f"),
        ("nowhere", "no key file", "ssh_key_path"),
        ("", "cannot be read", "ls -l"),
    ];
    for (name, message, hint) in cases {
        let error = refused(&server, KeySource::File(server.path(name))).await;

        assert_eq!(error.kind(), Kind::Denied, "{name}");
        let text = error.to_string();
        assert!(
            text.starts_with("cp-1: ") && text.contains(message),
            "{text}"
        );
        assert!(error.hint().contains(hint), "{name}: {}", error.hint());
    }
    assert_eq!(server.connections().await, 0);
}

#[tokio::test]
async fn a_key_that_the_server_does_not_know_is_refused_with_its_name() {
    let server = Server::start();
    let stranger = server.path("stranger");
    make_key(&stranger, "ed25519", &[]);

    let error = refused(&server, KeySource::File(stranger.clone())).await;

    let text = error.to_string();
    assert!(text.contains("refused the login of"), "{text}");
    assert!(text.contains(&stranger.display().to_string()), "{text}");
    assert!(text.contains("it accepts publickey"), "{text}");
    assert!(error.hint().contains("authorized_keys"), "{}", error.hint());
}

#[tokio::test]
async fn a_user_who_does_not_exist_is_refused_by_name() {
    let server = Server::start();
    let mut node = server.node_with_key();
    node.user = "nobody-of-that-name".to_owned();

    let error = Session::connect(&node, &Keys::new(None), &server.options())
        .await
        .err()
        .unwrap();

    assert!(matches!(error, SshError::Login { .. }), "{error:?}");
    assert!(
        error.to_string().contains("`nobody-of-that-name`"),
        "{error}"
    );
}

#[tokio::test]
async fn a_server_that_hangs_up_during_the_login_is_quoted() {
    let server = Server::with("ed25519", "MaxAuthTries 2");
    let agent = Agent::start(&server.path(""));
    for index in 0..4 {
        let stranger = server.path(&format!("stranger{index}"));
        make_key(&stranger, "ed25519", &[]);
        agent.add(&stranger);
    }
    let keys = Keys::new(Some(agent.socket.clone()));

    let error = with_keys(&server, KeySource::Agent, &keys)
        .await
        .unwrap_err();

    assert!(matches!(error, SshError::Lost { .. }), "{error:?}");
    assert!(
        error
            .to_string()
            .contains("Too many authentication failures"),
        "{error}"
    );
}
