//! A known key and a known token, every command and every form of output: afterwards they are only
//! where they belong.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering;
use std::thread;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use harden_lab::Fault;
use harden_lab::Role;
use harden_lab::Trigger;
use harden_lab::https::Authority;
use harden_lab::https::Reply;
use harden_lab::https::Server;
use harden_lab::leak::Needles;
use harden_lab::leak::files;
use harden_lab::leak::watch_processes;
use serde_json::json;

use crate::hostile::formats;
use crate::lab::Lab;
use crate::lab::Said;

const KEY_FILE: &str = "/etc/kubernetes/encryption.yaml";
const TOKEN: &str = "token-pl4nt:n0b0dymaysayth1sal0ud";

/// The bytes of the planted key: no pattern that anything else has.
fn key() -> Vec<u8> {
    (0..32_u8)
        .map(|index| index.wrapping_mul(89) ^ 0xa6)
        .collect()
}

fn needles() -> Needles {
    let key = Needles::of("key", &key(), &STANDARD.encode(key()));
    key.and(Needles::of("token", TOKEN.as_bytes(), TOKEN))
}

fn with_rancher() -> (Lab, Server) {
    let authority = Authority::fresh().unwrap();
    let leaf = authority.server("127.0.0.1").unwrap();
    // A server that throws back whatever it is given, the token included.
    let server = Server::start(&leaf, &authority, |request| {
        let token = request.token.clone().unwrap_or_default();
        Reply::Json(
            500,
            json!({ "message": format!("cannot do this with {token}") }),
        )
    });
    let server = server.unwrap();
    let lab = Lab::with(|fleet| {
        fleet
            .user("ubuntu")
            .nodes(2, &[Role::ControlPlane, Role::Etcd])
            .nodes(1, &[Role::Worker])
    });
    lab.write("ca.pem", authority.pem());
    lab.write("rancher-token", &format!("{TOKEN}\n"));
    let url = server.url();
    lab.write(
        "ours.yml",
        &format!(
            "playbook: ours\nprofile: rancher-2.1\nlevel: 2\nrancher:\n  url: {url}\n  ca: ca.pem\n  token_file: rancher-token\n  admins: [ann]\n  node_drivers: []\n"
        ),
    );
    (lab, server)
}

#[test]
fn a_key_and_a_token_are_only_where_they_belong_whatever_is_run() {
    let (lab, _server) = with_rancher();
    let needles = needles();
    let cp = lab.node("cp-1");
    cp.write(KEY_FILE, &encryption_file()).unwrap();
    // An undo puts the mode back, too: a wider one afterwards would be harden's doing.
    fs::set_permissions(cp.path(KEY_FILE), fs::Permissions::from_mode(0o600)).unwrap();
    let stop = AtomicBool::new(false);

    let seen = thread::scope(|scope| {
        let watcher = scope.spawn(|| watch_processes(&needles, &[], &stop));
        run_everything(&lab, &needles);
        stop.store(true, Ordering::Relaxed);
        watcher.join().unwrap()
    });

    assert!(seen.looks > 1000, "only {} looks at processes", seen.looks);
    assert_eq!(seen.secrets, BTreeSet::new());
    assert!(
        lab.node("cp-2")
            .read(KEY_FILE)
            .unwrap()
            .contains(&STANDARD.encode(key()))
    );
    assert_logs_are_kept(&lab);
    let mut searched = 0;
    for root in [lab.site.path(), lab.fleet.dir()] {
        for file in files(root) {
            searched += 1;
            let bytes = fs::read(&file).unwrap();
            if needles.found(&bytes).is_some() {
                assert!(may_hold(&file), "a secret is in {}", file.display());
                let mode = fs::metadata(&file).unwrap().mode() & 0o7777;
                let is_ours = !file.ends_with("rancher-token");
                assert!(!is_ours || mode == 0o600, "{} has {mode:o}", file.display());
            }
        }
    }
    assert!(searched > 100, "only {searched} files were searched");
    for file in files(&lab.path("harden-runs")) {
        let mode = fs::metadata(file.parent().unwrap()).unwrap().mode() & 0o777;
        assert!(
            mode == 0o700 || file.ends_with(".gitignore"),
            "{} in {mode:o}",
            file.display()
        );
    }
}

