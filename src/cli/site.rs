//! The operator's files: inventory, playbook, profile, `cluster.yml`, host keys.
//!
//! Everything is read before the first connection, so a mistake in any of
//! them costs no time and touches no node.

use std::env;
use std::fs;
use std::io;
use std::path::Path;
use std::path::PathBuf;

use crate::cli::Target;
use crate::cli::Work;
use crate::cli::exit;
use crate::cluster_file::ClusterFile;
use crate::error;
use crate::error::Failure;
use crate::fleet::ClusterState;
use crate::inventory;
use crate::inventory::Inventory;
use crate::inventory::select::Selection;
use crate::profile::Profile;
use crate::profile::library::DEFAULT_PLAYBOOK;
use crate::profile::library::Library;
use crate::profile::library::Source;
use crate::profile::load::load;
use crate::profile::playbook;
use crate::profile::playbook::Playbook;
use crate::rancher::Access;
use crate::secret::Secret;
use crate::source::Remark;
use crate::ssh::known_hosts::KnownHosts;
use crate::statements::Statements;

/// The inventory with its warnings told, and the selected nodes' names.
pub(super) fn inventory(target: &Target) -> Result<(Inventory, Vec<String>), Failure> {
    let source = read(
        &target.inventory,
        "name an RKE cluster.yml or a node inventory",
    )?;
    let home = env::var_os("HOME").map(PathBuf::from);
    let agent = env::var_os("SSH_AUTH_SOCK").is_some_and(|socket| !socket.is_empty());
    let read = inventory::rke::read(&source.file, &source.text, home.as_deref(), agent);
    let inventory = read.map_err(|remarks| Failure::of_remarks(exit::USAGE, &remarks))?;
    inventory.warnings.iter().for_each(error::warn);
    let selection = match &target.on {
        Some(expression) => Selection::parse(expression),
        None => Ok(Selection::all()),
    };
    let selected = selection.and_then(|selection| {
        let nodes = selection.of(&inventory)?;
        Ok(nodes.into_iter().map(|node| node.name.clone()).collect())
    });
    let selected =
        selected.map_err(|error| Failure::new(exit::USAGE, error.to_string(), error.hint()))?;
    Ok((inventory, selected))
}

/// A playbook, the profile it names, and what it says about findings.
pub(super) struct Site {
    pub(super) playbook: Playbook,
    pub(super) profile: Profile,
    pub(super) statements: Statements,
}

/// The playbook that was named, or the embedded one, and the profile it names.
pub(super) fn profile(work: &Work, inventory: &Inventory) -> Result<Site, Failure> {
    let target = &work.target;
    let path = playbook_path(target, inventory, work.playbook.as_deref());
    let profile = work.profile.as_deref();
    site(path.as_deref(), profile, directory(&target.inventory))
}

/// The same without an inventory; `dir` is where a site keeps its files when it names no playbook.
pub(super) fn site(
    playbook: Option<&Path>,
    profile: Option<&str>,
    dir: &Path,
) -> Result<Site, Failure> {
    let (source, library) = if let Some(path) = playbook {
        (read(path, "name a playbook")?, library(directory(path))?)
    } else {
        let source = Source {
            file: DEFAULT_PLAYBOOK.0.to_owned(),
            text: DEFAULT_PLAYBOOK.1.to_owned(),
        };
        (source, library(dir)?)
    };
    let usage = |remark: Remark| Failure::of_remarks(exit::USAGE, &[remark]);
    let mut playbook = playbook::read(&source.file, &source.text).map_err(usage)?;
    if let Some(name) = profile {
        if library.profile(name).is_none() {
            let message = format!("there is no profile `{name}`");
            let hint = format!("name one of: {}", library.profile_names());
            return Err(Failure::new(exit::USAGE, message, hint));
        }
        name.clone_into(&mut playbook.profile.value);
    }
    let profile = load(&source, &playbook, &library).map_err(usage)?;
    let statements = Statements::of(&playbook, &source.file);
    Ok(Site {
        playbook,
        profile,
        statements,
    })
}

pub(super) fn playbook_path(
    target: &Target,
    inventory: &Inventory,
    named: Option<&Path>,
) -> Option<PathBuf> {
    let beside = |path: &PathBuf| directory(&target.inventory).join(path);
    named
        .map(Path::to_owned)
        .or(inventory.site.playbook.as_ref().map(beside))
}

/// How to reach the Rancher server of the playbook. The token comes from a file or from the
/// environment: an argument would stand in the list of processes for everybody to read (T-43).
pub(super) fn rancher(
    target: &Target,
    inventory: &Inventory,
    named: Option<&Path>,
    playbook: &Playbook,
) -> Result<Option<Access>, Failure> {
    let Some(server) = &playbook.rancher else {
        return Ok(None);
    };
    let path = playbook_path(target, inventory, named);
    let dir = directory(path.as_deref().unwrap_or(&target.inventory));
    let token = match &server.token_file {
        Some(file) => Some(read(&dir.join(file), "name a file with the token")?.text),
        None => env::var("RANCHER_TOKEN").ok(),
    };
    let token = token.filter(|token| !token.trim().is_empty());
    Ok(Some(Access {
        url: server.url.clone(),
        ca: server.ca.as_ref().map(|ca| dir.join(ca)),
        token: token.map(Secret::from),
    }))
}

