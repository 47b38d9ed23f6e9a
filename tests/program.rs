//! The node program under every shell that a node may have: real shells, real files.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeSet;
use std::fs;
use std::io::BufRead as _;
use std::io::BufReader;
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Child;
use std::process::Command;
use std::process::Stdio;

use harden::node;
use harden::node::ascent::Ascent;
use harden::node::frame;
use harden::node::frame::Answer;
use harden::node::request;
use harden::node::request::Attributes;
use harden::node::request::FileQuestion;
use harden::node::request::Kept;
use harden::node::request::Lock;
use harden::node::request::Put;
use harden::node::request::Request;
use harden::node::request::Seen;
use harden::node::request::Unput;
use harden::secret::Secret;
use tempfile::TempDir;

const SHELLS: &[&[&str]] = &[&["dash"], &["bash"], &["busybox", "sh"]];

/// Runs the program as a login shell of that kind would, with `sh` being that shell too.
fn ask(shell: &[&str], requests: &[Request]) -> Vec<Answer> {
    let (command, stdin) = node::run_of(&Ascent::Root, requests);
    frame::decode(&run_line(shell, &command, stdin.expose())).expect("a whole answer")
}

fn on_stdin(requests: &[Request]) -> Secret {
    node::measured(&frame::encode(requests))
}

fn executable(path: &Path, text: &str) {
    let _ = fs::remove_file(path);
    fs::write(path, text).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
}

fn run(shell: &[&str], stdin: &[u8]) -> Vec<u8> {
    run_with(shell, &[], "exec \"$@\"", stdin)
}

fn run_line(shell: &[&str], line: &str, stdin: &[u8]) -> Vec<u8> {
    start(shell, &[], "exec \"$@\"", line, stdin)
}

/// The same with more programs on the PATH, and what `enter` does before the shell starts.
fn run_with(shell: &[&str], more: &[(&str, &str)], enter: &str, stdin: &[u8]) -> Vec<u8> {
    start(shell, more, enter, &node::command(&Ascent::Root), stdin)
}

fn start(shell: &[&str], more: &[(&str, &str)], enter: &str, line: &str, stdin: &[u8]) -> Vec<u8> {
    let (_bin, mut child) = spawn(shell, more, enter, line);
    child.stdin.take().unwrap().write_all(stdin).unwrap();
    child.wait_with_output().unwrap().stdout
}

/// The running program, and the directory of its shell, which must outlive it.
fn spawn(shell: &[&str], more: &[(&str, &str)], enter: &str, line: &str) -> (TempDir, Child) {
    let bin = tempfile::tempdir().unwrap();
    let sh = bin.path().join("sh");
    if shell[0] == "busybox" {
        // Its whole userland, not its shell alone.
        let install = ["--install", "-s"];
        let installed = Command::new("busybox")
            .args(install)
            .arg(bin.path())
            .status();
        assert!(installed.unwrap().success());
    } else {
        let target = format!("#!/bin/sh\nexec {} \"$@\"\n", shell.join(" "));
        executable(&sh, &target);
    }
    for (name, text) in more {
        executable(&bin.path().join(name), text);
    }
    let path = format!(
        "{}:{}",
        bin.path().display(),
        std::env::var("PATH").unwrap()
    );
    let child = Command::new("/bin/sh")
        .args(["-c", enter, "enter"])
        .args(shell)
        .arg("-c")
        .arg(line)
        .env("PATH", path)
        .env("LANG", "C.UTF-8")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| {
            panic!(
                "{}: {error}; install it: apt-get install -y dash bash busybox",
                shell[0]
            )
        });
    (bin, child)
}

fn text(answers: &[Answer], verb: &str) -> String {
    let answer = answers.iter().find(|answer| answer.verb == verb);
    answer
        .unwrap_or_else(|| panic!("no {verb} in {answers:?}"))
        .text()
        .into_owned()
}

/// What the program gives of files with these paths and contents.
fn contents(files: &[(&str, &str)]) -> String {
    let sections = files
        .iter()
        .map(|(path, content)| format!("==> {path} <==\n{content}\n"));
    sections
        .chain(["==> standard input <==".to_owned()])
        .collect()
}

fn put(path: &Path, seen: Seen, content: &[u8]) -> Request {
    let owner = fs::metadata("/proc/self").unwrap();
    Request::Put(Put {
        attributes: Attributes {
            path: path.display().to_string(),
            mode: 0o600,
            uid: std::os::unix::fs::MetadataExt::uid(&owner),
            gid: std::os::unix::fs::MetadataExt::gid(&owner),
        },
        seen,
        keep: Some(format!("{}/keep/old", path.parent().unwrap().display())),
        content: Secret::new(content.to_vec()),
    })
}

