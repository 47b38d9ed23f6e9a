//! Nodes behind jump hosts, each of them an OpenSSH server of its own.

use std::fs;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use harden::inventory::Bastion;
use harden::inventory::KeySource;
use harden::inventory::Node;
use harden::ssh::Remote;
use harden::ssh::SshError;
use harden::ssh::error::Kind;
use harden::ssh::keys::Keys;
use harden::ssh::route::Routes;
use harden::ssh::session::Options;
use harden::ssh::session::Session;
use tokio::net::TcpListener;
use tokio::sync::Barrier;
use tokio::task::JoinSet;

use crate::LONG;
use crate::SHORT;
use crate::nothing;
use crate::server::Agent;
use crate::server::Server;
use crate::server::free_port;
use crate::server::make_key;
use crate::server::node;
use crate::server::public_half;
use crate::server::trusting;
use crate::server::whoami;

/// A jump host at `port` that `key` opens.
fn hop(port: u16, key: KeySource) -> Bastion {
    Bastion {
        address: "127.0.0.1".to_owned(),
        port,
        has_port: true,
        user: whoami(),
        key,
    }
}

/// The jump host that `server` plays, with a key of its own.
fn hop_of(server: &Server) -> Bastion {
    let key = server.path("hop");
    if !key.exists() {
        server.key("hop", "ed25519", &[]);
    }
    hop(server.port, KeySource::File(key))
}

/// Options that know the keys of all `servers` and go through `hops`.
fn options(servers: &[&Server], hops: &[Bastion]) -> Options {
    let lines = servers.iter().map(|server| server.known_line());
    Options {
        routes: Arc::new(Routes::through(hops)),
        ..trusting(&lines.collect::<String>())
    }
}

async fn connect(node: &Node, options: &Options) -> Result<Session, SshError> {
    Session::connect(node, &Keys::new(None), options).await
}

async fn refused(node: &Node, options: &Options) -> SshError {
    connect(node, options)
        .await
        .expect_err("the way must be barred")
}

