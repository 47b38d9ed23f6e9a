//! From a node's records to facts: pure readers, one per kind of question.

use std::collections::BTreeMap;
use std::collections::BTreeSet;

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

use crate::facts::Content;
use crate::facts::Facts;
use crate::facts::File;
use crate::facts::FileKind;
use crate::facts::Observed;
use crate::facts::Room;
use crate::facts::container;
use crate::facts::container::Container;
use crate::facts::layout::pretty_name;
use crate::facts::question::OS_RELEASE;
use crate::facts::question::Question;
use crate::facts::sections::Sections;
use crate::facts::store::Store;
use crate::node::frame::Answer;
use crate::shared::Shared;
use crate::shared::Text;

/// No file that is read here is larger; a larger one is not read at all.
const CONTENT_LIMIT: usize = 1024 * 1024;

/// The facts in a node's answers to `questions`; what was asked and not answered is unread, and what
/// other nodes said, too, is taken from the store.
pub fn read(questions: &BTreeSet<Question>, answers: &[Answer], store: &mut Store) -> Facts {
    let body = |verb: &str| answers.iter().find(|answer| answer.verb == verb);
    let mut facts = Facts {
        silent: Some("the node gave no answer to this question".into()),
        ..Facts::default()
    };
    if let (Some(listing), Some(content)) = (body("files"), body("content")) {
        let mut sections = Sections::of(&content.body);
        facts.kernel = store.kernel.share(kernel(&listing.text(), &mut sections));
        facts.files = files(&listing.text(), &mut sections, store);
    }
    let names: Vec<&str> = questions
        .iter()
        .filter_map(|question| match question {
            Question::Container(name) => Some(name.as_str()),
            _ => None,
        })
        .collect();
    if let Some(answer) = body("nodocker") {
        facts.containers = every(&names, &Observed::unread(answer.text()), store);
    } else if let Some(answer) = body("containers") {
        facts.containers = containers(&names, &answer.text(), store);
    }
    facts.operating_system = body("system")
        .map(|answer| store.texts.share(answer.text().trim()))
        .filter(|name| !name.is_empty())
        .or_else(|| name_in_file(&facts).map(|name| store.texts.share(name)));
    if let Some(answer) = body("room") {
        facts.room = room(&answer.text(), store);
    }
    if let Some(answer) = body("leftovers") {
        facts.leftovers = answer.text().lines().map(str::to_owned).collect();
    }
    if let Some(answer) = body("tools") {
        facts.missing_tools = Some(answer.text().lines().map(str::to_owned).collect());
    }
    facts
}

fn name_in_file(facts: &Facts) -> Option<&str> {
    match facts.file(OS_RELEASE) {
        Observed::Present(file) => pretty_name(file.content.as_ref()?.text()?),
        Observed::Absent | Observed::Unread { .. } => None,
    }
}

fn kernel(listing: &str, sections: &mut Sections<'_>) -> BTreeMap<String, Observed<String>> {
    let mut values = BTreeMap::new();
    for line in listing.lines() {
        if let Some(path) = line.strip_prefix("value\t") {
            let place = format!("/proc/sys/{path}");
            let observed = match sections.value(&place) {
                Some(value) => Observed::Present(String::from_utf8_lossy(value).trim().to_owned()),
                None => Observed::unread(format!("{place} could not be read")),
            };
            values.insert(dotted(path), observed);
        } else if let Some(path) = line.strip_prefix("novalue\t") {
            values.insert(dotted(path), Observed::Absent);
        }
    }
    values
}

fn dotted(path: &str) -> String {
    path.replace('/', ".")
}