/// What is found nowhere in logs is only worth something where logs are written: every command line
/// that reached a node, and what each `sudo` ran. Both lie among the files that are searched, as
/// would the history of a shell of the operator or of a node's user.
#[track_caller]
fn assert_logs_are_kept(lab: &Lab) {
    for node in ["cp-1", "cp-2", "w-1"] {
        let log = |name: &str| lab.node(node).read(format!("/var/log/{name}")).unwrap();
        assert!(
            log("audit.log").matches("type=USER_CMD").count() > 5,
            "{node}"
        );
        assert!(log("auth.log").matches("COMMAND=").count() > 5, "{node}");
    }
}

/// A site's own file, whose key harden has to take over.
fn encryption_file() -> String {
    let key = STANDARD.encode(key());
    format!(
        "apiVersion: v1\nkind: EncryptionConfig\nresources:\n- resources:\n  - secrets\n  providers:\n  - aescbc:\n      keys:\n      - name: key1\n        secret: {key}\n  - identity: {{}}\n"
    )
}

/// The nodes' key files, what their nodes keep of them for root, and the operator's token file.
fn may_hold(file: &Path) -> bool {
    let path = file.to_string_lossy();
    path.ends_with("/rancher-token")
        || (path.contains("/nodes/cp-")
            && (path.ends_with("/etc/kubernetes/encryption.yaml")
                || path.contains("/var/lib/harden/")))
}

fn run_everything(lab: &Lab, needles: &Needles) {
    let say = |arguments: &[&str]| {
        let said = lab.harden(arguments);
        let what = arguments.join(" ");
        needles.assert_not_in(&what, said.stdout.as_bytes());
        needles.assert_not_in(&what, said.stderr.as_bytes());
        said
    };
    let formats = formats(lab);
    let outputs: Vec<_> = formats
        .iter()
        .map(|format| format!("--output={format}=result.{format}"))
        .collect();
    let mut usual = vec!["inventory.yml", "--playbook", "ours.yml", "--diff", "-vvv"];
    usual.extend(outputs.iter().map(String::as_str));
    let check = [&["check"], &usual[..]].concat();
    let apply = [&["apply"], &usual[..], &["--yes"]].concat();
    // The files of one command are those of the next, so each is searched at once.
    let say = |arguments: &[&str]| {
        let said = say(arguments);
        for format in &formats {
            let name = format!("result.{format}");
            let result = fs::read(lab.path(&name)).unwrap();
            needles.assert_not_in(&format!("{name} of {}", arguments.join(" ")), &result);
            fs::remove_file(lab.path(&name)).unwrap();
        }
        said
    };

    say(&check);
    // In the middle of writing the file with the key, and then once more with nothing in the way.
    for fault in [Fault::ReadOnlyEtc, Fault::DropAnswer(5)] {
        lab.node("cp-2").arm(Trigger::Verb(&["lock", "put"]), fault);
        say(&apply).expect(5);
        lab.node("cp-2").heal().unwrap();
    }
    say(&apply);
    say(&check);
    // A file that no longer fits is replaced, and shown as a difference.
    let spoilt = encryption_file().replace("identity", "identity # spoilt");
    lab.node("cp-2").write(KEY_FILE, &spoilt).unwrap();
    say(&check);
    say(&[&apply[..], &["--format", "json"]].concat());
    undo_all(lab, &outputs, &say);
}

/// Takes every run back, the last one first.
fn undo_all(lab: &Lab, outputs: &[String], say: &dyn Fn(&[&str]) -> Said) {
    let mut runs: Vec<_> = fs::read_dir(lab.path("harden-runs"))
        .unwrap()
        .map(|entry| entry.unwrap())
        .filter(|entry| entry.path().is_dir())
        .map(|entry| entry.file_name().into_string().unwrap())
        .collect();
    runs.sort();
    let mut undone = 0;
    for run in runs.iter().rev() {
        let mut undo = vec!["undo", run, "inventory.yml", "--yes", "-vvv"];
        undo.extend(outputs.iter().map(String::as_str));
        undone += usize::from(say(&undo).stdout.contains("as before"));
    }
    assert!(undone > 0, "nothing of {runs:?} was put back");
}