/// What this program brings along, under a site's own profiles and templates: those in
/// `profiles/` and `templates/` beside the playbook, or in `templates/` beside its directory.
fn library(dir: &Path) -> Result<Library, Failure> {
    let mut library = Library::embedded();
    for (path, name) in files(&dir.join("profiles"), ".yml")? {
        library.add_profile(&name, read(&path, "")?);
    }
    let above = dir.parent().unwrap_or(dir).join("templates");
    for templates in [above, dir.join("templates")] {
        for (path, name) in files(&templates, ".hbs")? {
            library.add_template(&name, read(&path, "")?);
        }
    }
    Ok(library)
}

/// The files of a directory that need not exist, with their names before `ending`.
fn files(dir: &Path, ending: &str) -> Result<Vec<(PathBuf, String)>, Failure> {
    let failed = |error: io::Error| {
        Failure::new(
            exit::USAGE,
            format!("{}: {error}", dir.display()),
            "make it readable",
        )
    };
    let entries = match fs::read_dir(dir) {
        Ok(entries) => entries,
        Err(error)
            if matches!(
                error.kind(),
                io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
            ) =>
        {
            return Ok(Vec::new());
        }
        Err(error) => return Err(failed(error)),
    };
    let mut found = Vec::new();
    for entry in entries {
        let path = entry.map_err(failed)?.path();
        let name = path
            .file_name()
            .map(|name| name.to_string_lossy().into_owned());
        if let Some(stem) = name.as_deref().and_then(|name| name.strip_suffix(ending)) {
            found.push((path.clone(), stem.to_owned()));
        }
    }
    found.sort();
    Ok(found)
}

/// Which `cluster.yml` this is about (architecture 13.11), and what it says.
pub(super) fn cluster(
    target: &Target,
    inventory: &Inventory,
    named: Option<&Path>,
) -> Result<(PathBuf, ClusterState), Failure> {
    let dir = directory(&target.inventory);
    let path = match (named, &inventory.site.cluster_config) {
        (Some(named), _) => named.to_owned(),
        (None, Some(named)) => dir.join(named),
        (None, None) if inventory.is_cluster_file => target.inventory.clone(),
        (None, None) => dir.join("cluster.yml"),
    };
    let exists = path.exists();
    if named.is_some() && !exists {
        let message = format!("{}: there is no such file", path.display());
        let hint = "without `--config`, the cluster.yml beside the inventory is meant, and made where there is none";
        return Err(Failure::new(exit::USAGE, message, hint));
    }
    let source = if exists {
        read(&path, "")?
    } else {
        Source {
            file: path.display().to_string(),
            text: read(&target.inventory, "")?.text,
        }
    };
    let file = ClusterFile::parse(&source.file, &source.text)
        .map_err(|remark| Failure::of_remarks(exit::USAGE, &[remark]))?;
    Ok((path, ClusterState { file, exists }))
}

/// The files of host keys, the one to write to first.
pub(super) fn known_hosts(target: &Target, inventory: &Inventory) -> Vec<PathBuf> {
    let dir = directory(&target.inventory);
    if let Some(named) = &target.known_hosts {
        return vec![named.clone()];
    }
    if let Some(named) = &inventory.site.known_hosts {
        return vec![dir.join(named)];
    }
    let mut files = vec![dir.join("known_hosts")];
    if let Some(home) = env::var_os("HOME") {
        files.push(PathBuf::from(home).join(".ssh/known_hosts"));
    }
    files.push(PathBuf::from("/etc/ssh/ssh_known_hosts"));
    files
}

/// What those files say.
pub(super) fn keys_on_record(files: &[PathBuf]) -> Result<KnownHosts, Failure> {
    KnownHosts::read(files)
        .map_err(|error| Failure::new(exit::USAGE, error.to_string(), error.hint()))
}

/// The directory of a file, as the user would write it.
pub(super) fn directory(file: &Path) -> &Path {
    match file.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

fn read(path: &Path, hint: &str) -> Result<Source, Failure> {
    let file = path.display().to_string();
    let failed = |reason: String| Failure::new(exit::USAGE, format!("{file}: {reason}"), hint);
    let bytes = fs::read(path).map_err(|error| {
        failed(match error.kind() {
            io::ErrorKind::NotFound => "there is no such file".to_owned(),
            _ => error::reason(&error),
        })
    })?;
    match String::from_utf8(bytes) {
        Ok(text) => Ok(Source { file, text }),
        Err(_) => Err(failed("this is not a UTF-8 text".to_owned())),
    }
}
