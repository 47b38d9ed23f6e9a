//! Servers that are not there, do not speak, or do not want us.

use std::time::Duration;

use harden::inventory::KeySource;
use harden::ssh::SshError;
use harden::ssh::error::Kind;
use harden::ssh::error::Step;
use harden::ssh::keys::Keys;
use harden::ssh::session::Options;
use harden::ssh::session::Session;
use tokio::io::AsyncReadExt;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpListener;
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::LONG;
use crate::SHORT;
use crate::server::Server;
use crate::server::free_port;
use crate::server::make_key;
use crate::server::node;

/// Connects to `port` with a good key, and fails.
async fn refused(port: u16, handshake: Duration) -> SshError {
    let directory = tempfile::tempdir().unwrap();
    make_key(&directory.path().join("id"), "ed25519", &[]);
    let node = node(port, KeySource::File(directory.path().join("id")));
    let options = Options {
        handshake,
        ..Options::default()
    };
    let tried = Session::connect(&node, &Keys::new(None), &options).await;
    tried.err().expect("the connection must fail")
}

/// A server that says `greeting`, hangs up if `then_closes`, and tells when its client is gone.
async fn fake(greeting: &'static str, then_closes: bool) -> (u16, tokio::task::JoinHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let served = tokio::spawn(async move {
        let (mut client, _) = listener.accept().await.unwrap();
        client.write_all(greeting.as_bytes()).await.unwrap();
        if !then_closes {
            let mut rest = Vec::new();
            let _ = client.read_to_end(&mut rest).await;
        }
    });
    (port, served)
}

#[tokio::test]
async fn a_closed_port_is_refused_at_once() {
    let port = free_port();

    let error = refused(port, LONG).await;

    assert_eq!(
        error.to_string(),
        format!("cp-1: no connection to 127.0.0.1:{port}: connection refused")
    );
    assert_eq!(error.kind(), Kind::Unreachable);
    assert!(
        error.hint().contains(&format!("ssh -p {port}")),
        "{}",
        error.hint()
    );
}

#[tokio::test]
async fn a_name_that_does_not_resolve_is_named() {
    let mut node = node(22, KeySource::Inline(String::new().into()));
    let directory = tempfile::tempdir().unwrap();
    make_key(&directory.path().join("id"), "ed25519", &[]);
    node.key = KeySource::File(directory.path().join("id"));
    node.address = "no-such-host.invalid".to_owned();

    let tried = Session::connect(&node, &Keys::new(None), &Options::default()).await;

    let error = tried.err().unwrap();
    assert!(matches!(error, SshError::Resolve { .. }), "{error:?}");
    assert!(
        error.to_string().contains("`no-such-host.invalid`"),
        "{error}"
    );
}

#[tokio::test]
async fn a_silent_server_is_given_up_and_leaves_no_connection_behind() {
    for greeting in ["", "SSH-2.0-OpenSSH_9.2\r\n"] {
        let (port, served) = fake(greeting, false).await;

        let error = refused(port, SHORT).await;

        assert!(
            matches!(
                error,
                SshError::Late {
                    step: Step::Handshake,
                    ..
                }
            ),
            "{error:?}"
        );
        timeout(LONG, served)
            .await
            .expect("the socket leaks")
            .unwrap();
    }
}

#[tokio::test]
async fn what_a_server_says_instead_of_a_banner_is_in_the_error() {
    let cases = [
        ("Not allowed at this time\r\n", "PerSourcePenalties"),
        ("Exceeded MaxStartups\r\n", "--jobs"),
        ("HTTP/1.1 400 Bad Request\r\n\u{1b}[2J\r\n", "port"),
    ];
    for (greeting, hint) in cases {
        let (port, _served) = fake(greeting, true).await;

        let error = refused(port, LONG).await;

        let said = greeting.lines().next().unwrap();
        assert!(matches!(error, SshError::TurnedAway { .. }), "{error:?}");
        assert!(error.to_string().contains(said), "{error}");
        assert!(!error.to_string().contains('\u{1b}'), "{error:?}");
        assert!(error.hint().contains(hint), "{}", error.hint());
    }
}

#[tokio::test]
async fn an_overrun_sshd_is_quoted() {
    let server = Server::with("ed25519", "MaxStartups 1");
    let mut idle = TcpStream::connect(("127.0.0.1", server.port))
        .await
        .unwrap();
    // The server counts a connection from when it has greeted it.
    let mut banner = [0; 4];
    idle.read_exact(&mut banner).await.unwrap();
    let node = server.node_with_key();

    let tried = Session::connect(&node, &Keys::new(None), &server.options()).await;

    let error = tried.err().unwrap();
    assert!(
        matches!(&error, SshError::TurnedAway { text, .. } if text.contains("MaxStartups")),
        "{error:?}"
    );
}
