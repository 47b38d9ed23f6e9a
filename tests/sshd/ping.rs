//! `nodes --ping` against servers set up for every failure that RKE reports, or hides (rke.md 1.4).

use std::fs;
use std::fs::Permissions;
use std::io::Read;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use harden::engine::ping::Round;
use harden::inventory::Bastion;
use harden::inventory::Inventory;
use harden::inventory::KeySource;
use harden::inventory::Node;
use harden::inventory::Role;
use harden::inventory::rke;
use harden::ping::Pulse;
use harden::ping::Trouble;
use harden::ssh::keys::Keys;
use harden::ssh::route::Routes;
use harden::ssh::session::Options;

use crate::LONG;
use crate::server::Agent;
use crate::server::Server;
use crate::server::free_port;
use crate::server::make_key;
use crate::server::node;
use crate::server::trusting;
use crate::server::whoami;

const NO_DAEMON: &str = "Cannot connect to the Docker daemon";
const NO_ACCESS: &str = "Unable to access the Docker socket";
const NO_METHOD: &str = "no supported methods remain";

const EVERYTHING: &str = "op ALL=(ALL) NOPASSWD: ALL";

/// One round to `node` with the lines that `more` adds to the inventory.
async fn ping_with(node: &Node, options: Options, keys: Keys, more: &str) -> Pulse {
    round(node, options, keys, more)
        .ping(&[node])
        .await
        .remove(0)
}

fn round(node: &Node, options: Options, keys: Keys, more: &str) -> Round {
    Round {
        inventory: inventory(node, more),
        keys,
        options,
        jobs: 4,
        answer: LONG,
        sudo_password: None,
    }
}

async fn ping(node: &Node, options: Options) -> Pulse {
    ping_with(node, options, Keys::new(None), "").await
}

fn inventory(node: &Node, more: &str) -> Inventory {
    let text = format!(
        "kubernetes_version: v1.11.3-rancher1-1\nssh_key_path: /k\n{more}\n\
         nodes:\n- {{address: a, user: u, role: [etcd]}}\n"
    );
    Inventory {
        nodes: vec![node.clone()],
        ..rke::read("fleet.yml", &text, None, false).unwrap()
    }
}

/// The trouble whose message has `words`, with what RKE says in its place.
#[track_caller]
fn trouble<'p>(pulse: &'p Pulse, words: &str, rke: &str) -> &'p Trouble {
    let found = pulse
        .troubles
        .iter()
        .find(|trouble| trouble.message.contains(words));
    let found = found.unwrap_or_else(|| panic!("`{words}` is not in {:#?}", pulse.troubles));
    let said = found.rke_says.as_deref().unwrap_or_default();
    assert!(said.contains(rke), "{said}");
    assert!(!found.hint.is_empty());
    found
}

#[track_caller]
fn is_unreachable(pulse: &Pulse) {
    assert!(!pulse.reachable && !pulse.is_usable());
    assert_eq!(
        (pulse.host_key, pulse.root, pulse.rke),
        (None, None, Some(false))
    );
}

/// Something that answers like Docker of this version at the socket, which has this mode.
fn docker(server: &Server, version: &str, mode: u32) -> PathBuf {
    let body = format!("{{\"Version\":\"{version}\"}}");
    serve(
        server,
        mode,
        format!("HTTP/1.0 200 OK\r\nServer: Docker\r\n\r\n{body}"),
    )
}

fn serve(server: &Server, mode: u32, answer: String) -> PathBuf {
    let path = server.path("docker.sock");
    let listener = UnixListener::bind(&path).unwrap();
    fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
    std::thread::spawn(move || {
        for client in listener.incoming() {
            let mut client = client.unwrap();
            let _ = client.read(&mut [0; 1024]);
            let _ = client.write_all(answer.as_bytes());
        }
    });
    path
}

fn with_socket(node: Node, socket: &Path) -> Node {
    Node {
        docker_socket: socket.display().to_string(),
        ..node
    }
}

/// A server with Docker and the user `op`, who may become root and use the socket.
fn usual(more: &str) -> (Server, Node) {
    let server = Server::with_operator("/bin/sh", EVERYTHING, more);
    let socket = docker(&server, "17.03.2-ce", 0o666);
    let node = with_socket(server.node_of_operator(), &socket);
    (server, node)
}

#[tokio::test]
async fn a_good_way_is_measured_up_to_docker_itself() {
    let (server, node) = usual("");
    let node = Node {
        roles: [Role::ControlPlane].into(),
        ..node
    };

    let pulse = ping(&node, server.options()).await;

    assert!(pulse.reachable);
    assert_eq!(
        [pulse.host_key, pulse.login, pulse.root, pulse.rke],
        [Some(true); 4],
        "{pulse:#?}"
    );
    assert_eq!(pulse.docker_version.as_deref(), Some("17.03.2-ce"));
    assert_eq!(pulse.kernel.len(), 6);
    assert!(pulse.audit_log_free_bytes.is_some());
    assert_eq!(server.connections().await, 1);
}

