//! What a real server, a real `sudo` and the list of processes show of a run with secrets in it.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering;
use std::thread;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use harden_lab::leak::Needles;
use harden_lab::leak::files;
use harden_lab::leak::watch_processes;

use crate::secrets::answering;
use crate::server::Server;

const PASSWORD: &str = "w4lrus-in-the-p4ntry";
const PASSPHRASE: &str = "n1ne-quiet-l4mps-burn";

/// No secrets: in the environment of what sshd starts, and in the arguments of a run.
const IN_ENVIRONMENT: &str = "HARDEN_MARK=everybody-may-see-this";
const IN_ARGUMENTS: &str = "everybody-may-see-this.yml";

/// sshd says all that it can.
const LOUD: &str =
    "LogLevel DEBUG3\nPasswordAuthentication yes\nSetEnv HARDEN_MARK=everybody-may-see-this";

/// The bytes of the planted key for Secrets: no pattern that anything else has.
fn key() -> Vec<u8> {
    let bytes = 0..32_u8;
    bytes.map(|index| index.wrapping_mul(73) ^ 0x5b).collect()
}

fn needles() -> Needles {
    Needles::of("key", &key(), &STANDARD.encode(key()))
        .and(Needles::of("password", PASSWORD.as_bytes(), PASSWORD))
        .and(Needles::of("passphrase", PASSPHRASE.as_bytes(), PASSPHRASE))
}

/// An operator's directory beside the server.
fn site(server: &Server) {
    let site = server.path("site");
    fs::create_dir(&site).unwrap();
    let identity = server.key("id", "ed25519", &["-N", PASSPHRASE]);
    let inventory = format!(
        "ssh_key_path: {}\nkubernetes_version: v1.11.3-rancher1-1\nharden: {{known_hosts: known_hosts}}\n\
         nodes:\n- {{address: 127.0.0.1, port: {}, user: op, hostname_override: cp-1, role: [controlplane, etcd]}}\n",
        identity.display(),
        server.port
    );
    fs::write(site.join(IN_ARGUMENTS), inventory).unwrap();
    fs::write(site.join("known_hosts"), server.known_line()).unwrap();
    let file = site.join("site.key");
    fs::write(&file, STANDARD.encode(key()) + "\n").unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
}

#[tokio::test]
async fn a_loud_sshd_and_the_list_of_processes_show_no_secret_of_an_apply() {
    let server = Server::as_a_node(PASSWORD, LOUD);
    site(&server);
    let needles = needles();
    let stop = AtomicBool::new(false);

    let (told, seen) = thread::scope(|scope| {
        let watcher =
            scope.spawn(|| watch_processes(&needles, &[IN_ENVIRONMENT, IN_ARGUMENTS], &stop));
        let told = run(&server);
        stop.store(true, Ordering::Relaxed);
        (told, watcher.join().unwrap())
    });

    let [applied, checked] = told;
    assert!(
        applied.contains("changed file /etc/kubernetes/encryption.yaml"),
        "{applied}"
    );
    for told in [applied, checked] {
        assert!(told.contains(" 0 unknown"), "{told}");
        needles.assert_not_in("what harden says", told.as_bytes());
    }
    assert_eq!(seen.secrets, BTreeSet::new());
    // What is found nowhere is only worth something where one looked.
    for mark in [
        format!("{IN_ENVIRONMENT} in environ"),
        format!("{IN_ARGUMENTS} in cmdline"),
    ] {
        assert!(
            seen.marks.contains(&mark),
            "{:?} in {} looks",
            seen.marks,
            seen.looks
        );
    }
    assert_log(&server, &needles).await;
    assert_files(&server, &needles);
}

/// An apply with a locked key, a password for sudo and the site's own key for Secrets, and a check
/// that logs in with the password; all that they said.
fn run(server: &Server) -> [String; 2] {
    let path = |name: &str| server.path("site").join(name).display().to_string();
    let (inventory, key_file) = (path(IN_ARGUMENTS), path("site.key"));
    let apply = ["apply", &inventory, "--yes", "--diff"];
    let own = ["--encryption-key-file", &key_file];
    let asks = ["--ask-sudo", "-vvv", "--no-kube", "--no-rke"];
    let unlocked = ("Passphrase for", PASSPHRASE);
    let as_root = ("Password for sudo", PASSWORD);
    let applied = answering(
        &[&apply[..], &own, &asks].concat(),
        &server.path("site"),
        &[unlocked, as_root],
    );
    fs::write(server.path("authorized_keys"), "").unwrap();
    let checked = answering(
        &[&["check", &inventory, "--ask-password"], &asks[..]].concat(),
        &server.path("site"),
        &[("Password of the nodes", PASSWORD), unlocked, as_root],
    );
    [applied, checked]
}

/// The whole log is here, and was as loud as sshd can be.
async fn assert_log(server: &Server, needles: &Needles) {
    let log = server.log().await;
    for mark in [
        "debug3: ",
        "Starting session: command for op",
        "Accepted publickey for op",
        "Accepted password for op",
    ] {
        assert!(log.contains(mark), "`{mark}` is not in\n{log}");
    }
    needles.assert_not_in("the log of sshd", log.as_bytes());
}

/// The key is on the node, and on either side of the connection no other file has a secret.
fn assert_files(server: &Server, needles: &Needles) {
    let node = server.root();
    let key_file = node.join("etc/kubernetes/encryption.yaml");
    let is_there = needles.found(&fs::read(&key_file).unwrap());
    assert_eq!(is_there, Some("key, text"));
    let sudo = fs::read_to_string(server.path("sudo.log")).unwrap();
    assert!(sudo.contains("COMMAND="), "{sudo}");
    let own = ["etc", "var/lib", "run", "root"].map(|tree| node.join(tree));
    for root in own.into_iter().chain([server.path("")]) {
        for file in files(&root) {
            // A process that ends takes its files along.
            let Ok(bytes) = fs::read(&file) else { continue };
            let may_hold = file == key_file
                || file.starts_with(node.join("var/lib/harden"))
                || file == server.path("site/site.key");
            if !may_hold {
                needles.assert_not_in(&file.display().to_string(), &bytes);
            }
        }
    }
}
