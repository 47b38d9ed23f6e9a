//! A fleet, a place for the operator's files, and the program under test.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::path::PathBuf;
use std::process::Command;
use std::process::Output;
use std::sync::OnceLock;

use harden_lab::Builder;
use harden_lab::Fleet;
use harden_lab::Node;
use harden_lab::Role;
use serde_json::Value;
use tempfile::TempDir;
use tokio::runtime::Runtime;

/// A simulated fleet with the operator's directory beside it.
pub(crate) struct Lab {
    pub(crate) fleet: Fleet,
    /// Where inventory, `cluster.yml` and what `rke` writes lie.
    pub(crate) site: TempDir,
    environment: BTreeMap<String, String>,
    // The servers run on it; it goes last.
    _runtime: Runtime,
}

/// What the program said.
pub(crate) struct Said {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Lab {
    /// Two control-plane nodes with etcd and one worker of a cluster that runs unhardened.
    pub(crate) fn built() -> Self {
        Self::with(|fleet| {
            fleet
                .nodes(2, &[Role::ControlPlane, Role::Etcd])
                .nodes(1, &[Role::Worker])
        })
    }

    /// The fleet that `describe` makes; its `cluster.yml` and kubeconfig are there.
    pub(crate) fn with(describe: impl FnOnce(Builder) -> Builder) -> Self {
        let lab = Self::bare(describe);
        let inventory = fs::read_to_string(lab.fleet.inventory()).unwrap();
        let known_hosts = "harden:\n  known_hosts: known_hosts\n";
        assert!(inventory.contains(known_hosts), "{inventory}");
        let cluster = inventory.replace(known_hosts, "");
        lab.write("cluster.yml", &cluster);
        fs::copy(lab.fleet.kubeconfig(), lab.path("kube_config_cluster.yml")).unwrap();
        lab
    }

    /// The same without `cluster.yml`.
    pub(crate) fn bare(describe: impl FnOnce(Builder) -> Builder) -> Self {
        let runtime = Runtime::new().unwrap();
        let fleet = runtime
            .block_on(describe(Fleet::builder()).start())
            .unwrap();
        let site = tempfile::tempdir().unwrap();
        for name in ["inventory.yml", "known_hosts"] {
            fs::copy(fleet.dir().join(name), site.path().join(name)).unwrap();
        }
        Self {
            fleet,
            site,
            environment: BTreeMap::new(),
            _runtime: runtime,
        }
    }

    /// Sets a variable for the programs that follow.
    pub(crate) fn set(&mut self, name: &str, value: &str) {
        self.environment.insert(name.to_owned(), value.to_owned());
    }

    pub(crate) fn node(&self, name: &str) -> Node {
        self.fleet.node(name)
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.site.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, text: &str) {
        fs::write(self.path(name), text).unwrap();
    }

    pub(crate) fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap()
    }

    pub(crate) fn check(&self) -> Said {
        self.harden(&["check", "inventory.yml"])
    }

    pub(crate) fn apply(&self) -> Said {
        self.harden(&["apply", "inventory.yml", "--yes"])
    }

    /// Runs the program in the operator's directory; `check` and `apply` get the stand-in `rke`.
    pub(crate) fn harden(&self, arguments: &[&str]) -> Said {
        let mut command = self.command(arguments);
        let runs = ["check", "apply"].contains(&arguments[0]);
        let named = arguments.iter().any(|argument| argument.ends_with("rke"));
        if runs && !named {
            command.arg("--rke").arg(rke());
        }
        said(&command.output().unwrap())
    }

    /// The same without anything added, for a test that has its own way to run it.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_harden"));
        command
            .args(arguments)
            .current_dir(self.site.path())
            .env_clear()
            .env("PATH", "/usr/bin:/bin")
            .env("HOME", self.site.path())
            .env("HARDEN_LAB_FLEET", self.fleet.dir())
            .envs(&self.environment)
            .stdin(std::process::Stdio::null());
        command
    }

    /// Runs `check` and reads its JSON.
    pub(crate) fn report(&self, arguments: &[&str]) -> (i32, Value) {
        let said = self.harden(&[arguments, &["--format", "json"]].concat());
        let report = serde_json::from_str(&said.stdout);
        let report =
            report.unwrap_or_else(|error| panic!("{error}: {}{}", said.stdout, said.stderr));
        (said.code, report)
    }

    /// A digest of everything below `/etc` and of the kernel values of every node.
    pub(crate) fn digest(&self) -> BTreeMap<String, String> {
        self.fleet
            .nodes()
            .map(|node| (node.name().to_owned(), node.digest_of_etc().unwrap()))
            .collect()
    }
}

impl Said {
    /// Fails with everything that was said unless the exit code is as expected.
    #[track_caller]
    pub(crate) fn expect(self, code: i32) -> Self {
        assert_eq!(
            self.code, code,
            "stdout:\n{}\nstderr:\n{}",
            self.stdout, self.stderr
        );
        assert!(!self.stderr.contains("panicked"), "{}", self.stderr);
        self
    }

    /// Fails unless every one of `words` was said, on either stream.
    #[track_caller]
    pub(crate) fn says(self, words: &[&str]) -> Self {
        let all = format!("{}{}", self.stdout, self.stderr);
        for word in words {
            assert!(all.contains(word), "`{word}` is not in\n{all}");
        }
        self
    }
}

/// The stand-in `rke`.
pub(crate) fn rke() -> &'static Path {
    static RKE: OnceLock<PathBuf> = OnceLock::new();
    RKE.get_or_init(|| harden_lab::programs::rke().unwrap())
}

pub(crate) fn said(output: &Output) -> Said {
    Said {
        code: output.status.code().unwrap_or(-1),
        stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}