#[tokio::test]
async fn every_login_shell_is_understood() {
    for shell in ["/usr/bin/fish", "/bin/csh", "/bin/bash"] {
        let server = Server::with_operator(shell, EVERYTHING, "");
        let socket = docker(&server, "17.03.2-ce", 0o666);
        let node = with_socket(server.node_of_operator(), &socket);

        let pulse = ping(&node, server.options()).await;

        assert_eq!(
            (pulse.root, pulse.rke),
            (Some(true), Some(true)),
            "{shell}: {pulse:#?}"
        );
    }
}

#[tokio::test]
async fn keys_that_cannot_be_used_are_named_before_the_network_is() {
    let server = Server::start();
    let ask = async |key| ping(&server.node(key), server.options()).await;
    let file = |name: &str| KeySource::File(server.path(name));

    let pulse = ask(file("missing")).await;
    trouble(
        &pulse,
        "there is no key file",
        "Error while reading SSH key file",
    );
    assert_eq!(pulse.login, Some(false));

    make_key(&server.path("locked"), "ed25519", &["-N", "secret"]);
    let pulse = ask(file("locked")).await;
    trouble(&pulse, "is encrypted", "only supported using ssh-agent");

    make_key(&server.path("pair"), "ed25519", &[]);
    let pulse = ask(file("pair.pub")).await;
    trouble(&pulse, "is a public key", "no key found");

    let pulse = ask(KeySource::Agent).await;
    trouble(&pulse, "names no SSH agent", "no key found");
    assert_eq!(server.connections().await, 0);
}

#[tokio::test]
async fn an_agent_that_does_not_answer_is_named_where_rke_blames_docker() {
    let server = Server::start();
    let keys = Keys::new(Some("/nowhere/agent.sock".into()));

    let pulse = ping_with(&server.node(KeySource::Agent), server.options(), keys, "").await;

    trouble(&pulse, "/nowhere/agent.sock", NO_DAEMON);
    let agent = Agent::start(server.path("").as_path());
    let keys = Keys::new(Some(agent.socket.clone()));
    let pulse = ping_with(&server.node(KeySource::Agent), server.options(), keys, "").await;
    trouble(&pulse, "holds no key", NO_DAEMON);
}

#[tokio::test]
async fn a_wrong_key_and_a_wrong_user_are_refused_logins() {
    let server = Server::start();
    make_key(&server.path("stranger"), "ed25519", &[]);
    let stranger = server.node(KeySource::File(server.path("stranger")));
    let nobody = Node {
        user: "no-such-user".to_owned(),
        ..server.node_with_key()
    };

    for node in [stranger, nobody] {
        let pulse = ping(&node, server.options()).await;

        trouble(&pulse, "refused the login", NO_METHOD);
        assert!(pulse.reachable);
        assert_eq!((pulse.host_key, pulse.login), (Some(true), Some(false)));
    }
}

#[tokio::test]
async fn a_host_key_that_is_unknown_or_changed_is_our_trouble_and_not_rkes() {
    let server = Server::start();
    make_key(&server.path("other"), "ed25519", &[]);
    let other = fs::read_to_string(server.path("other.pub")).unwrap();
    let changed = format!("[127.0.0.1]:{} {other}", server.port);
    let node = server.node_with_key();

    for (known, words) in [("", "no host key on record"), (&*changed, "changed")] {
        let pulse = ping(&node, trusting(known)).await;

        let found = trouble(&pulse, words, "");
        assert_eq!(found.rke_says, None);
        assert!(pulse.reachable);
        assert_eq!(
            (pulse.host_key, pulse.login, pulse.rke),
            (Some(false), None, None)
        );
    }
}

#[tokio::test]
async fn a_closed_port_is_named_where_rke_blames_docker() {
    let server = Server::start();
    let node = Node {
        port: free_port(),
        ..server.node_with_key()
    };

    let pulse = ping(&node, server.options()).await;

    is_unreachable(&pulse);
    trouble(&pulse, "connection refused", NO_DAEMON);
}

