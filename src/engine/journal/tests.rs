use std::os::unix::fs::PermissionsExt as _;

use super::*;

fn begun() -> Begun {
    Begun {
        version: Journal::VERSION,
        run: "20180901T120000Z-1".to_owned(),
        command: "apply".to_owned(),
        program: "0.1.0".to_owned(),
        inventory: "/site/inventory.yml".into(),
        config: "/site/cluster.yml".into(),
        nodes: vec![Place {
            name: "cp-1".to_owned(),
            address: "10.0.0.1".to_owned(),
            port: 22,
        }],
        salt: Salt::fresh().unwrap(),
    }
}

fn deed(path: &str) -> Deed {
    let owner = Owner {
        mode: 0o600,
        uid: 0,
        gid: 0,
    };
    let now = FileState {
        digest: "ab".to_owned(),
        owner,
    };
    Deed::File {
        path: path.to_owned(),
        was: None,
        kept: None,
        now: Some(now),
    }
}

#[test]
fn a_run_is_read_back_as_it_was_written_and_is_for_its_owner_only() {
    let dir = tempfile::tempdir().unwrap();
    let mut journal = Journal::begin(dir.path(), begun()).unwrap();
    let first = journal
        .will(Some("cp-1"), vec![deed("/a"), deed("/b"), deed("/c")])
        .unwrap();
    let why = "no room".to_owned();
    journal
        .did(first, [End::Done, End::Failed { why }, End::Skipped])
        .unwrap();
    journal.end().unwrap();

    let past = Past::read(dir.path()).unwrap();

    assert!(past.ended);
    assert_eq!(past.begun.config, begun().config);
    assert_eq!(past.items.len(), 3);
    let left: Vec<String> = past.left().map(|item| item.deed.subject()).collect();
    assert_eq!(left, ["file /b", "file /c"]);
    assert_eq!(past.begun_items().count(), 2);
    let metadata = dir.path().join(FILE).metadata().unwrap();
    assert_eq!(metadata.permissions().mode() & 0o7777, 0o600);
}

#[test]
fn a_run_that_was_killed_is_read_wherever_its_journal_breaks_off() {
    let dir = tempfile::tempdir().unwrap();
    let mut journal = Journal::begin(dir.path(), begun()).unwrap();
    let first = journal.will(Some("größe"), vec![deed("/a")]).unwrap();
    journal.did(first, [End::Done]).unwrap();
    let path = dir.path().join(FILE);
    let whole = std::fs::read(&path).unwrap();
    let lines: Vec<usize> = (0..whole.len()).filter(|at| whole[*at] == b'\n').collect();

    for cut in lines[0] + 1..whole.len() {
        std::fs::write(&path, &whole[..cut]).unwrap();
        let past = Past::read(dir.path()).unwrap();
        assert!(!past.ended);
        let known = past.items.first().map(|item| item.end.clone());
        assert_eq!(known, (cut > lines[1]).then_some(None), "cut at {cut}");
    }
}

#[test]
fn an_entry_that_could_not_be_written_leaves_no_gap_and_no_half_line() {
    let dir = tempfile::tempdir().unwrap();
    let mut journal = Journal::begin(dir.path(), begun()).unwrap();
    let first = journal.will(Some("cp-1"), vec![deed("/a")]).unwrap();
    journal.did(first, [End::Done]).unwrap();
    let full = || OpenOptions::new().append(true).open("/dev/full").unwrap();

    // The disk is full for a moment, and part of what is refused has got there.
    let mut file = std::mem::replace(&mut journal.file, full());
    assert!(journal.will(Some("w-1"), vec![deed("/a")]).is_err());
    assert!(journal.did(first, [End::Skipped]).is_err());
    file.write_all(b"{\"entry\":\"ended\",\"at\":\"\"}\n{\"entry\":\"will\",\"at\":")
        .unwrap();
    journal.file = file;

    let second = journal.will(Some("w-2"), vec![deed("/b")]).unwrap();
    journal.did(second, [End::Done]).unwrap();
    let past = Past::read(dir.path()).unwrap();
    assert!(!past.ended);
    let told: Vec<String> = past.items.iter().map(Item::told).collect();
    assert_eq!(told, ["cp-1: file /a", "w-2: file /b"]);
    assert_eq!(past.left().count(), 0);
}

#[test]
fn what_is_no_journal_is_refused_with_its_line() {
    let dir = tempfile::tempdir().unwrap();
    let mut journal = Journal::begin(dir.path(), begun()).unwrap();
    journal.will(Some("cp-1"), vec![deed("/a")]).unwrap();
    let path = dir.path().join(FILE);
    let text = std::fs::read_to_string(&path).unwrap();

    for (from, to) in [
        ("\"version\":1", "\"version\":2"),
        ("\"number\":1", "\"number\":7"),
        ("\"/a\"", "\"/a\\tevil\""),
        ("\"kind\":\"file\"", "\"kind\":\"format\""),
    ] {
        std::fs::write(&path, text.replacen(from, to, 1)).unwrap();
        let error = Past::read(dir.path()).unwrap_err();
        assert!(matches!(error, PastError::Malformed { .. }), "{to}");
        assert!(error.to_string().contains(" line "), "{error}");
    }
    assert!(
        Journal::begin(dir.path(), begun()).is_err(),
        "kept as it is"
    );
}