#[test]
fn questions_beside_the_program_and_on_stdin_get_the_same_answer() {
    for shell in SHELLS {
        let dir = tempfile::tempdir().unwrap();
        let odd = dir.path().join("it's \\0 $(id) `id` \"q\" * ! %b.yaml");
        fs::write(&odd, "odd").unwrap();
        let requests = [
            Request::Tools(vec!["no such tool".to_owned()]),
            Request::Files(vec![FileQuestion::Content(odd.display().to_string())]),
        ];

        let beside = ask(shell, &requests);
        let on_stdin = frame::decode(&run(shell, on_stdin(&requests).expose())).unwrap();

        assert_eq!(
            text(&beside, "content"),
            contents(&[(&odd.display().to_string(), "odd")]),
            "{shell:?}"
        );
        assert_eq!(beside, on_stdin, "{shell:?}");
    }
}

#[test]
fn content_of_every_kind_comes_back_with_owner_and_mode() {
    for shell in SHELLS {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("with space.yaml");
        let content = "grüße: \"a\\nb\" # $HOME `id` 'x' !\n\n\n";
        fs::write(&file, content).unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o640)).unwrap();
        let path = |name: &str| format!("{}/{name}", dir.path().display());
        fs::write(path("b.conf"), "x=1").unwrap();

        let answers = ask(
            shell,
            &[Request::Files(vec![
                FileQuestion::Content(file.display().to_string()),
                FileQuestion::Attributes(dir.path().display().to_string()),
                FileQuestion::Glob(format!("{}/*.conf", dir.path().display())),
                FileQuestion::Content(format!("{}/none/at/all", dir.path().display())),
            ])],
        );

        let files = text(&answers, "files");
        assert!(files.contains("file\t640\t"), "{shell:?}: {files}");
        assert!(files.contains(&format!("absent\t{}/none/at/all", dir.path().display())));
        assert_eq!(
            text(&answers, "content"),
            contents(&[
                (&file.display().to_string(), content),
                (&path("b.conf"), "x=1"),
            ]),
            "{shell:?}"
        );
    }
}

#[test]
fn a_directory_is_listed_with_what_is_in_it_and_without_any_content() {
    for shell in SHELLS {
        let dir = tempfile::tempdir().unwrap();
        let path = |name: &str| format!("{}/{name}", dir.path().display());
        fs::create_dir(path("net d")).unwrap();
        fs::create_dir(path("empty")).unwrap();
        for name in ["net d/10-calico.conflist", "net d/.hidden", "net d/[a]*"] {
            fs::write(path(name), "token").unwrap();
        }
        let questions = ["net d", "empty", "none"].map(|name| FileQuestion::Directory(path(name)));

        let answers = ask(shell, &[Request::Files(questions.to_vec())]);

        let files = text(&answers, "files");
        let listed = |name: &str| {
            files.lines().any(|line| {
                line.starts_with("file\t") && line.ends_with(&format!("\t{}", path(name)))
            })
        };
        let names = [
            "net d",
            "net d/10-calico.conflist",
            "net d/.hidden",
            "net d/[a]*",
            "empty",
        ];
        for name in names {
            assert!(listed(name), "{shell:?} {name}: {files}");
        }
        assert!(
            files.contains(&format!("absent\t{}", path("none"))),
            "{shell:?}: {files}"
        );
        let found = files.lines().filter(|line| line.starts_with("file\t"));
        assert_eq!(found.count(), names.len(), "{shell:?}: {files}");
        assert_eq!(text(&answers, "content"), "", "{shell:?}");
    }
}

#[test]
fn every_name_in_a_directory_is_told_or_the_directory_is_unread() {
    for shell in SHELLS {
        let dir = tempfile::tempdir().unwrap();
        let path = |name: &str| format!("{}/{name}", dir.path().display());
        for name in ["plain", "odd", "odd.d"] {
            fs::create_dir(path(name)).unwrap();
        }
        let names = [
            "plain/*",
            "plain/...",
            "plain/..x",
            "plain/.[a]",
            "plain/grüße",
            "odd/a",
        ];
        for name in names {
            fs::write(path(name), "x").unwrap();
        }
        std::os::unix::fs::symlink(path("none"), path("plain/link")).unwrap();
        for forged in ["odd/a\nabsent\tb", "odd.d/a\u{1b}.conf", "odd.d/a\nb.conf"] {
            fs::write(path(forged), "x").unwrap();
        }
        let questions = [
            FileQuestion::Directory(path("plain")),
            FileQuestion::Directory(path("odd")),
            FileQuestion::Glob(path("odd.d/*.conf")),
        ];

        let answers = ask(shell, &[Request::Files(questions.to_vec())]);

        let files = text(&answers, "files");
        let told = |kind: &str| -> BTreeSet<String> {
            let lines = files.lines().filter(|line| line.starts_with(kind));
            lines
                .map(|line| line.rsplit('\t').next().unwrap().to_owned())
                .collect()
        };
        let mut names: BTreeSet<String> = names.map(path).into();
        names.insert(path("plain/link"));
        assert_eq!(told("entry\t"), names, "{shell:?}: {files}");
        assert_eq!(told("link\t"), [path("plain/link")].into(), "{shell:?}");
        names.remove(&path("plain/link"));
        names.insert(path("plain"));
        assert_eq!(told("file\t"), names, "{shell:?}: {files}");
        for unread in ["odd", "odd.d/*.conf"] {
            let line = format!(
                "unread\t{}\ta name there has a control character\n",
                path(unread)
            );
            assert!(files.contains(&line), "{shell:?}: {files}");
        }
        assert!(!files.contains("absent"), "{shell:?}: {files}");
        assert_eq!(text(&answers, "content"), "", "{shell:?}");
    }
}

