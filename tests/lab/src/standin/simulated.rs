//! A node of the simulated fleet: a directory with its containers, its `/etc` and its kernel values.

use std::fs;
use std::io::ErrorKind;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::path::PathBuf;
use std::process::Command;
use std::process::Stdio;

use anyhow::Context;
use serde_json::Value;

use super::component::SIDEKICK;
use super::container::Container;
use super::inspect;
use super::machine::Health;
use super::machine::Machine;
use super::machine::Result;

/// The programs a container runs, as one script.
const COMPONENT: &str = include_str!("component.sh");

/// One directory `<fleet>/nodes/<name>`.
#[derive(Clone, Debug)]
pub struct Simulated {
    directory: PathBuf,
}

impl Simulated {
    /// The node that lives in this directory.
    pub fn new(directory: PathBuf) -> Self {
        Self { directory }
    }

    fn name(&self) -> &str {
        self.directory
            .file_name()
            .and_then(|name| name.to_str())
            .unwrap_or("node")
    }

    fn document(&self, container: &str) -> PathBuf {
        self.directory
            .join("docker")
            .join(format!("{container}.json"))
    }

    fn save(&self, container: &str, document: &Value) -> Result<()> {
        let path = self.document(container);
        let text = serde_json::to_string_pretty(document)?;
        replace(&path, &text, 0o644)
    }

    fn on_node(&self, path: &str) -> PathBuf {
        self.directory.join(path.trim_start_matches('/'))
    }

    /// Lets the container's program judge its flags and files as they are now.
    fn start(&self, document: &mut Value) -> Result<()> {
        match self.judge(document)? {
            Health::Healthy => inspect::serve(document),
            Health::Failing { .. } => inspect::crash_loop(document),
        }
        Ok(())
    }

    fn judge(&self, document: &Value) -> Result<Health> {
        let output = Command::new("sh")
            .args(["-c", COMPONENT, "component.sh"])
            .args(program(document))
            .env("LAB_ROOT", &self.directory)
            .stdin(Stdio::null())
            .output()
            .context("cannot run sh")?;
        if output.status.success() {
            return Ok(Health::Healthy);
        }
        let log = String::from_utf8_lossy(&output.stderr);
        let last_line = log.lines().last().unwrap_or_default().to_owned();
        Ok(Health::Failing { last_line })
    }

    /// Docker makes a missing source of a bind a directory; only what a simulated node has is made.
    fn make_bind_sources(&self, container: &Container) -> Result<()> {
        for bind in &container.binds {
            let source = bind.split(':').next().unwrap_or_default();
            let is_file = Path::new(source).extension().is_some();
            if !is_file && (source.starts_with("/etc/") || source.starts_with("/var/log/")) {
                fs::create_dir_all(self.on_node(source))?;
            }
        }
        Ok(())
    }

    fn volume(&self) -> Result<String> {
        let sidekick = self.inspect(SIDEKICK)?.unwrap_or_default();
        let name = sidekick.pointer("/Mounts/0/Name").and_then(Value::as_str);
        Ok(name.map_or_else(inspect::random_id, str::to_owned))
    }
}

impl Machine for Simulated {
    fn inspect(&self, name: &str) -> Result<Option<Value>> {
        let path = self.document(name);
        match fs::read_to_string(&path) {
            Ok(text) => {
                let document = serde_json::from_str(&text);
                Ok(Some(document.with_context(|| {
                    format!("cannot read {}", path.display())
                })?))
            }
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error).with_context(|| format!("cannot read {}", path.display())),
        }
    }

    fn create(&self, container: &Container) -> Result<()> {
        if container.name == SIDEKICK {
            let document = inspect::created(container, self.name(), &inspect::random_id())?;
            return self.save(SIDEKICK, &document);
        }
        self.make_bind_sources(container)?;
        let mut document = inspect::created(container, self.name(), &self.volume()?)?;
        self.start(&mut document)?;
        self.save(container.name, &document)
    }

    fn restart(&self, name: &str) -> Result<()> {
        let mut document = self
            .inspect(name)?
            .with_context(|| format!("no container {name}"))?;
        self.start(&mut document)?;
        self.save(name, &document)
    }

    fn health(&self, name: &str) -> Result<Health> {
        let document = self
            .inspect(name)?
            .with_context(|| format!("no container {name}"))?;
        if document["State"]["Status"] == "running" {
            return Ok(Health::Healthy);
        }
        self.judge(&document)
    }

    fn remove(&self, name: &str) -> Result<()> {
        match fs::remove_file(self.document(name)) {
            Err(error) if error.kind() != ErrorKind::NotFound => Err(error.into()),
            _ => Ok(()),
        }
    }

    fn write(&self, path: &str, content: &str, mode: u32) -> Result<()> {
        replace(&self.on_node(path), content, mode)
    }
}

/// The program's name and flags, without the wrapper that starts it.
fn program(document: &Value) -> Vec<String> {
    let path = document["Path"].as_str().unwrap_or_default();
    let words = document["Args"].as_array().into_iter().flatten();
    let args = words.filter_map(Value::as_str).map(str::to_owned);
    if path.ends_with("/entrypoint.sh") {
        return args.collect();
    }
    let name = path.rsplit('/').next().unwrap_or_default().to_owned();
    std::iter::once(name).chain(args).collect()
}

/// Writes beside the target and renames, because a node may read at any moment.
fn replace(path: &Path, content: &str, mode: u32) -> Result<()> {
    let failure = || format!("cannot write {}", path.display());
    let parent = path.parent().with_context(failure)?;
    fs::create_dir_all(parent).with_context(failure)?;
    let mut file = tempfile::NamedTempFile::new_in(parent).with_context(failure)?;
    std::io::Write::write_all(&mut file, content.as_bytes()).with_context(failure)?;
    fs::set_permissions(file.path(), fs::Permissions::from_mode(mode)).with_context(failure)?;
    file.persist(path).with_context(failure)?;
    Ok(())
}