fn files(
    listing: &str,
    sections: &mut Sections<'_>,
    store: &mut Store,
) -> BTreeMap<Text, Observed<Shared<File>>> {
    let mut files: BTreeMap<String, Observed<File>> = BTreeMap::new();
    let mut links = BTreeSet::new();
    let mut entries = Vec::new();
    let mut reads = Vec::new();
    let mut sizes = BTreeMap::new();
    for line in listing.lines() {
        match line.split_once('\t') {
            Some(("absent", path)) => {
                files.insert(path.to_owned(), Observed::Absent);
            }
            Some(("unread", rest)) => {
                let (path, why) = rest
                    .split_once('\t')
                    .unwrap_or((rest, "it was not readable"));
                files.insert(path.to_owned(), Observed::unread(why));
            }
            Some(("link", path)) => {
                links.insert(path.to_owned());
            }
            Some(("entry", path)) => entries.push(path),
            Some(("read", path)) => reads.push(path.to_owned()),
            Some(("file", rest)) => {
                if let Some((path, size, file)) = attributes(rest, store) {
                    sizes.insert(path.clone(), size);
                    // A directory of which not every name can be told has an owner all the same.
                    files.entry(path).or_insert(Observed::Present(file));
                }
            }
            _ => {}
        }
    }
    for path in links {
        if let Some(Observed::Present(file)) = files.get_mut(&path) {
            file.link = true;
        }
    }
    for path in entries {
        let why = if path.contains(char::REPLACEMENT_CHARACTER) {
            "its name is not UTF-8, so another one may look like it"
        } else if files.contains_key(path) {
            continue;
        } else {
            "it is listed, and could not be looked at"
        };
        files.insert(path.to_owned(), Observed::unread(why));
    }
    distribute(&mut files, &reads, &sizes, sections);
    let shared = files.into_iter().map(|(path, observed)| {
        let observed = observed.map(|file| store.file(file));
        (store.texts.share(path), observed)
    });
    shared.collect()
}

/// One line of `stat`: mode, uid, gid, user, group, size, time of change, kind, name.
fn attributes(line: &str, store: &mut Store) -> Option<(String, usize, File)> {
    let mut fields = line.splitn(9, '\t');
    let mode = u32::from_str_radix(fields.next()?, 8).ok()?;
    let uid = fields.next()?.parse().ok()?;
    let gid = fields.next()?.parse().ok()?;
    let owner = store.texts.share(fields.next()?);
    let group = store.texts.share(fields.next()?);
    let size = fields.next()?.parse().ok()?;
    let modified = utc(fields.next()?)?;
    let kind = match fields.next()? {
        "regular file" | "regular empty file" => FileKind::Regular,
        "directory" => FileKind::Directory,
        _ => FileKind::Other,
    };
    let path = fields.next()?.to_owned();
    let file = File {
        kind,
        mode,
        uid,
        gid,
        owner,
        group,
        modified,
        link: false,
        content: None,
    };
    Some((path, size, file))
}

/// `2018-11-20 09:14:03.120394812`, with or without ` +0000` behind it; the program sets UTC.
fn utc(text: &str) -> Option<Timestamp> {
    let civil = text.strip_suffix(" +0000").unwrap_or(text);
    let civil: DateTime = civil.parse().ok()?;
    Some(civil.to_zoned(TimeZone::UTC).ok()?.timestamp())
}

/// Gives each file its content, which has the size that `stat` saw a moment before.
fn distribute(
    files: &mut BTreeMap<String, Observed<File>>,
    reads: &[String],
    sizes: &BTreeMap<String, usize>,
    sections: &mut Sections<'_>,
) {
    for path in reads {
        let size = sizes.get(path).copied().unwrap_or(0);
        let content = match sections.file(path, size.min(CONTENT_LIMIT + 1)) {
            Ok(_) if size > CONTENT_LIMIT => Err("it is larger than 1 MiB"),
            other => other,
        };
        match (content, files.get_mut(path)) {
            (Ok(content), Some(Observed::Present(file))) => {
                file.content = Some(Content::new(content.to_vec()));
            }
            (Ok(_), _) => {}
            (Err(why), _) => {
                files.insert(path.clone(), Observed::unread(why));
            }
        }
    }
}

type Containers = BTreeMap<Text, Observed<Shared<Container>>>;