#[test]
fn a_file_is_written_whole_private_and_with_its_old_content_kept() {
    for shell in SHELLS {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("encryption.yaml");
        fs::write(&file, "old\n").unwrap();
        let every_byte: Vec<u8> = (1..=255).chain([b'\n', b'\\', b'%', b'\'']).collect();

        let answers = ask(shell, &[put(&file, Seen::content(b"old\n"), &every_byte)]);

        assert_eq!(answers[0].verb, "done", "{shell:?}: {}", answers[0].text());
        assert_eq!(fs::read(&file).unwrap(), every_byte, "{shell:?}");
        assert_eq!(
            fs::metadata(&file).unwrap().permissions().mode() & 0o7777,
            0o600
        );
        assert_eq!(fs::read(dir.path().join("keep/old")).unwrap(), b"old\n");
        assert_eq!(
            fs::read_dir(dir.path()).unwrap().count(),
            2,
            "no temporary file stays"
        );
    }
}

#[test]
fn what_is_no_longer_as_planned_is_left_alone() {
    for shell in SHELLS {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("audit.yaml");
        fs::write(&file, "somebody else was here\n").unwrap();

        let drifted = [
            put(&file, Seen::content(b"old\n"), b"new\n"),
            put(&file, Seen::Absent, b"new\n"),
            put(&dir.path().join("gone"), Seen::content(b"old\n"), b"new\n"),
        ];
        for change in drifted {
            let behind = put(&dir.path().join("behind"), Seen::Absent, b"new\n");
            let answers = ask(shell, &[change, behind]);
            assert_eq!(answers[0].verb, "failed", "{shell:?}");
            let why = answers[0].text();
            assert!(why.starts_with("drifted: "), "{why}");
            assert_eq!(answers[1].verb, "skipped", "nothing more after a failure");
        }
        assert!(!dir.path().join("behind").exists());
        assert_eq!(fs::read(&file).unwrap(), b"somebody else was here\n");
    }
}

#[test]
fn files_take_their_places_together_or_none_does() {
    for shell in SHELLS {
        let dir = tempfile::tempdir().unwrap();
        let path = |name: &str| dir.path().join(name);
        fs::write(path("old"), "old\n").unwrap();
        let owner = |name: &str, mode| match put(&path(name), Seen::Absent, b"") {
            Request::Put(put) => Request::Put(Put {
                attributes: Attributes {
                    mode,
                    ..put.attributes
                },
                ..put
            }),
            other => other,
        };
        let good = [
            put(&path("a"), Seen::Absent, b"a\n"),
            owner("empty", 0o640),
            put(&path("old"), Seen::content(b"old\n"), b"new\n"),
            put(&path("b"), Seen::Absent, b"b\n"),
        ];
        let bad = [
            put(&path("c"), Seen::Absent, b"c\n"),
            put(&path("old"), Seen::content(b"other\n"), b"newer\n"),
            put(&path("d"), Seen::Absent, b"d\n"),
        ];
        let verbs = |requests: &[Request]| {
            let answers = ask(shell, requests).into_iter();
            answers.map(|answer| answer.verb).collect::<Vec<_>>()
        };

        assert_eq!(verbs(&good), ["done"; 4], "{shell:?}");
        assert_eq!(verbs(&bad), ["skipped", "failed", "skipped"], "{shell:?}");

        let read = |name: &str| fs::read_to_string(path(name)).unwrap();
        let written = ["a", "empty", "old", "b"].map(read);
        assert_eq!(written, ["a\n", "", "new\n", "b\n"], "{shell:?}");
        let mode = fs::metadata(path("empty")).unwrap().permissions().mode();
        assert_eq!(mode & 0o7777, 0o640, "{shell:?}");
        assert_eq!(read("keep/old"), "old\n", "{shell:?}");
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 5, "{shell:?}");
    }
}

