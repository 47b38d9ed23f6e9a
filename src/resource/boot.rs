//! Kernel settings as they will be after the next boot (T-23).

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::ops::Bound;

use crate::facts::Facts;
use crate::facts::File;
use crate::facts::Observed;
use crate::facts::question::BOOT_DIRECTORIES;
use crate::facts::question::SYSCTL_CONF;
use crate::facts::question::SYSTEMD_RUNS;

/// The usual name below `sysctl.d` by which `/etc/sysctl.conf` is read under systemd.
pub const SYSCTL_CONF_LINK: &str = "/etc/sysctl.d/99-sysctl.conf";

/// One assignment in one file.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Assignment {
    pub file: String,
    /// Counted from 1.
    pub line: usize,
    pub value: String,
}

/// The assignments of `key` in the order in which boot carries them out; the last one wins.
///
/// # Errors
///
/// Says which of the files could not be read, or that the system keeps its settings elsewhere: the
/// winner is not known then.
pub fn assignments(facts: &Facts, key: &str) -> Result<Vec<Assignment>, String> {
    if let Some(elsewhere) = kept_elsewhere(facts) {
        return Err(elsewhere.to_owned());
    }
    let mut found = Vec::new();
    for path in order(facts)? {
        found.extend(in_file(path, content(facts, path)?, key));
    }
    Ok(found)
}

/// The last assignment in `/etc/sysctl.conf` where boot does not read that file (T-23).
pub fn unheeded(facts: &Facts, key: &str) -> Option<Assignment> {
    if is_read_at_boot(facts) {
        return None;
    }
    let text = content(facts, SYSCTL_CONF).ok()?;
    in_file(SYSCTL_CONF, text, key).last()
}

/// Where systems keep kernel settings of which no file below `/etc` survives or counts.
const ELSEWHERE: [(&str, &str); 2] = [
    (
        "RancherOS",
        "RancherOS takes kernel values from its own configuration at boot: compare `ros config get rancher.sysctl`",
    ),
    (
        "Boot2Docker",
        "Boot2Docker loses /etc at every boot: compare /var/lib/boot2docker/bootlocal.sh",
    ),
];

fn kept_elsewhere(facts: &Facts) -> Option<&'static str> {
    let system = facts.operating_system.as_deref()?;
    let found = ELSEWHERE.iter().find(|(name, _)| system.contains(name));
    found.map(|(_, why)| *why)
}

/// The file into which a setting belongs so that boot reads it.
///
/// `/etc/sysctl.conf` as the guide says, but its name below `sysctl.d` where
/// systemd reads no other.
pub fn home(facts: &Facts) -> &'static str {
    if is_read_at_boot(facts) {
        SYSCTL_CONF
    } else {
        SYSCTL_CONF_LINK
    }
}

fn is_read_at_boot(facts: &Facts) -> bool {
    let systemd = matches!(facts.file(SYSTEMD_RUNS), Observed::Present(_));
    let linked = matches!(facts.file(SYSCTL_CONF_LINK), Observed::Present(file) if file.link);
    !systemd || linked
}

/// Every file in the order of boot. Names decide, whatever the directory; of
/// two files with one name only the one in the earlier directory is read.
fn order(facts: &Facts) -> Result<Vec<&str>, String> {
    if let Observed::Unread { why } = facts.file(SYSCTL_CONF) {
        return Err(why);
    }
    let mut by_name: BTreeMap<&str, &str> = BTreeMap::new();
    for directory in BOOT_DIRECTORIES {
        let below = (Bound::Excluded(directory), Bound::Unbounded);
        for (path, _) in facts.files.range::<str, _>(below) {
            let Some(name) = path.strip_prefix(directory) else {
                break;
            };
            if let Some(name) = name.strip_prefix('/')
                && is_conf(name)
            {
                by_name.entry(name).or_insert(path);
            }
        }
    }
    let mut order: Vec<&str> = by_name.into_values().collect();
    let systemd = matches!(facts.file(SYSTEMD_RUNS), Observed::Present(_));
    if !systemd {
        order.push(SYSCTL_CONF);
    }
    Ok(order)
}