#[tokio::test]
async fn a_jump_host_that_cannot_be_reached_is_named_where_rke_blames_docker() {
    let server = Server::start();
    let key = KeySource::File(server.key("id", "ed25519", &[]));
    let hop = Bastion {
        address: "127.0.0.1".to_owned(),
        port: free_port(),
        has_port: true,
        user: whoami(),
        key: key.clone(),
    };
    let options = Options {
        routes: Arc::new(Routes::through(&[hop])),
        ..server.options()
    };

    let pulse = ping(&server.node(key), options).await;

    is_unreachable(&pulse);
    trouble(&pulse, "jump host 127.0.0.1", NO_DAEMON);
}

#[tokio::test]
async fn a_jump_host_that_forbids_forwarding_is_named() {
    let (jump, server) = (
        Server::with("ed25519", "AllowTcpForwarding no"),
        Server::start(),
    );
    let hop = Bastion {
        address: "127.0.0.1".to_owned(),
        port: jump.port,
        has_port: true,
        user: whoami(),
        key: KeySource::File(jump.key("id", "ed25519", &[])),
    };
    let options = Options {
        routes: Arc::new(Routes::through(&[hop])),
        ..trusting(&(jump.known_line() + &server.known_line()))
    };

    let pulse = ping(&server.node_with_key(), options).await;

    is_unreachable(&pulse);
    trouble(&pulse, "AllowTcpForwarding", NO_DAEMON);
}

#[tokio::test]
async fn a_user_who_may_not_become_root_is_named_and_rke_comes_in_all_the_same() {
    let server = Server::with_operator("/bin/sh", "root ALL=(ALL) ALL", "");
    let socket = docker(&server, "17.03.2-ce", 0o666);
    let node = with_socket(server.node_of_operator(), &socket);

    let pulse = ping(&node, server.options()).await;

    trouble(&pulse, "op may not become root", "");
    assert!(!pulse.is_usable());
    assert_eq!(
        (pulse.login, pulse.root, pulse.rke),
        (Some(true), Some(false), Some(true))
    );
}

#[tokio::test]
async fn a_user_outside_the_docker_group_is_named_with_the_groups() {
    let server = Server::with_operator("/bin/sh", EVERYTHING, "");
    let socket = docker(&server, "17.03.2-ce", 0o660);
    let node = with_socket(server.node_of_operator(), &socket);

    let pulse = ping(&node, server.options()).await;

    let found = trouble(&pulse, "op may not use", NO_ACCESS);
    assert!(found.message.contains("mode 660") && found.message.contains("op is in op"));
    assert!(
        found.hint.contains("usermod -aG docker op"),
        "{}",
        found.hint
    );
    assert_eq!((pulse.root, pulse.rke), (Some(true), Some(false)));
}

#[tokio::test]
async fn forwarding_that_is_off_is_named_and_not_taken_for_a_missing_right() {
    for more in ["AllowStreamLocalForwarding no", "DisableForwarding yes"] {
        let (server, node) = usual(more);

        let pulse = ping(&node, server.options()).await;

        let found = trouble(&pulse, "sshd does not forward", NO_ACCESS);
        assert!(
            found.hint.contains("AllowStreamLocalForwarding"),
            "{more}: {}",
            found.hint
        );
        assert_eq!(pulse.rke, Some(false));
    }
}

#[tokio::test]
async fn a_key_with_restrictions_is_named() {
    let (server, node) = usual("");
    let keys = fs::read_to_string(server.path("authorized_keys")).unwrap();
    let restricted = format!("no-port-forwarding {keys}");
    fs::write(server.path("authorized_keys"), restricted).unwrap();

    let pulse = ping(&node, server.options()).await;

    let found = trouble(&pulse, "sshd does not forward", NO_ACCESS);
    assert!(found.hint.contains("no-port-forwarding"), "{}", found.hint);
}

#[tokio::test]
async fn a_socket_that_is_missing_stale_or_no_socket_is_named_apart() {
    let server = Server::with_operator("/bin/sh", EVERYTHING, "");
    let node = with_socket(server.node_of_operator(), &server.path("docker.sock"));

    let pulse = ping(&node, server.options()).await;
    trouble(&pulse, "there is no socket", "Unable to access the service");

    fs::write(server.path("docker.sock"), "").unwrap();
    let pulse = ping(&node, server.options()).await;
    trouble(&pulse, "is no socket", NO_DAEMON);

    fs::remove_file(server.path("docker.sock")).unwrap();
    drop(UnixListener::bind(server.path("docker.sock")).unwrap());
    let everybody = Permissions::from_mode(0o666);
    fs::set_permissions(server.path("docker.sock"), everybody).unwrap();
    let pulse = ping(&node, server.options()).await;
    trouble(&pulse, "nothing listens at", NO_DAEMON);
}

#[tokio::test]
async fn something_else_behind_the_socket_is_not_taken_for_docker() {
    let server = Server::start();
    let socket = serve(&server, 0o600, "220 mail\r\n".to_owned());
    let node = with_socket(server.node_with_key(), &socket);

    let pulse = ping(&node, server.options()).await;

    trouble(&pulse, "is not Docker", NO_DAEMON);
}