#[test]
fn a_link_a_directory_and_a_pipe_are_never_written_to() {
    for shell in SHELLS {
        let dir = tempfile::tempdir().unwrap();
        let elsewhere = dir.path().join("elsewhere");
        fs::write(&elsewhere, "keep me\n").unwrap();
        std::os::unix::fs::symlink(&elsewhere, dir.path().join("link")).unwrap();
        fs::create_dir(dir.path().join("directory")).unwrap();
        let made = Command::new("mkfifo")
            .arg(dir.path().join("pipe"))
            .status()
            .unwrap();
        assert!(made.success());

        for name in ["link", "directory", "pipe"] {
            let answers = ask(
                shell,
                &[put(&dir.path().join(name), Seen::Absent, b"new\n")],
            );
            assert_eq!(answers[0].verb, "failed", "{shell:?} {name}");
        }
        let question = FileQuestion::Content(dir.path().join("pipe").display().to_string());
        let answers = ask(shell, &[Request::Files(vec![question])]);

        assert!(text(&answers, "files").contains("\tfifo\t"), "{shell:?}");
        assert_eq!(fs::read(&elsewhere).unwrap(), b"keep me\n");
    }
}

#[test]
fn a_stream_that_breaks_off_changes_nothing_and_says_so() {
    for shell in SHELLS {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("audit.yaml");
        let stream = on_stdin(&[put(&file, Seen::Absent, b"whole\n")]);
        let bytes = stream.expose();

        let end = "3\tend\n".len();
        for cut in [1, 3, bytes.len() / 2, bytes.len() - 8, bytes.len() - end] {
            let said = run(shell, &bytes[..cut]);
            assert!(frame::decode(&said).is_err(), "{shell:?} cut at {cut}");
        }

        assert!(!file.exists(), "{shell:?}: what broke off was carried out");
    }
}

#[test]
fn kernel_values_are_read_in_full() {
    for shell in SHELLS {
        let keys = ["kernel.pid_max", "kernel.no_such_key"];
        let keys = keys
            .map(|key| FileQuestion::Kernel(key.to_owned()))
            .to_vec();
        let running = fs::read_to_string("/proc/sys/kernel/pid_max").unwrap();

        let answers = ask(shell, &[Request::Files(keys)]);

        assert_eq!(
            text(&answers, "files"),
            "value\tkernel/pid_max\nnovalue\tkernel/no_such_key\n",
            "{shell:?}"
        );
        assert_eq!(
            text(&answers, "content"),
            contents(&[("/proc/sys/kernel/pid_max", &running)]),
            "{shell:?}"
        );
    }
}

#[test]
fn room_and_tools_foretell_what_a_write_would_fail_on() {
    for shell in SHELLS {
        let dir = tempfile::tempdir().unwrap();
        let path = format!("{}/not/yet/there.yaml", dir.path().display());

        let answers = ask(
            shell,
            &[
                Request::Room(vec![path.clone()]),
                Request::Tools(vec!["mv".into(), "no-such-tool".into()]),
            ],
        );

        let room = text(&answers, "room");
        assert!(
            room.contains(&format!("near\t{path}\t{}\n", dir.path().display())),
            "{room}"
        );
        assert!(room.contains("free\t"), "{shell:?}: {room}");
        assert_eq!(text(&answers, "leftovers"), "", "{shell:?}");
        assert_eq!(text(&answers, "tools"), "no-such-tool\n", "{shell:?}");
    }
}

#[test]
fn an_immutable_file_is_foretold_whether_the_shell_asks_the_kernel_or_guesses() {
    let chattr = |flag: &str, path: &Path| {
        let status = Command::new("chattr").arg(flag).arg(path).status();
        assert!(status.unwrap().success(), "chattr {flag} {path:?} as root");
    };
    for shell in SHELLS {
        let dir = tempfile::tempdir().unwrap();
        let path = |name: &str| dir.path().join(name);
        for name in ["fixed", "loose"] {
            fs::write(path(name), "x").unwrap();
        }
        let paths = ["fixed", "loose"].map(|name| path(name).display().to_string());

        chattr("+i", &path("fixed"));
        let answers = ask(shell, &[Request::Room(paths.to_vec())]);
        chattr("-i", &path("fixed"));

        let room = text(&answers, "room");
        let fixed: Vec<&str> = room
            .lines()
            .filter_map(|line| line.strip_prefix("fixed\t"))
            .map(str::trim)
            .collect();
        assert_eq!(fixed, [paths[0].as_str()], "{shell:?}: {room}");
    }
}

#[test]
fn what_a_killed_run_left_is_told_with_the_room_and_alone() {
    for shell in SHELLS {
        let dir = tempfile::tempdir().unwrap();
        let left = dir.path().join(".audit.yaml.harden");
        fs::write(&left, "half").unwrap();
        let paths = vec![dir.path().join("audit.yaml").display().to_string()];

        for request in [Request::Room(paths.clone()), Request::Leftovers(paths)] {
            let told = text(&ask(shell, &[request]), "leftovers");
            assert_eq!(told, format!("{}\n", left.display()), "{shell:?}");
        }
    }
}