fn is_conf(name: &str) -> bool {
    name.strip_suffix(".conf")
        .is_some_and(|stem| !stem.is_empty() && !stem.contains('/'))
}

fn content<'a>(facts: &'a Facts, path: &str) -> Result<&'a str, String> {
    let unread = |why: &str| format!("{path}: {why}");
    match facts.file(path) {
        Observed::Present(File {
            content: Some(content),
            ..
        }) => content.text().ok_or_else(|| unread("it is not text")),
        Observed::Present(_) => Err(unread("it is not a regular file")),
        Observed::Absent => Ok(""),
        Observed::Unread { why } => Err(unread(&why)),
    }
}

fn in_file(path: &str, text: &str, key: &str) -> impl Iterator<Item = Assignment> {
    // Whatever separates the parts of a key, its last one stands in every line that sets it; most
    // files have none.
    let last = key.rsplit('.').next().unwrap_or(key);
    let text = if text.contains(last) { text } else { "" };
    text.lines().enumerate().filter_map(move |(index, line)| {
        let (name, value) = assignment(line)?;
        (name == key).then(|| Assignment {
            file: path.to_owned(),
            line: index + 1,
            value: value.to_owned(),
        })
    })
}

/// `key = value` with either separator in the key and an optional leading `-`; comments begin with `#` or `;`.
fn assignment(line: &str) -> Option<(Cow<'_, str>, &str)> {
    let line = line.trim();
    if line.starts_with(['#', ';']) {
        return None;
    }
    let (key, value) = line.split_once('=')?;
    let key = key.trim().trim_start_matches('-').trim_start();
    let key = if key.contains('/') {
        Cow::Owned(key.replace('/', "."))
    } else {
        Cow::Borrowed(key)
    };
    Some((key, value.trim()))
}

/// `text` with every wanted key set once, in place where it stands, appended where it does not.
///
/// Every other line and every comment stays as it is, line endings included.
pub fn edited(text: &str, settings: &BTreeMap<String, String>) -> String {
    let ending = if text.contains("\r\n") { "\r\n" } else { "\n" };
    let mut missing = settings.clone();
    let mut out = String::with_capacity(text.len() + 64);
    for line in text.split_inclusive('\n') {
        let body = line.trim_end_matches(['\r', '\n']);
        match assignment(body).and_then(|(key, value)| Some((settings.get(&*key)?, key, value))) {
            Some((wanted, key, value)) => {
                missing.remove(&*key);
                out.push_str(&with_value(body, value, wanted));
                out.push_str(&line[body.len()..]);
            }
            None => out.push_str(line),
        }
    }
    if !missing.is_empty() && !out.is_empty() && !out.ends_with('\n') {
        out.push_str(ending);
    }
    for (key, value) in missing {
        let _ = write!(out, "{key}={value}{ending}");
    }
    out
}

