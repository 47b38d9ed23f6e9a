//! What a busy, broken or hostile server costs us: time and memory with an end, and nothing after.

use std::collections::BTreeSet;
use std::fs;
use std::io::Read;
use std::io::Write;
use std::net::TcpListener;
use std::net::TcpStream;
use std::time::Duration;

use harden::inventory::KeySource;
use harden::ssh::Remote;
use harden::ssh::SshError;
use harden::ssh::error::Kind;
use harden::ssh::keys::Keys;
use harden::ssh::session::Options;
use harden::ssh::session::Session;
use tokio::runtime::Handle;

use crate::LONG;
use crate::SHORT;
use crate::nothing;
use crate::server::Server;
use crate::server::make_key;
use crate::server::node;

/// What a server does with a client.
type Part = fn(&mut TcpStream);

/// A server on a thread of its own, so that all tasks of the test are ours; it says its part to
/// every client and holds the connection until the client is gone.
fn serve(say: Part) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for client in listener.incoming() {
            let mut client = client.unwrap();
            std::thread::spawn(move || say(&mut client));
        }
    });
    port
}

fn hold(client: &mut TcpStream) {
    let _ = client.read_to_end(&mut Vec::new());
}

fn says_nothing(client: &mut TcpStream) {
    hold(client);
}

fn is_late(client: &mut TcpStream) {
    std::thread::sleep(4 * SHORT);
    let _ = client.write_all(b"SSH-2.0-OpenSSH_9.2\r\n");
    hold(client);
}

fn stops_after_its_banner(client: &mut TcpStream) {
    let _ = client.write_all(b"SSH-2.0-OpenSSH_9.2\r\n");
    hold(client);
}

fn closes_amid_the_handshake(client: &mut TcpStream) {
    let _ = client.write_all(b"SSH-2.0-OpenSSH_9.2\r\n");
    let _ = client.read(&mut [0; 256]);
}

fn speaks_http(client: &mut TcpStream) {
    let _ = client.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n");
    hold(client);
}

fn floods_instead_of_a_banner(client: &mut TcpStream) {
    while client.write_all(&[b'x'; 4096]).is_ok() {}
}

fn floods_with_lines(client: &mut TcpStream) {
    while client.write_all(b"welcome to this machine\r\n").is_ok() {}
}

fn floods_after_its_banner(client: &mut TcpStream) {
    let _ = client.write_all(b"SSH-2.0-OpenSSH_9.2\r\n");
    while client.write_all(&[0x5a; 4096]).is_ok() {}
}

/// A packet of the length that it announces, and never more of it than a little.
fn announces_a_huge_packet(client: &mut TcpStream) {
    let _ = client.write_all(b"SSH-2.0-OpenSSH_9.2\r\n\x7f\xff\xff\xf0\x04");
    hold(client);
}

/// Debug messages in the clear, which the protocol allows at any time.
fn chatters_before_the_key_exchange(client: &mut TcpStream) {
    let _ = client.write_all(b"SSH-2.0-OpenSSH_9.2\r\n");
    // Length 12, 10 of padding, and SSH_MSG_IGNORE.
    let packet = b"\0\0\0\x0c\x0a\x02\0\0\0\0\0\0\0\0\0\0";
    while client.write_all(packet).is_ok() {}
}

const BAD: [(&str, Part); 10] = [
    ("says nothing", says_nothing),
    ("is late", is_late),
    ("stops after its banner", stops_after_its_banner),
    ("closes amid the handshake", closes_amid_the_handshake),
    ("speaks HTTP", speaks_http),
    ("floods instead of a banner", floods_instead_of_a_banner),
    ("floods with lines", floods_with_lines),
    ("floods after its banner", floods_after_its_banner),
    ("announces a huge packet", announces_a_huge_packet),
    ("chatters", chatters_before_the_key_exchange),
];

/// Sockets of this process that are connected to `port` of this machine.
fn sockets_to(port: u16) -> usize {
    let ours: BTreeSet<String> = fs::read_dir("/proc/self/fd")
        .unwrap()
        .filter_map(|entry| fs::read_link(entry.ok()?.path()).ok())
        .map(|link| link.display().to_string())
        .collect();
    let remote = format!(":{port:04X}");
    let table = fs::read_to_string("/proc/self/net/tcp").unwrap();
    let connected = table.lines().filter(|line| {
        let fields: Vec<&str> = line.split_whitespace().collect();
        fields[2].ends_with(&remote) && ours.contains(&format!("socket:[{}]", fields[9]))
    });
    connected.count()
}

fn tasks() -> usize {
    Handle::current().metrics().num_alive_tasks()
}