#[test]
fn kernel_values_are_set_in_one_go_and_each_has_its_own_outcome() {
    let assign = |key: &str, value: &str| Request::Assign {
        key: key.to_owned(),
        value: value.to_owned(),
    };
    // Files stand for kernel values; one of them takes nothing.
    let enter =
        "dir=$(mktemp -d) && echo 0 >$dir/a && echo 0 >$dir/c && exec unshare --mount sh -c '
        mount --bind $0/a /proc/sys/kernel/panic && mount --bind $0/c /proc/sys/vm/panic_on_oom &&
        mount --bind /dev/full /proc/sys/vm/overcommit_memory && exec \"$@\"' $dir \"$@\"";
    let outcomes = |shell: &[&str], requests: &[Request]| {
        let said = run_with(shell, &[], enter, on_stdin(requests).expose());
        let answers = frame::decode(&said).unwrap();
        let outcomes = answers.iter();
        outcomes
            .map(|answer| format!("{} {}", answer.verb, answer.text()))
            .collect::<Vec<String>>()
    };
    for shell in SHELLS {
        let said = outcomes(
            shell,
            &[
                assign("kernel.panic", "10"),
                assign("vm.panic_on_oom", "2"),
                assign("vm.overcommit_memory", "1"),
            ],
        );
        assert_eq!(
            said,
            [
                "done ",
                "done ",
                "failed /proc/sys/vm/overcommit_memory refused 1"
            ],
            "{shell:?}"
        );

        let said = outcomes(
            shell,
            &[
                assign("kernel.panic", "10"),
                assign("kernel.no_such_key", "1"),
                assign("vm.panic_on_oom", "2"),
                Request::Sweep("/nowhere/.x.harden".to_owned()),
            ],
        );
        assert_eq!(
            said,
            [
                "done ",
                "failed /proc/sys/kernel/no_such_key refused 1",
                "skipped ",
                "skipped "
            ],
            "{shell:?}"
        );
    }
}

/// What is there under `path`, to be put back or removed.
fn unput(path: &Path, seen: &[u8], back: Option<(&Path, &[u8])>) -> Request {
    let owner = fs::metadata("/proc/self").unwrap();
    let dir = path.parent().unwrap().display();
    Request::Unput(Unput {
        path: path.display().to_string(),
        seen: Seen::content(seen),
        keep: format!("{dir}/keep/undone"),
        back: back.map(|(kept, content)| Kept {
            kept: kept.display().to_string(),
            digest: request::digest(content),
            attributes: Attributes {
                path: path.display().to_string(),
                mode: 0o640,
                uid: std::os::unix::fs::MetadataExt::uid(&owner),
                gid: std::os::unix::fs::MetadataExt::gid(&owner),
            },
        }),
    })
}

#[test]
fn a_kept_file_is_put_back_with_its_mode_and_a_new_one_is_removed() {
    for shell in SHELLS {
        let dir = tempfile::tempdir().unwrap();
        let (file, kept) = (dir.path().join("a \\b.yaml"), dir.path().join("kept"));
        fs::write(&file, "new\n").unwrap();
        fs::write(&kept, "old \\n %s\n").unwrap();
        let fresh = dir.path().join("fresh");
        fs::write(&fresh, "new\n").unwrap();

        let answers = ask(
            shell,
            &[
                unput(&file, b"new\n", Some((&kept, b"old \\n %s\n"))),
                unput(&fresh, b"new\n", None),
            ],
        );

        let verbs: Vec<&str> = answers.iter().map(|answer| &*answer.verb).collect();
        assert_eq!(verbs, ["done", "done"], "{shell:?}: {answers:?}");
        assert_eq!(fs::read_to_string(&file).unwrap(), "old \\n %s\n");
        let mode = fs::metadata(&file).unwrap().permissions().mode();
        assert_eq!(mode & 0o7777, 0o640, "{shell:?}");
        assert!(!fresh.exists(), "{shell:?}");
        let undone = dir.path().join("keep/undone");
        assert_eq!(fs::read_to_string(undone).unwrap(), "new\n", "{shell:?}");
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 3, "{shell:?}");
    }
}

#[test]
fn nothing_is_put_back_over_a_change_or_from_a_copy_that_is_not_what_was_kept() {
    for shell in SHELLS {
        let dir = tempfile::tempdir().unwrap();
        let (file, kept) = (dir.path().join("audit.yaml"), dir.path().join("kept"));
        fs::write(&file, "theirs\n").unwrap();
        fs::write(&kept, "old\n").unwrap();
        let link = dir.path().join("link");
        std::os::unix::fs::symlink(&kept, &link).unwrap();

        for change in [
            unput(&file, b"new\n", Some((&kept, b"old\n"))),
            unput(&file, b"new\n", None),
            unput(&file, b"theirs\n", Some((&kept, b"other\n"))),
            unput(&file, b"theirs\n", Some((&link, b"old\n"))),
            unput(&dir.path().join("gone"), b"new\n", None),
        ] {
            let answers = ask(shell, &[change]);
            assert_eq!(answers[0].verb, "failed", "{shell:?}");
        }
        assert_eq!(fs::read_to_string(&file).unwrap(), "theirs\n");
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 3, "{shell:?}");
    }
}