/// A container is absent only when Docker itself said so; every other silence is unread.
fn containers(names: &[&str], text: &str, store: &mut Store) -> Containers {
    let (json, said) = container::told_apart(text);
    let mut found = match container::read(json, store) {
        Ok(found) => found,
        Err(why) => return every(names, &Observed::unread(why), store),
    };
    let said = said.trim();
    let mut containers = BTreeMap::new();
    for name in names {
        let place = found.iter().position(|container| &*container.name == *name);
        let observed = match place.map(|place| found.swap_remove(place)) {
            Some(container) => Observed::Present(container.into()),
            None if says_absent(said, name) => Observed::Absent,
            None if said.is_empty() => Observed::unread("docker did not mention it"),
            None => Observed::unread(said.lines().next().unwrap_or_default()),
        };
        containers.insert(store.texts.share(*name), observed);
    }
    containers
}

fn says_absent(said: &str, name: &str) -> bool {
    said.lines().any(|line| {
        line.rsplit_once(": ").is_some_and(|(said, what)| {
            what == name
                && (said.ends_with("No such object") || said.ends_with("No such container"))
        })
    })
}

fn every(names: &[&str], observed: &Observed<Shared<Container>>, store: &mut Store) -> Containers {
    let names = names.iter();
    names
        .map(|name| (store.texts.share(*name), observed.clone()))
        .collect()
}

fn room(text: &str, store: &mut Store) -> BTreeMap<Text, Observed<Room>> {
    let mut near = BTreeMap::new();
    let mut read_only = BTreeSet::new();
    let mut fixed = BTreeSet::new();
    let mut free = BTreeMap::new();
    for line in text.lines() {
        match line.split_once('\t') {
            Some(("near", rest)) => {
                if let Some((path, directory)) = rest.split_once('\t') {
                    near.insert(path, directory);
                }
            }
            Some(("readonly", rest)) => {
                read_only.insert(rest.split('\t').next().unwrap_or(rest));
            }
            Some(("fixed", path)) => {
                fixed.insert(path.trim());
            }
            Some(("free", rest)) => {
                if let Some((directory, space)) = space(rest) {
                    free.insert(directory, space);
                }
            }
            _ => {}
        }
    }
    let answer = |(path, directory): (&str, &str)| {
        let Some((free_bytes, free_inodes)) = free.get(directory).copied() else {
            let why = format!("the file system of {directory} could not be asked");
            return (store.texts.share(path), Observed::unread(why));
        };
        let room = Room {
            near: store.texts.share(directory),
            read_only: read_only.contains(path),
            immutable: fixed.contains(path) || fixed.contains(directory),
            free_bytes,
            free_inodes,
        };
        (store.texts.share(path), Observed::Present(room))
    };
    near.into_iter().map(answer).collect()
}

