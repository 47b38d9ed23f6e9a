//! A command that has answered and goes on running until its input ends.

use std::fs;
use std::path::Path;
use std::time::Duration;

use harden::ssh::Remote as _;
use harden::ssh::Status;
use harden::ssh::held::Held;
use harden::ssh::keys::Keys;
use harden::ssh::session::Session;
use tokio::time::timeout;

use crate::LONG;
use crate::nothing;
use crate::server::Server;

async fn open(server: &Server) -> Session {
    let node = server.node_with_key();
    Session::connect(&node, &Keys::new(None), &server.options())
        .await
        .unwrap()
}

/// A command that says that it is there, and leaves `ended` when its input has ended.
async fn hold(session: &Session, ended: &Path) -> Held {
    let command = format!(
        "echo here; while read -r line; do :; done; echo over >{}",
        ended.display()
    );
    let run = session.run_and_hold(&command, nothing(), LONG, |said| said == b"here\n");
    let (output, held) = run.await.unwrap();
    assert_eq!(output.status, Status::Running);
    held.unwrap()
}

async fn is_there(file: &Path) {
    let there = async {
        while !file.exists() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(LONG, there).await.unwrap();
}

#[tokio::test]
async fn it_runs_beside_others_and_has_ended_when_it_is_released() {
    let server = Server::start();
    let dir = tempfile::tempdir().unwrap();
    let ended = dir.path().join("ended");
    let session = open(&server).await;

    let held = hold(&session, &ended).await;
    let beside = session.run("echo beside", nothing(), LONG).await.unwrap();

    assert_eq!(beside.stdout, b"beside\n");
    assert!(!held.is_over());
    assert!(!ended.exists());
    held.release().await;
    assert_eq!(fs::read(&ended).unwrap(), b"over\n");
}

#[tokio::test]
async fn it_ends_with_the_connection_and_when_nobody_holds_it_any_more() {
    let server = Server::start();
    let dir = tempfile::tempdir().unwrap();
    let (first, second) = (dir.path().join("first"), dir.path().join("second"));
    let session = open(&server).await;

    drop(hold(&session, &first).await);
    is_there(&first).await;

    let held = hold(&session, &second).await;
    drop(session);
    is_there(&second).await;
    assert!(held.is_over());
}

#[tokio::test]
async fn a_command_that_ends_by_itself_is_not_held() {
    let server = Server::start();
    let session = open(&server).await;

    let run = session.run_and_hold("echo no; exit 3", nothing(), LONG, |said| said == b"yes\n");
    let (output, held) = run.await.unwrap();

    assert_eq!(output.status, Status::Code(3));
    assert!(held.is_none());
}
