//! Files of host keys, judged by us and by OpenSSH's own client alike (rust-stack.md 4.3).

use std::fs;
use std::path::Path;
use std::process::Command;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use harden::inventory::Node;
use harden::ssh::keys::Keys;
use harden::ssh::known_hosts::KnownHosts;
use harden::ssh::session::Options;
use harden::ssh::session::Session;

use crate::server::Server;
use crate::server::make_key;
use crate::server::public_half;
use crate::server::trusting;

/// A name of this machine with capital letters to come.
const HOST: &str = "localhost";

/// A server, and keys that are not its own.
struct Site {
    server: Server,
    node: Node,
    own: String,
    stranger: String,
    other_type: String,
}

impl Site {
    fn new() -> Self {
        let server = Server::start();
        let node = Node {
            address: HOST.to_owned(),
            ..server.node_with_key()
        };
        let made = |kind: &str| {
            make_key(&server.path(kind), kind, &[]);
            public_half(&server.path(kind))
        };
        Self {
            own: server.host_key(),
            stranger: made("ed25519"),
            other_type: made("ecdsa"),
            node,
            server,
        }
    }

    /// The content of a file in which `OWN`, `STRANGER` and `OTHER` are keys and `NAME` is the host.
    fn file(&self, text: &str) -> Vec<u8> {
        let name = format!("[{HOST}]:{}", self.server.port);
        let text = text
            .replace("OWN", &self.own)
            .replace("STRANGER", &self.stranger)
            .replace("OTHER", &self.other_type)
            .replace("UPPER", &name.to_uppercase())
            .replace("NAME", &name);
        // Stands for a byte that is no UTF-8.
        text.chars().map(|letter| letter as u8).collect()
    }

    async fn we_accept(&self, file: &Path) -> bool {
        let options = Options {
            known_hosts: KnownHosts::read(&[file.to_owned()]).unwrap().into(),
            ..trusting("")
        };
        let session = Session::connect(&self.node, &Keys::new(None), &options).await;
        let is_open = session.is_ok();
        if let Ok(session) = session {
            session.close().await;
        }
        is_open
    }

    async fn openssh_accepts(&self, file: &Path) -> bool {
        let mut ssh = Command::new("ssh");
        ssh.args([
            "-F",
            "none",
            "-o",
            "BatchMode=yes",
            "-o",
            "IdentitiesOnly=yes",
        ])
        .args(["-o", "StrictHostKeyChecking=yes", "-o", "UpdateHostKeys=no"])
        .args(["-o", "GlobalKnownHostsFile=none", "-o"])
        .arg(format!("UserKnownHostsFile={}", file.display()))
        .arg("-i")
        .arg(self.server.path("id"))
        .args(["-p", &self.server.port.to_string(), "-l", &self.node.user])
        .args([HOST, "true"]);
        let output = tokio::task::spawn_blocking(move || ssh.output()).await;
        output.unwrap().unwrap().status.success()
    }
}

/// Every row of the table, and what both make of it.
const ROWS: [(&str, &str, bool); 23] = [
    ("a plain name with its port", "NAME OWN\n", true),
    ("a list of names", "other,NAME,10.0.0.1 OWN\n", true),
    ("line ends of another system", "NAME OWN\r\n", true),
    ("no line end", "NAME OWN", true),
    (
        "a revoked key with a good line",
        "NAME OWN\n@revoked NAME OWN\n",
        false,
    ),
    (
        "a revoked key for all hosts",
        "@revoked * OWN\nNAME OWN\n",
        false,
    ),
    ("only a revoked key", "@revoked NAME OWN\n", false),
    (
        "another key revoked",
        "@revoked NAME STRANGER\nNAME OWN\n",
        true,
    ),
    (
        "a key that is only an authority",
        "@cert-authority NAME OWN\n",
        false,
    ),
    ("a wildcard", "[local*]:* OWN\n", true),
    ("a negated name", "[*]:*,!NAME OWN\n", false),
    ("tabs", "NAME\tOWN\n", true),
    ("leading blanks", "  NAME OWN\n", true),
    ("capital letters", "UPPER OWN\n", true),
    (
        "two keys of a type, one of them right",
        "NAME STRANGER\nNAME OWN\n",
        true,
    ),
    ("another key of the type", "NAME STRANGER\n", false),
    ("two blanks between fields", "NAME  OWN\n", true),
    (
        "a bad line for the host",
        "NAME ssh-ed25519 !!!\nNAME OWN\n",
        true,
    ),
    ("a comment that is no UTF-8", "NAME OWN caf\u{e9}\n", true),
    ("a key of another type", "NAME OTHER\n", false),
    ("comments above", "# one\n\nNAME OWN\n", true),
    ("a name without the port", "localhost OWN\n", true),
    ("nothing", "", false),
];

#[tokio::test]
async fn every_file_of_host_keys_means_to_us_what_it_means_to_openssh() {
    let site = Site::new();
    let file = site.server.path("known_hosts");
    for (row, text, is_good) in ROWS {
        fs::write(&file, site.file(text)).unwrap();

        let (we, openssh) = (
            site.we_accept(&file).await,
            site.openssh_accepts(&file).await,
        );

        assert_eq!((we, openssh), (is_good, is_good), "{row}: ours, OpenSSH's");
    }
}

#[tokio::test]
async fn a_name_hashed_by_ssh_keygen_means_the_same_to_both() {
    let site = Site::new();
    let file = site.server.path("known_hosts");
    fs::write(&file, site.file("NAME OWN\n")).unwrap();
    let hashed = Command::new("ssh-keygen").arg("-Hf").arg(&file).output();
    assert!(hashed.unwrap().status.success());
    let text = fs::read_to_string(&file).unwrap();
    assert!(text.starts_with("|1|") && !text.contains(HOST), "{text}");

    assert!(site.we_accept(&file).await && site.openssh_accepts(&file).await);

    // One letter of the digest more or less, and it is another name.
    let salt = STANDARD.encode([7; 20]);
    let other = format!("|1|{salt}|{salt} {}\n", site.own);
    fs::write(&file, other).unwrap();
    assert!(!site.we_accept(&file).await && !site.openssh_accepts(&file).await);
}