/// One line of `stat -f`: free blocks, block size, free inodes, all inodes, name.
fn space(line: &str) -> Option<(&str, (u64, Option<u64>))> {
    let mut fields = line.splitn(5, '\t');
    let blocks: u64 = fields.next()?.parse().ok()?;
    let size: u64 = fields.next()?.parse().ok()?;
    let free: u64 = fields.next()?.parse().ok()?;
    let all: u64 = fields.next()?.parse().ok()?;
    let directory = fields.next()?;
    Some((
        directory,
        (blocks.saturating_mul(size), (all > 0).then_some(free)),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(verb: &str, body: &str) -> Answer {
        Answer {
            verb: verb.into(),
            body: body.into(),
        }
    }

    fn container_named(answers: &[Answer]) -> Observed<Shared<Container>> {
        let questions = BTreeSet::from([Question::Container("kubelet".into())]);
        read(&questions, answers, &mut Store::default()).containers["kubelet"].clone()
    }

    #[test]
    fn only_docker_itself_can_say_that_a_container_is_absent() {
        let said = |text| container_named(&[answer("containers", &format!("[]\n{text}\n"))]);

        assert_eq!(said("Error: No such object: kubelet"), Observed::Absent);
        assert_eq!(
            said("Error response from daemon: No such container: kubelet"),
            Observed::Absent
        );
        assert!(matches!(
            said("Cannot connect to the Docker daemon at unix:///var/run/docker.sock."),
            Observed::Unread { .. }
        ));
        assert!(matches!(
            said("Error: No such object: kubelet-2"),
            Observed::Unread { .. }
        ));
        assert!(matches!(said(""), Observed::Unread { .. }));
        let silent = container_named(&[answer("containers", "Error: No such object: kubelet")]);
        assert_eq!(silent, Observed::Absent);
        assert!(matches!(
            container_named(&[answer("nodocker", "docker is not installed")]),
            Observed::Unread { .. }
        ));
    }

    #[test]
    fn a_missing_file_is_absent_and_a_forbidden_one_is_unread() {
        let listing = "absent\t/a\nunread\t/b/c\t/b may not be searched\n";

        let files = files(listing, &mut Sections::of(b""), &mut Store::default());

        assert_eq!(files["/a"], Observed::Absent);
        assert!(matches!(&files["/b/c"], Observed::Unread { why } if why.contains("/b")));
    }

    #[test]
    fn what_is_listed_and_was_not_looked_at_is_unread() {
        let line = |path: &str| {
            format!(
                "entry\t{path}\nfile\t600\t0\t0\troot\troot\t0\t2018-11-20 09:14:03.120394812\tregular file\t{path}\n"
            )
        };
        let listing = [
            &*line("/d/good"),
            "entry\t/d/gone\nlink\t/d/gone\n",
            &*line("/d/\u{fffd}"),
            &*line("/d/\u{fffd}"),
            "unread\t/d\ta name there has a control character\n",
            &*line("/d"),
        ];

        let files = files(
            &listing.concat(),
            &mut Sections::of(b""),
            &mut Store::default(),
        );

        assert!(matches!(files["/d/good"], Observed::Present(_)));
        for path in ["/d/gone", "/d/\u{fffd}", "/d"] {
            assert!(matches!(files[path], Observed::Unread { .. }), "{path}");
        }
    }

    #[test]
    fn a_content_belongs_to_its_file_and_a_changed_one_is_unread() {
        let line = |path: &str, size: usize| {
            format!(
                "read\t{path}\nfile\t600\t0\t0\troot\troot\t{size}\t2018-11-20 09:14:03.120394812 +0000\tregular file\t{path}\n"
            )
        };
        let listing = line("/a", 3) + &line("/b", 2);

        let read = |stream: &str| {
            let mut sections = Sections::of(stream.as_bytes());
            files(&listing, &mut sections, &mut Store::default())
        };

        let good = read("==> /a <==\none\n==> /b <==\ntw\n==> standard input <==");
        let grown = read("==> /a <==\none\n==> /b <==\ntwo\n==> standard input <==");

        let content = |file: &Observed<Shared<File>>| match file {
            Observed::Present(file) => file.content.clone().unwrap().bytes().to_vec(),
            other => panic!("{other:?}"),
        };
        assert_eq!(content(&good["/a"]), b"one");
        assert_eq!(content(&good["/b"]), b"tw");
        assert_eq!(content(&grown["/a"]), b"one");
        assert!(matches!(grown["/b"], Observed::Unread { .. }));
    }

    #[test]
    fn a_kernel_value_that_could_not_be_read_is_not_absent() {
        let listing = "value\tkernel/panic\nvalue\tvm/x\nnovalue\tvm/y\n";
        let stream = b"==> /proc/sys/kernel/panic <==\n10\n\n==> standard input <==";
        let values = kernel(listing, &mut Sections::of(stream));

        assert_eq!(values["kernel.panic"], Observed::Present("10".into()));
        assert!(matches!(values["vm.x"], Observed::Unread { .. }));
        assert_eq!(values["vm.y"], Observed::Absent);
    }

    #[test]
    fn what_was_never_answered_is_unread() {
        let questions = BTreeSet::from([Question::Kernel("vm.x".into())]);

        let facts = read(&questions, &[], &mut Store::default());

        assert!(matches!(facts.kernel("vm.x"), Observed::Unread { .. }));
    }
}