/// Waits until nothing is left of the connections to `port`, and fails where something stays.
async fn settle(name: &str, port: u16, before: usize) {
    for _ in 0..500 {
        if sockets_to(port) == 0 && tasks() <= before {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!(
        "a server that {name} leaves {} sockets and {} tasks",
        sockets_to(port),
        tasks() - before
    );
}

/// Resident memory of this process in KiB.
fn memory() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS"));
    let words = line.unwrap().split_whitespace().nth(1).unwrap();
    words.parse().unwrap()
}

#[tokio::test]
async fn no_bad_server_leaves_a_socket_a_task_or_much_memory_behind() {
    let directory = tempfile::tempdir().unwrap();
    let key = directory.path().join("id");
    make_key(&key, "ed25519", &[]);
    let options = Options {
        connect: SHORT,
        handshake: SHORT,
        ..Options::default()
    };
    let before = tasks();
    let memory_before = memory();
    for (name, say) in BAD {
        let port = serve(say);
        let node = node(port, KeySource::File(key.clone()));

        let started = std::time::Instant::now();
        let error = Session::connect(&node, &Keys::new(None), &options).await;
        let took = started.elapsed();

        let error = error.expect_err(name);
        assert_eq!(error.kind(), Kind::Unreachable, "{name}: {error:?}");
        assert!(took < Duration::from_secs(5), "{name}: {took:?}");
        settle(name, port, before).await;
    }
    let grown = memory().saturating_sub(memory_before);
    assert!(grown < 200 * 1024, "{grown} KiB");
}

#[tokio::test]
async fn a_hundred_silent_servers_at_once_are_left_without_a_trace() {
    let port = serve(says_nothing);
    let directory = tempfile::tempdir().unwrap();
    let key = directory.path().join("id");
    make_key(&key, "ed25519", &[]);
    let options = Options {
        handshake: SHORT,
        ..Options::default()
    };
    let before = tasks();
    let (node, keys) = (node(port, KeySource::File(key)), Keys::new(None));

    let tries = (0..100).map(|_| Session::connect(&node, &keys, &options));
    let ends = futures::future::join_all(tries).await;

    assert!(ends.iter().all(Result::is_err));
    settle("says nothing", port, before).await;
}

#[tokio::test]
async fn what_is_dropped_and_what_says_goodbye_leave_nothing_open() {
    let server = Server::start();
    let (node, options) = (server.node_with_key(), server.options());
    let before = tasks();
    for is_polite in [true, false] {
        let session = Session::connect(&node, &Keys::new(None), &options).await;
        let session = session.unwrap();
        session.run("exit 0", nothing(), LONG).await.unwrap();
        assert_eq!(sockets_to(server.port), 1);

        if is_polite {
            session.close().await;
        } else {
            drop(session);
        }

        settle("was left", server.port, before).await;
    }
    assert_eq!(server.count("Received disconnect").await, 1);
}

#[tokio::test]
async fn a_full_connection_is_asked_again_until_there_is_room() {
    let server = Server::with("ed25519", "MaxSessions 1");
    let gate = server.path("gate");
    let made = std::process::Command::new("mkfifo").arg(&gate).status();
    assert!(made.unwrap().success());
    let (node, options) = (server.node_with_key(), server.options());
    let session = Session::connect(&node, &Keys::new(None), &options).await;
    let session = session.unwrap();

    let long = format!("echo in; cat {}", gate.display());
    let first = session.run(&long, nothing(), LONG);
    let second = async {
        // It takes part in the queue only after the first has its place.
        server.wait_for("Starting session: command").await;
        session.run("echo second", nothing(), LONG).await
    };
    let making_room = async {
        server.wait_for("no more sessions").await;
        tokio::task::spawn_blocking(move || fs::write(gate, "done\n").unwrap())
            .await
            .unwrap();
    };
    let (first, second, ()) = tokio::join!(first, second, making_room);

    assert_eq!(first.unwrap().stdout, b"in\ndone\n");
    assert_eq!(second.unwrap().stdout, b"second\n");
    session.close().await;
}

#[tokio::test]
async fn a_connection_that_stays_full_is_given_up_inside_the_deadline() {
    let server = Server::with("ed25519", "MaxSessions 0");
    let (node, options) = (server.node_with_key(), server.options());
    let session = Session::connect(&node, &Keys::new(None), &options).await;
    let session = session.unwrap();

    let patient = session.run("exit 0", nothing(), LONG).await.unwrap_err();
    let hasty = session.run("exit 0", nothing(), SHORT).await.unwrap_err();

    assert!(matches!(patient, SshError::Full { .. }), "{patient:?}");
    assert!(patient.hint().contains("MaxSessions"));
    assert!(matches!(hasty, SshError::Late { .. }), "{hasty:?}");
    // With rests that grow, three seconds hold only a few tries.
    let tries = server.count("no more sessions").await;
    assert!((3..10).contains(&tries), "{tries}");
}