#[tokio::test]
async fn a_docker_that_says_nothing_is_named_within_the_deadline() {
    let server = Server::start();
    let path = server.path("docker.sock");
    let _kept = UnixListener::bind(&path).unwrap();
    let node = with_socket(server.node_with_key(), &path);

    let round = Round {
        answer: Duration::from_secs(2),
        ..round(&node, server.options(), Keys::new(None), "")
    };
    let pulse = round.ping(&[&node]).await.remove(0);

    trouble(&pulse, "Docker does not answer at", NO_DAEMON);
    assert_eq!((pulse.reachable, pulse.rke), (true, Some(false)));
}

#[tokio::test]
async fn root_that_sshd_does_not_forward_is_named_with_the_system_that_is_known_for_it() {
    let system =
        "echo 'ID=\"centos\"' >DIR/os-release\nmount --bind DIR/os-release /etc/os-release";
    let server = Server::with_mounts(system, "AllowStreamLocalForwarding no");
    let socket = docker(&server, "17.03.2-ce", 0o600);
    let node = with_socket(server.node_with_key(), &socket);

    let pulse = ping(&node, server.options()).await;

    trouble(&pulse, "on this system", NO_ACCESS);
    assert_eq!((pulse.root, pulse.rke), (Some(true), Some(false)));
}

#[tokio::test]
async fn a_disk_without_room_for_the_audit_log_is_named() {
    for (mount, why) in [
        (
            "mount -t tmpfs -o size=64m none /var/log",
            "64 MiB are free",
        ),
        (
            "mount -t tmpfs -o size=900m,ro none /var/log",
            "is read-only",
        ),
    ] {
        let server = Server::with_mounts(mount, "");
        let node = Node {
            roles: [Role::ControlPlane].into(),
            ..with_socket(
                server.node_with_key(),
                &docker(&server, "17.03.2-ce", 0o600),
            )
        };

        let pulse = ping(&node, server.options()).await;

        let found = trouble(&pulse, "no room for /var/log/kube-audit", "");
        assert!(found.message.contains(why), "{}", found.message);
    }
}

#[tokio::test]
async fn a_version_that_rke_does_not_take_is_named_unless_the_inventory_waves_it_through() {
    let server = Server::start();
    let socket = docker(&server, "17.06.0-ce", 0o600);
    let node = with_socket(server.node_with_key(), &socket);

    let pulse = ping(&node, server.options()).await;

    trouble(
        &pulse,
        "Docker 17.06.0-ce",
        "Unsupported Docker version found [17.06.0-ce]",
    );
    let more = "ignore_docker_version: true";
    let pulse = ping_with(&node, server.options(), Keys::new(None), more).await;
    assert_eq!(pulse.rke, Some(true), "{pulse:#?}");
}

#[tokio::test]
async fn a_server_that_takes_our_rsa_key_but_not_rkes_signature_is_named() {
    let server = Server::start();
    let socket = docker(&server, "17.03.2-ce", 0o600);
    let key = KeySource::File(server.key("rsa", "rsa-2048", &[]));
    let node = with_socket(server.node(key), &socket);

    let pulse = ping(&node, server.options()).await;

    trouble(&pulse, "SHA-1", NO_METHOD);
    assert_eq!((pulse.login, pulse.rke), (Some(true), Some(false)));
}

#[tokio::test]
async fn one_connection_and_one_row_for_each_of_many_nodes_in_their_order() {
    let server = Server::with("ed25519", "MaxStartups 100");
    let socket = docker(&server, "17.03.2-ce", 0o600);
    let one = with_socket(server.node_with_key(), &socket);
    let dead = node(free_port(), one.key.clone());
    let nodes: Vec<Node> = (0..12)
        .map(|number| Node {
            name: format!("n-{number}"),
            port: if number == 5 { dead.port } else { one.port },
            ..one.clone()
        })
        .collect();
    let round = Round {
        inventory: inventory(&one, ""),
        keys: Keys::new(None),
        options: server.options(),
        jobs: 4,
        answer: LONG,
        sudo_password: None,
    };

    let pulses = round.ping(&nodes.iter().collect::<Vec<_>>()).await;

    let names: Vec<&str> = pulses.iter().map(|pulse| pulse.node.as_str()).collect();
    assert_eq!(names[..3], ["n-0", "n-1", "n-2"]);
    let reached = pulses.iter().filter(|pulse| pulse.reachable).count();
    assert_eq!(reached, 11);
    assert_eq!(server.connections().await, 11);
}