/// The same line with another value behind its equals sign.
fn with_value(line: &str, old: &str, new: &str) -> String {
    if old == new {
        return line.to_owned();
    }
    let after = line.find('=').map_or(line.len(), |at| at + 1);
    let (key, value) = line.split_at(after);
    let pad = &value[..value.len() - value.trim_start().len()];
    let pad = if old.is_empty() { "" } else { pad };
    format!("{key}{pad}{new}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::Content;
    use crate::shared::Shared;

    fn file(content: &str, link: bool) -> Observed<File> {
        Observed::Present(File {
            link,
            content: Some(Content::new(content.into())),
            ..File::new_regular()
        })
    }

    fn facts(files: &[(&str, &str)]) -> Facts {
        let files = files.iter().map(|(path, text)| {
            let link = *path == SYSCTL_CONF_LINK;
            ((*path).into(), file(text, link).map(Shared::from))
        });
        Facts {
            files: files.collect(),
            ..Facts::default()
        }
    }

    fn winner(files: &[(&str, &str)], key: &str) -> Option<String> {
        let found = assignments(&facts(files), key).unwrap();
        found
            .last()
            .map(|assignment| format!("{}={}", assignment.file, assignment.value))
    }

    #[test]
    fn a_later_name_wins_whatever_its_directory() {
        let files = [
            (SYSCTL_CONF, "kernel.panic=10"),
            (SYSTEMD_RUNS, ""),
            (SYSCTL_CONF_LINK, "kernel.panic=10"),
            ("/usr/lib/sysctl.d/99-zz.conf", "kernel/panic = 0"),
        ];

        assert_eq!(
            winner(&files, "kernel.panic").unwrap(),
            "/usr/lib/sysctl.d/99-zz.conf=0"
        );
    }

    #[test]
    fn of_two_files_with_one_name_the_one_below_etc_is_read() {
        let files = [
            (SYSCTL_CONF, ""),
            ("/etc/sysctl.d/50-k.conf", "kernel.panic=10"),
            ("/usr/lib/sysctl.d/50-k.conf", "kernel.panic=0"),
        ];

        assert_eq!(
            winner(&files, "kernel.panic").unwrap(),
            "/etc/sysctl.d/50-k.conf=10"
        );
    }

    #[test]
    fn under_systemd_an_unlinked_sysctl_conf_is_not_read() {
        let files = [(SYSCTL_CONF, "kernel.panic=10"), (SYSTEMD_RUNS, "")];

        assert_eq!(winner(&files, "kernel.panic"), None);
        assert_eq!(home(&facts(&files)), SYSCTL_CONF_LINK);
        assert_eq!(home(&facts(&files[..1])), SYSCTL_CONF);
    }

    #[test]
    fn a_setting_in_a_file_that_boot_does_not_read_is_named() {
        let files = [(SYSCTL_CONF, "kernel.panic=10"), (SYSTEMD_RUNS, "")];
        let unheeded = |count| unheeded(&facts(&files[..count]), "kernel.panic");

        assert_eq!(unheeded(2).unwrap().value, "10");
        assert_eq!(unheeded(1), None, "without systemd it is read");
    }

    #[test]
    fn what_a_system_keeps_elsewhere_is_not_known_from_files() {
        let mut facts = facts(&[(SYSCTL_CONF, "kernel.panic=10")]);
        facts.operating_system = Some("RancherOS v1.5.5".into());

        let why = assignments(&facts, "kernel.panic").unwrap_err();

        assert!(why.contains("ros config get"), "{why}");
    }

    #[test]
    fn an_unreadable_file_leaves_the_winner_unknown() {
        let mut facts = facts(&[(SYSCTL_CONF, "kernel.panic=10")]);
        facts.files.insert(
            "/etc/sysctl.d/99-x.conf".into(),
            Observed::unread("forbidden"),
        );

        assert!(assignments(&facts, "kernel.panic").is_err());
    }

    fn wanted() -> BTreeMap<String, String> {
        BTreeMap::from([
            ("kernel.panic".to_owned(), "10".to_owned()),
            ("vm.overcommit_memory".to_owned(), "1".to_owned()),
        ])
    }

    #[test]
    fn keys_are_replaced_in_place_and_everything_else_stays() {
        let before = "# kernel.panic = 3\n; old\nkernel/panic = 0\n\nnet.ipv4.ip_forward=1\n-kernel.panic=5\n";

        let after = edited(before, &wanted());

        assert_eq!(
            after,
            "# kernel.panic = 3\n; old\nkernel/panic = 10\n\nnet.ipv4.ip_forward=1\n-kernel.panic=10\nvm.overcommit_memory=1\n"
        );
        assert_eq!(edited(&after, &wanted()), after);
    }

    #[test]
    fn a_file_without_final_newline_and_with_other_line_ends_keeps_its_ways() {
        assert_eq!(
            edited("a=1\r\nkernel.panic=", &wanted()),
            "a=1\r\nkernel.panic=10\r\nvm.overcommit_memory=1\r\n"
        );
        assert_eq!(
            edited("", &wanted()),
            "kernel.panic=10\nvm.overcommit_memory=1\n"
        );
    }
}