#[tokio::test]
async fn a_node_behind_two_jump_hosts_answers_and_every_hop_has_its_own_key() {
    let (outer, inner, end) = (Server::start(), Server::start(), Server::start());
    let hops = [hop_of(&outer), hop_of(&inner)];
    let options = options(&[&outer, &inner, &end], &hops);

    let session = connect(&end.node_with_key(), &options).await.unwrap();
    let said = session.run("echo here", nothing(), LONG).await.unwrap();
    session.close().await;
    options.close().await;

    assert_eq!(said.stdout, b"here\n");
    for server in [&outer, &inner, &end] {
        assert_eq!(server.connections().await, 1);
        server.wait_for_goodbye().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn forty_sessions_share_one_connection_and_do_not_overrun_the_server_behind_it() {
    let (jump, end) = (Server::start(), Server::start());
    let options = options(&[&jump, &end], &[hop_of(&jump)]);
    let node = end.node_with_key();
    let all_are_in = Arc::new(Barrier::new(40));
    let mut visits = JoinSet::new();
    for index in 0..40 {
        let (node, options, all_are_in) = (node.clone(), options.clone(), all_are_in.clone());
        visits.spawn(async move {
            let session = connect(&node, &options).await.unwrap();
            all_are_in.wait().await;
            let command = format!("head -c 300000 /dev/zero | tr '\\0' x; echo {index}");
            let said = session.run(&command, nothing(), LONG).await.unwrap();
            assert!(said.stdout.ends_with(format!("x{index}\n").as_bytes()));
            said.stdout.len()
        });
    }

    let said = visits.join_all().await;

    assert!(said.iter().all(|length| *length > 300_000));
    assert_eq!(jump.connections().await, 1);
    assert_eq!(end.connections().await, 40);
}

#[tokio::test]
async fn one_agent_opens_every_hop_and_is_not_forwarded() {
    let (jump, end) = (Server::start(), Server::start());
    let agent = Agent::start(&jump.path(""));
    agent.add(&jump.key("hop", "ed25519", &[]));
    agent.add(&end.key("id", "ecdsa-256", &[]));
    let options = options(&[&jump, &end], &[hop(jump.port, KeySource::Agent)]);
    let keys = Keys::new(Some(agent.socket.clone()));

    let session = Session::connect(&end.node(KeySource::Agent), &keys, &options).await;
    let said = session
        .unwrap()
        .run("echo \"[$SSH_AUTH_SOCK]\"", nothing(), LONG)
        .await;

    assert_eq!(said.unwrap().stdout, b"[]\n");
}

#[tokio::test]
async fn the_host_key_of_every_hop_is_checked() {
    let (jump, end) = (Server::start(), Server::start());
    let hops = [hop_of(&jump)];
    let node = end.node_with_key();

    let unknown_jump = refused(&node, &options(&[&end], &hops)).await;
    assert_eq!(unknown_jump.kind(), Kind::Untrusted);
    let text = unknown_jump.to_string();
    assert!(
        text.starts_with("cp-1: jump host 127.0.0.1: no host key on record for"),
        "{text}"
    );
    assert!(unknown_jump.hint().contains("`harden trust INVENTORY`"));
    assert_eq!(jump.count("Accepted publickey").await, 0);

    let stranger = jump.path("stranger");
    make_key(&stranger, "ed25519", &[]);
    let lines = format!(
        "{}[127.0.0.1]:{} {}\n",
        jump.known_line(),
        end.port,
        public_half(&stranger)
    );
    let changed_node = Options {
        routes: Arc::new(Routes::through(&hops)),
        ..trusting(&lines)
    };
    let error = refused(&node, &changed_node).await;
    assert!(
        matches!(error, SshError::HostKeyChanged { .. }),
        "{error:?}"
    );
    assert_eq!(end.count("Accepted publickey").await, 0);
}

#[tokio::test]
async fn what_bars_the_way_at_a_jump_host_is_named() {
    let (jump, end) = (Server::start(), Server::start());
    let closed = Server::with("ed25519", "AllowTcpForwarding no");
    let node = end.node_with_key();

    let forbidden = refused(&node, &options(&[&closed, &end], &[hop_of(&closed)])).await;
    assert!(
        forbidden
            .to_string()
            .contains("jump host 127.0.0.1 forbids it (`AllowTcpForwarding`"),
        "{forbidden}"
    );

    let nobody = node_at(free_port(), &node);
    let unreachable = refused(&nobody, &options(&[&jump], &[hop_of(&jump)])).await;
    assert!(
        unreachable
            .to_string()
            .contains("jump host 127.0.0.1 cannot connect to it"),
        "{unreachable}"
    );
    let by_hand = format!("ssh -J {}@127.0.0.1:{}", whoami(), jump.port);
    assert!(
        unreachable.hint().contains(&by_hand),
        "{}",
        unreachable.hint()
    );

    let stranger = jump.path("stranger");
    make_key(&stranger, "ed25519", &[]);
    let strangers = [hop(jump.port, KeySource::File(stranger))];
    let denied = refused(&node, &options(&[&jump, &end], &strangers)).await;
    assert_eq!(denied.kind(), Kind::Denied);
    assert!(
        denied
            .to_string()
            .starts_with("cp-1: jump host 127.0.0.1: "),
        "{denied}"
    );
}

fn node_at(port: u16, like: &Node) -> Node {
    node(port, like.key.clone())
}

#[tokio::test]
async fn a_dead_jump_host_is_waited_for_once_and_not_once_for_every_node() {
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let end = Server::start();
    let key = end.key("hop", "ed25519", &[]);
    let port = silent.local_addr().unwrap().port();
    let options = Options {
        handshake: SHORT,
        ..options(&[&end], &[hop(port, KeySource::File(key))])
    };
    let node = end.node_with_key();

    let tries = (0..30).map(|_| refused(&node, &options));
    let errors = futures::future::join_all(tries).await;

    assert!(errors.iter().all(|error| error.kind() == Kind::Unreachable));
    let mut heard = 0;
    while tokio::time::timeout(Duration::from_millis(100), silent.accept())
        .await
        .is_ok()
    {
        heard += 1;
    }
    assert_eq!(heard, 1);
}

#[tokio::test]
async fn a_lost_connection_to_a_jump_host_is_opened_again() {
    let (jump, end) = (Server::start(), Server::start());
    let options = options(&[&jump, &end], &[hop_of(&jump)]);
    let node = end.node_with_key();
    let first = connect(&node, &options).await.unwrap();
    // The session process that serves the jump host's connection.
    jump.cut_connections().await;
    let lost = first.run("sleep 60", nothing(), LONG).await.unwrap_err();
    assert!(matches!(lost, SshError::Lost { .. }), "{lost:?}");

    let second = connect(&node, &options).await.unwrap();

    let said = second.run("echo back", nothing(), LONG).await.unwrap();
    assert_eq!(said.stdout, b"back\n");
}

#[tokio::test]
async fn trust_records_the_jump_host_before_what_lies_behind_it() {
    let (jump, end) = (Server::start(), Server::start());
    let (hop, node) = (hop_of(&jump), end.node_with_key());
    let (KeySource::File(hop_key), KeySource::File(key)) = (&hop.key, &node.key) else {
        panic!("keys are files here");
    };
    let inventory = end.path("fleet.yml");
    let text = format!(
        "bastion_host: {{address: 127.0.0.1, port: {}, user: {user}, ssh_key_path: {}}}\n\
         nodes:\n- {{address: 127.0.0.1, port: {}, user: {user}, role: [etcd], ssh_key_path: {}}}\n",
        jump.port,
        hop_key.display(),
        end.port,
        key.display(),
        user = whoami(),
    );
    fs::write(&inventory, text).unwrap();
    let trust = |more: &'static [&'static str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_harden"));
        command
            .arg("trust")
            .arg(&inventory)
            .args(more)
            .env("HOME", end.path("home"));
        tokio::task::spawn_blocking(move || command.output().unwrap())
    };

    let unasked = trust(&[]).await.unwrap();
    assert_eq!(unasked.status.code(), Some(4));
    let first = trust(&["--yes"]).await.unwrap();
    let second = trust(&[]).await.unwrap();

    let recorded = fs::read_to_string(end.path("known_hosts")).unwrap();
    assert_eq!(recorded, jump.known_line() + &end.known_line());
    assert_eq!(first.status.code(), Some(0));
    assert_eq!(second.status.code(), Some(0));
    let shown = String::from_utf8(second.stdout).unwrap();
    assert!(shown.contains("jump host 127.0.0.1"), "{shown}");
    assert_eq!(shown.matches(" yes\n").count(), 2, "{shown}");
}