#[test]
fn only_what_the_program_itself_leaves_behind_is_swept() {
    for shell in SHELLS {
        let dir = tempfile::tempdir().unwrap();
        let left = dir.path().join(".audit.yaml.harden");
        let other = dir.path().join("audit.yaml");
        fs::write(&left, "half").unwrap();
        fs::write(&other, "whole").unwrap();
        let sweep = |path: &Path| ask(shell, &[Request::Sweep(path.display().to_string())]);

        assert_eq!(sweep(&left)[0].verb, "done", "{shell:?}");
        assert_eq!(sweep(&other)[0].verb, "failed", "{shell:?}");

        assert!(!left.exists() && other.exists(), "{shell:?}");
    }
}

#[test]
fn with_selinux_a_file_has_the_label_of_the_one_before_it_or_of_its_directory() {
    // A kernel with SELinux is shown by one file, and `chcon` says what it would do.
    let enter = "exec unshare --mount sh -c 'mount -t tmpfs none /sys/fs && mkdir /sys/fs/selinux \
                 && : >/sys/fs/selinux/enforce && exec \"$@\"' enter \"$@\"";
    for shell in SHELLS {
        let dir = tempfile::tempdir().unwrap();
        let (old, new) = (dir.path().join("old"), dir.path().join("new"));
        fs::write(&old, "old\n").unwrap();
        let seen = dir.path().join("labelled");
        let chcon = format!("#!/bin/sh\necho \"$*\" >>{}\n", seen.display());
        let requests = [
            put(&old, Seen::content(b"old\n"), b"new\n"),
            put(&new, Seen::Absent, b"new\n"),
        ];
        let stdin = on_stdin(&requests);

        let said = run_with(shell, &[("chcon", &chcon)], enter, stdin.expose());
        let answers = frame::decode(&said).unwrap();

        assert!(
            answers.iter().all(|answer| answer.verb == "done"),
            "{answers:?}"
        );
        let at = dir.path().display();
        assert_eq!(
            fs::read_to_string(&seen).unwrap(),
            format!("--reference={at}/old {at}/.old.harden\n--reference={at} {at}/.new.harden\n"),
            "{shell:?}"
        );

        let refuses = "#!/bin/sh\necho \"chcon: failed: $*: Permission denied\" >&2\nexit 1\n";
        let again = on_stdin(&[put(&old, Seen::content(b"new\n"), b"newer\n")]);
        let said = run_with(shell, &[("chcon", refuses)], enter, again.expose());
        assert!(
            frame::decode(&said).unwrap()[0]
                .text()
                .contains("Permission denied")
        );
        assert_eq!(fs::read(&old).unwrap(), b"new\n", "{shell:?}");
    }
}

