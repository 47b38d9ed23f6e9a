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
        connect: Duration::from_secs(2),
        handshake,
        ..Options::default()
    };
    let tried = Session::connect(&node, &Keys::new(None), &options).await;
    tried.expect_err("the connection must fail")
}

/// A server that says `greeting`, hangs up if `then_closes`, and tells when its client is gone.
async fn fake(greeting: &'static str, then_closes: bool) -> (u16, tokio::task::JoinHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let served = tokio::spawn(async move {
        loop {
            let (mut client, _) = listener.accept().await.unwrap();
            client.write_all(greeting.as_bytes()).await.unwrap();
            if !then_closes {
                let mut rest = Vec::new();
                let _ = client.read_to_end(&mut rest).await;
                return;
            }
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

/// A server that has no place for more, and the connection that holds the only one.
async fn overrun() -> (Server, TcpStream) {
    let server = Server::with("ed25519", "MaxStartups 1");
    let mut idle = TcpStream::connect(("127.0.0.1", server.port))
        .await
        .unwrap();
    // The server counts a connection from when it has greeted it.
    let mut banner = [0; 4];
    idle.read_exact(&mut banner).await.unwrap();
    (server, idle)
}

#[tokio::test]
async fn an_overrun_sshd_is_asked_again_and_in_the_end_quoted() {
    let (server, _idle) = overrun().await;
    let node = server.node_with_key();
    let options = Options {
        connect: Duration::from_secs(2),
        ..server.options()
    };

    let tried = Session::connect(&node, &Keys::new(None), &options).await;

    let error = tried.err().unwrap();
    assert!(
        matches!(&error, SshError::TurnedAway { text, .. } if text.contains("MaxStartups")),
        "{error:?}"
    );
    server.wait_for("drop connection").await;
}

#[tokio::test]
async fn an_sshd_that_was_overrun_lets_us_in_as_soon_as_there_is_room() {
    let (server, idle) = overrun().await;
    let node = server.node_with_key();
    let (options, keys) = (server.options(), Keys::new(None));

    let connecting = Session::connect(&node, &keys, &options);
    let making_room = async {
        server.wait_for("MaxStartups").await;
        drop(idle);
    };
    let (session, ()) = tokio::join!(connecting, making_room);

    session.unwrap().close().await;
}

#[tokio::test]
async fn a_server_that_hangs_up_without_a_word_is_named() {
    let (port, _served) = fake("", true).await;

    let error = refused(port, LONG).await;

    assert!(matches!(error, SshError::HungUp { .. }), "{error:?}");
    assert!(error.hint().contains("MaxStartups"), "{}", error.hint());
}

#[tokio::test]
async fn garbage_and_floods_instead_of_a_banner_end_in_time() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let flood = tokio::spawn(async move {
        let (mut client, _) = listener.accept().await.unwrap();
        let noise: Vec<u8> = (0..65536_u32).map(|n| (n * 31 % 251) as u8).collect();
        let mut sent = 0_usize;
        while client.write_all(&noise).await.is_ok() {
            sent += noise.len();
        }
        sent
    });

    let error = refused(port, SHORT).await;

    assert_eq!(error.kind(), Kind::Unreachable, "{error:?}");
    assert!(
        error.to_string().ends_with("bytes that are no text"),
        "{error}"
    );
    let sent = timeout(LONG, flood)
        .await
        .expect("the socket leaks")
        .unwrap();
    assert!(sent < 64 << 20, "{sent} bytes were taken");
}

#[tokio::test]
async fn a_server_that_closes_amid_the_key_exchange_is_named_and_left_at_once() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let _served = tokio::spawn(async move {
        let (mut client, _) = listener.accept().await.unwrap();
        client.write_all(b"SSH-2.0-OpenSSH_9.2\r\n").await.unwrap();
        let mut hello = [0; 256];
        let _ = client.read(&mut hello).await;
    });

    let error = refused(port, LONG).await;

    assert!(matches!(error, SshError::Handshake { .. }), "{error:?}");
    assert_eq!(error.kind(), Kind::Unreachable);
}

#[tokio::test]
async fn a_banner_that_comes_too_late_is_not_waited_for() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let (given_up, waiting) = tokio::sync::oneshot::channel();
    let served = tokio::spawn(async move {
        let (mut client, _) = listener.accept().await.unwrap();
        let () = waiting.await.unwrap();
        let _ = client.write_all(b"SSH-2.0-OpenSSH_9.2\r\n").await;
        let mut rest = Vec::new();
        let _ = client.read_to_end(&mut rest).await;
    });

    let error = refused(port, SHORT).await;
    given_up.send(()).unwrap();

    assert!(matches!(error, SshError::Late { .. }), "{error:?}");
    timeout(LONG, served)
        .await
        .expect("the socket leaks")
        .unwrap();
}
