//! Commands over an open session.

use std::sync::Arc;
use std::time::Duration;

use harden::secret::Secret;
use harden::ssh::Output;
use harden::ssh::Remote;
use harden::ssh::SshError;
use harden::ssh::Status;
use harden::ssh::error::Step;
use harden::ssh::keys::Keys;
use harden::ssh::session::Options;
use harden::ssh::session::Session;
use tokio::sync::Barrier;
use tokio::task::JoinSet;

use crate::LONG;
use crate::SHORT;
use crate::nothing;
use crate::server::Server;

async fn open(server: &Server) -> Session {
    open_with(server, server.options()).await
}

async fn open_with(server: &Server, options: Options) -> Session {
    let node = server.node_with_key();
    Session::connect(&node, &Keys::new(None), &options)
        .await
        .unwrap()
}

async fn run(session: &Session, command: &str) -> Output {
    session.run(command, nothing(), LONG).await.unwrap()
}

#[tokio::test]
async fn a_command_gives_back_both_outputs_and_its_status() {
    let server = Server::start();
    let session = open(&server).await;

    let output = run(&session, "echo out; echo err >&2; exit 7").await;

    assert_eq!(output.stdout, b"out\n");
    assert_eq!(output.stderr, b"err\n");
    assert_eq!(output.status, Status::Code(7));
}

#[tokio::test]
async fn a_command_killed_by_a_signal_names_it() {
    let server = Server::start();
    let session = open(&server).await;

    let output = run(&session, "kill -KILL $$").await;

    assert_eq!(output.status, Status::Signal("KILL".to_owned()));
}

#[tokio::test]
async fn several_runs_and_the_goodbye_use_one_connection() {
    let server = Server::with("ed25519", "MaxSessions 1");
    let session = open(&server).await;

    for _ in 0..12 {
        assert_eq!(run(&session, "exit 0").await.status, Status::Code(0));
    }
    session.close().await;

    server.wait_for("Disconnected from").await;
    assert_eq!(server.connections().await, 1);
}

#[tokio::test]
async fn eight_mebibytes_pass_in_both_directions_at_once() {
    let server = Server::start();
    let session = open(&server).await;
    let bytes: Vec<u8> = (0..8_u32 << 20).map(|n| (n % 251) as u8).collect();

    let output = session
        .run("cat", Secret::new(bytes.clone()), LONG)
        .await
        .unwrap();

    assert_eq!(output.status, Status::Code(0));
    assert!(output.stdout == bytes, "cat changed the bytes");
}

#[tokio::test]
async fn a_command_that_reads_no_stdin_still_ends() {
    let server = Server::start();
    let session = open(&server).await;
    let much = Secret::new(vec![b'x'; 8 << 20]);

    let output = session.run("exit 5", much, LONG).await.unwrap();

    assert_eq!(output.status, Status::Code(5));
}

#[tokio::test]
async fn a_chatty_stderr_is_cut_and_not_an_error() {
    let server = Server::start();
    let session = open(&server).await;

    let output = run(&session, "head -c 1000000 /dev/zero >&2").await;

    assert_eq!(output.status, Status::Code(0));
    assert_eq!(output.stderr.len(), 64 * 1024);
}

#[tokio::test]
async fn output_beyond_the_limit_is_an_error_and_the_session_lives() {
    let server = Server::start();
    let options = Options {
        output: 1 << 20,
        ..server.options()
    };
    let session = open_with(&server, options).await;

    let error = session
        .run("cat /dev/zero", nothing(), LONG)
        .await
        .unwrap_err();

    assert!(
        matches!(
            error,
            SshError::TooMuch {
                limit: 1_048_576,
                ..
            }
        ),
        "{error}"
    );
    assert_eq!(run(&session, "echo on").await.stdout, b"on\n");
}

#[tokio::test]
async fn a_deadline_ends_the_wait_and_closes_the_commands_output() {
    let server = Server::start();
    let session = open(&server).await;
    let witness = server.path("ended");
    let command = format!(
        "(while echo on; do sleep 0.02; done); echo > {}",
        witness.display()
    );

    let error = session.run(&command, nothing(), SHORT).await.unwrap_err();

    assert_eq!(
        error.to_string(),
        format!(
            "cp-1: 127.0.0.1:{} answers, but the command was not finished within 300 ms",
            server.port
        )
    );
    for _ in 0..500 {
        if witness.exists() {
            assert_eq!(run(&session, "echo on").await.stdout, b"on\n");
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("the command was not told to end");
}

#[tokio::test]
async fn a_connection_lost_in_the_middle_of_a_command_says_so() {
    let server = Server::start();
    let session = open(&server).await;

    let error = session
        .run("kill -KILL $PPID", nothing(), LONG)
        .await
        .unwrap_err();

    assert!(
        matches!(
            error,
            SshError::Lost {
                step: Step::Run,
                ..
            }
        ),
        "{error:?}"
    );
    let text = error.to_string();
    assert!(
        text.starts_with("cp-1: the connection to 127.0.0.1:"),
        "{text}"
    );
    assert!(text.ends_with("the server closed the connection"), "{text}");
    let again = session.run("exit 0", nothing(), LONG).await.unwrap_err();
    assert!(matches!(again, SshError::Lost { .. }), "{again:?}");
}

#[tokio::test]
async fn a_server_without_sessions_refuses_the_command() {
    let server = Server::with("ed25519", "MaxSessions 0");
    let session = open(&server).await;

    let error = session.run("exit 0", nothing(), LONG).await.unwrap_err();

    assert!(matches!(error, SshError::Full { .. }), "{error:?}");
    assert!(error.hint().contains("MaxSessions"));
}

#[tokio::test]
async fn a_dropped_session_is_gone_from_the_server() {
    let server = Server::start();
    let session = open(&server).await;

    run(&session, "exit 0").await;
    drop(session);

    server.wait_for("Connection closed by").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn thirty_sessions_at_once_share_one_key_and_do_not_wait_for_each_other() {
    let server = Server::with("ed25519", "MaxStartups 100");
    let node = Arc::new(server.node_with_key());
    let keys = Arc::new(Keys::new(None));
    // Nobody gives an answer before all have asked.
    let all_are_in = Arc::new(Barrier::new(30));
    let mut visits = JoinSet::new();
    for index in 0..30 {
        let (node, keys, all_are_in) = (node.clone(), keys.clone(), all_are_in.clone());
        let options = server.options();
        visits.spawn(async move {
            let session = Session::connect(&node, &keys, &options).await.unwrap();
            all_are_in.wait().await;
            let said = run(&session, &format!("echo {index}")).await.stdout;
            session.close().await;
            String::from_utf8(said).unwrap().trim().parse().unwrap()
        });
    }

    let mut said: Vec<usize> = visits.join_all().await;

    said.sort_unstable();
    assert_eq!(said, (0..30).collect::<Vec<_>>());
    assert_eq!(server.connections().await, 30);
}