#[test]
fn the_systems_name_is_asked_for_only_where_no_component_shows_its_files() {
    let docker = |inspected: &str| {
        format!(
            "#!/bin/sh\ncase $1 in info) echo RancherOS v1.4 ;; *) echo '{inspected}' ;; esac\n"
        )
    };
    for shell in SHELLS {
        let ask = |inspected: &str| {
            let stdin = on_stdin(&[Request::Containers(vec!["kubelet".into()])]);
            let docker = docker(inspected);
            let said = run_with(shell, &[("docker", &docker)], "exec \"$@\"", stdin.expose());
            frame::decode(&said).unwrap()
        };

        let mounted = ask(r#"[{"Mounts":[{"Destination":"/etc/kubernetes"}]}]"#);
        assert!(
            mounted.iter().all(|answer| answer.verb != "system"),
            "{shell:?}"
        );
        assert_eq!(text(&ask("[]"), "system"), "RancherOS v1.4", "{shell:?}");
    }
}

#[test]
fn one_run_of_docker_tells_what_is_there_and_what_is_not() {
    for shell in SHELLS {
        let dir = tempfile::tempdir().unwrap();
        let runs = dir.path().join("runs");
        let docker = format!(
            "#!/bin/sh\necho \"$*\" >>{}\necho '[{{\"Destination\":\"/etc/kubernetes\"}}]'\n\
             echo 'Error: No such container: kubelet' >&2\nexit 1\n",
            runs.display()
        );
        let names = ["kube-proxy", "kubelet"].map(str::to_owned);
        let stdin = on_stdin(&[Request::Containers(names.to_vec())]);

        let said = run_with(shell, &[("docker", &docker)], "exec \"$@\"", stdin.expose());

        assert_eq!(
            text(&frame::decode(&said).unwrap(), "containers"),
            "[{\"Destination\":\"/etc/kubernetes\"}]\nError: No such container: kubelet",
            "{shell:?}"
        );
        assert_eq!(
            fs::read_to_string(&runs).unwrap(),
            "inspect --type container kube-proxy kubelet\n",
            "{shell:?}"
        );
    }
}

#[test]
fn of_a_secret_in_etcd_only_the_beginning_leaves_the_node() {
    let docker = r#"#!/bin/sh
echo "$*" | grep -q "^exec etcd etcdctl .* get /registry/secrets/ /registry/secrets0 " || exit 3
long=$(printf "%0500d" 0)
printf '{"header":{"cluster_id":7},"kvs":[{"key":"L3JlZw==","version":1,"value":"azhzOmVuYw%s"}],"count":1}\n' "$long"
"#;
    let down = "#!/bin/sh\necho 'Error: No such container: etcd' >&2\nexit 1\n";
    let request = Request::Secrets {
        prefix: "/registry".to_owned(),
        from: "/registry/secrets/".to_owned(),
    };
    let stdin = on_stdin(&[request, Request::Tools(Vec::new())]);
    for shell in SHELLS {
        let asked = |docker| {
            let stdout = run_with(shell, &[("docker", docker)], "exec \"$@\"", stdin.expose());
            frame::decode(&stdout).unwrap()
        };

        let answers = asked(docker);
        let told = text(&answers, "secrets");
        let value = told
            .lines()
            .find_map(|line| line.strip_prefix("\"value\":\""));
        assert_eq!(value.unwrap().len(), 120, "{shell:?}: {told}");
        assert!(told.contains("\"key\":\"L3JlZw==\""), "{shell:?}: {told}");
        assert_eq!(answers[1].verb, "tools", "{shell:?}");

        let told = text(&asked(down), "refused");
        assert_eq!(told, "Error: No such container: etcd", "{shell:?}");

        let told = text(&asked(&format!("{docker}exit 137\n")), "refused");
        assert_eq!(
            told, "the list of Secrets broke off: docker exec ended with 137",
            "{shell:?}"
        );
    }
}

/// What makes `run` the program's `/run`.
fn with_run(run: &Path) -> String {
    format!(
        "exec unshare --mount sh -c 'mount --bind $0 /run && exec \"$@\"' {} \"$@\"",
        run.display()
    )
}

fn lock(holder: &str) -> Request {
    Request::Lock(Lock {
        holder: holder.to_owned(),
        site: holder.replace(' ', "-"),
        is_held: false,
    })
}

#[test]
fn a_lock_is_had_by_one_and_what_is_free_or_dead_or_empty_is_taken() {
    let boot = fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap();
    let holder = |pid: u32| format!("{pid}\t{}\tother\tann\n", boot.trim());
    let mut dead = Command::new("true").spawn().unwrap();
    dead.wait().unwrap();
    for shell in SHELLS {
        let run = tempfile::tempdir().unwrap();
        let file = |number: u32| run.path().join(format!("harden.lock.{number}"));
        let take = || {
            let records = on_stdin(&[lock("bob")]);
            let said = run_with(shell, &[], &with_run(run.path()), records.expose());
            let answers = frame::decode(&said).unwrap();
            format!("{} {}", answers[0].verb, answers[0].text())
        };

        assert_eq!(take(), "done ", "{shell:?}");
        assert_eq!(take(), "done ", "{shell:?}");
        fs::write(file(3), holder(std::process::id())).unwrap();
        let refused = "failed locked by ann, see /run/harden.lock.3";
        assert_eq!(take(), refused, "{shell:?}");
        fs::write(file(3), holder(dead.id())).unwrap();
        assert_eq!(take(), "done ", "{shell:?}");
        fs::write(file(5), "").unwrap();
        assert_eq!(take(), "done ", "{shell:?}");
        for number in [1, 2, 4, 6] {
            assert_eq!(fs::read_to_string(file(number)).unwrap(), "free\n");
        }

        let mark = run.path().join("harden.lock.at-7");
        let another_boot = holder(std::process::id()).replace(boot.trim(), "another");
        for mark_of_before in [holder(dead.id()), another_boot, "free\n".to_owned()] {
            fs::write(&mark, mark_of_before).unwrap();
            assert_eq!(take(), "done ", "{shell:?}");
        }

        fs::write(file(41), "free\n").unwrap();
        assert_eq!(take(), "done ", "{shell:?}");
        let left = fs::read_dir(run.path()).unwrap();
        let left: Vec<_> = left.map(|entry| entry.unwrap().path()).collect();
        assert_eq!(left, [file(42)], "{shell:?}");
    }
}

#[test]
fn while_a_program_works_no_other_run_has_the_node_though_its_own_run_is_gone() {
    let of = |holder: &str, site: &str, is_held| {
        Request::Lock(Lock {
            holder: holder.to_owned(),
            site: site.to_owned(),
            is_held,
        })
    };
    let own = |is_held| of("run A", "site A", is_held);
    let same_site = || of("run B", "site A", false);
    for shell in SHELLS {
        let run = tempfile::tempdir().unwrap();
        let file = |name: &str| run.path().join(name);
        let docker = format!(
            "#!/bin/sh\n: >{0}/begun\nwhile [ ! -e {0}/gate ]; do sleep 0.1; done\n",
            run.path().display()
        );
        let begin = |requests: &[Request]| {
            let line = node::command(&Ascent::Root);
            let docker = [("docker", &*docker)];
            let (bin, mut child) = spawn(shell, &docker, &with_run(run.path()), &line);
            let stdin = child.stdin.as_mut().unwrap();
            stdin.write_all(on_stdin(requests).expose()).unwrap();
            (bin, child)
        };
        let take = |lock: Request| {
            let records = on_stdin(&[lock]);
            let said = run_with(shell, &[], &with_run(run.path()), records.expose());
            let answers = frame::decode(&said).unwrap();
            format!("{} {}", answers[0].verb, answers[0].text())
        };
        let (_bin, mut waits) = begin(&[own(false)]);
        let mut said = BufReader::new(waits.stdout.take().unwrap()).lines();
        assert!(said.any(|line| line.unwrap() == "end\t0"), "{shell:?}");
        let (_bin, mut works) = begin(&[own(true), Request::Restart("kubelet".to_owned())]);
        while !file("begun").exists() {
            std::thread::yield_now();
        }

        // The run is killed.
        drop((waits.stdin.take(), works.stdin.take()));
        waits.wait().unwrap();
        let free = fs::read_to_string(file("harden.lock.1")).unwrap();
        assert_eq!(free, "free\n", "{shell:?}");
        let names = fs::read_dir(run.path()).unwrap();
        let names = names.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        let mark = names.into_iter().find(|name| name.contains(".at-"));
        let mark = mark.unwrap();
        let refused = format!("failed locked by run A, see /run/{mark}");
        assert_eq!(take(lock("run B")), refused, "{shell:?}");
        assert_eq!(take(same_site()), refused, "{shell:?}");
        assert_eq!(take(own(false)), "done ", "{shell:?}");

        fs::write(file("gate"), "").unwrap();
        works.wait().unwrap();
        let free = fs::read_to_string(file(&mark)).unwrap();
        assert_eq!(free, "free\n", "{shell:?}");
        assert_eq!(take(lock("run B")), "done ", "{shell:?}");
    }
}

#[test]
fn a_lock_that_moved_to_another_run_of_its_site_is_held_no_more() {
    let boot = fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap();
    for shell in SHELLS {
        let run = tempfile::tempdir().unwrap();
        let known = |by: &str| {
            let held = format!("{}\t{}\tsite\t{by}\n", std::process::id(), boot.trim());
            fs::write(run.path().join("harden.lock.1"), held).unwrap();
            let record = on_stdin(&[Request::Lock(Lock {
                holder: "ann".to_owned(),
                site: "site".to_owned(),
                is_held: true,
            })]);
            let said = run_with(shell, &[], &with_run(run.path()), record.expose());
            let answers = frame::decode(&said).unwrap();
            format!("{} {}", answers[0].verb, answers[0].text())
        };

        let refused = "failed locked by bob, see /run/harden.lock.1";
        assert_eq!(known("bob"), refused, "{shell:?}");
        assert_eq!(known("ann"), "done ", "{shell:?}");
    }
}

#[test]
fn of_many_that_want_a_lock_at_once_at_most_one_has_it() {
    const MANY: usize = 8;
    for shell in SHELLS {
        for before in [None, Some("free\n"), Some("")] {
            let run = tempfile::tempdir().unwrap();
            if let Some(before) = before {
                fs::write(run.path().join("harden.lock.1"), before).unwrap();
            }
            let programs: Vec<_> = (0..MANY)
                .map(|number| {
                    let line = node::command(&Ascent::Root);
                    let (bin, mut child) = spawn(shell, &[], &with_run(run.path()), &line);
                    let records = on_stdin(&[lock(&format!("run {number}"))]);
                    let mut stdin = child.stdin.take().unwrap();
                    stdin.write_all(records.expose()).unwrap();
                    (bin, child, stdin)
                })
                .collect();
            let mut taken = 0;
            // Nobody gives it back before all have been answered.
            let answered: Vec<_> = programs
                .into_iter()
                .map(|(bin, mut child, stdin)| {
                    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
                    let outcome = lines.find_map(|line| {
                        let line = line.unwrap();
                        ["done", "failed"]
                            .into_iter()
                            .find(|outcome| line.starts_with(outcome))
                    });
                    taken += usize::from(outcome.unwrap() == "done");
                    (bin, child, stdin, lines)
                })
                .collect();
            for (_bin, mut child, stdin, lines) in answered {
                drop(stdin);
                let _ = lines.count();
                child.wait().unwrap();
            }
            match before {
                // Each that looked into the empty file waits, and may find another that did.
                Some("") => assert!(taken <= 1, "{shell:?}: {taken}"),
                _ => assert_eq!(taken, 1, "{shell:?} {before:?}"),
            }
        }
    }
}
