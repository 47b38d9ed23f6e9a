//! `harden key export`: a copy of the key that encrypts Secrets, apart from the nodes (T-14).

use std::fs;
use std::io;
use std::io::Write as _;
use std::path::Path;
use std::path::PathBuf;
use std::process::Command;
use std::process::ExitCode;
use std::process::Stdio;

use clap::Args;
use clap::Subcommand;
use tempfile::NamedTempFile;

use crate::cli::Work;
use crate::cli::exit;
use crate::cli::job;
use crate::cli::session;
use crate::cli::site;
use crate::engine::Run;
use crate::error;
use crate::error::Failure;
use crate::plan::blocker::Blocker;
use crate::profile::Control;
use crate::secret::Secret;

#[derive(Args, Debug)]
pub(super) struct Key {
    #[command(subcommand)]
    command: KeyCommand,
}

#[derive(Debug, Subcommand)]
enum KeyCommand {
    /// Write the cluster's encryption file to a place of your own; keep it apart from etcd's snapshots
    Export(Box<Export>),
}

#[derive(Args, Debug)]
struct Export {
    #[command(flatten)]
    work: Work,

    /// The file to write, which must not be there yet; readable for you only
    #[arg(long, value_name = "FILE")]
    to: PathBuf,

    /// Encrypt it for this recipient with the `age` program; may be given more than once
    #[arg(long, value_name = "AGE1...", value_parser = recipient)]
    recipient: Vec<String>,
}

impl Key {
    pub(super) fn run(&self) -> Result<ExitCode, Failure> {
        match &self.command {
            KeyCommand::Export(export) => export.run(),
        }
    }
}

impl Export {
    fn run(&self) -> Result<ExitCode, Failure> {
        if self.to.symlink_metadata().is_ok() {
            return Err(Failure::new(
                exit::USAGE,
                format!("{}: this file is there already", self.to.display()),
                "name a new one; a key is never written over another",
            ));
        }
        let dir = site::directory(&self.to);
        if !dir.is_dir() {
            return Err(Failure::new(
                exit::USAGE,
                format!("{}: there is no such directory", dir.display()),
                "name a file in a directory that is there",
            ));
        }
        let mut job = job::read("key export", &self.work, false)?;
        job.profile.controls.retain(Control::has_key);
        job.rancher = None;
        let content = session::told(&self.work, |teller, stop| async move {
            let mut run = Run::new(job, teller, stop);
            let content = run.key_file().await;
            run.finish().await;
            content
        })?;
        let content = content.map_err(|blockers| refused(&blockers))?;
        let content = if self.recipient.is_empty() {
            content
        } else {
            encrypted(&content, &self.recipient)?
        };
        write(&self.to, &content)?;
        let _ = writeln!(io::stdout(), "{} written", self.to.display());
        Ok(exit::success())
    }
}

fn refused(blockers: &[Blocker]) -> Failure {
    let all: Vec<String> = blockers
        .iter()
        .map(|blocker| format!("{blocker} ({})", blocker.id()))
        .collect();
    let hint = blockers.last().map(Blocker::hint);
    Failure::new(
        exit::UNMEASURED,
        all.join("\nerror: "),
        hint.unwrap_or_default(),
    )
}

/// The letters of an X25519 recipient: it is an argument of a program.
fn recipient(text: &str) -> Result<String, String> {
    let rest = text.strip_prefix("age1").unwrap_or_default();
    let is_letter = |one: char| one.is_ascii_lowercase() || one.is_ascii_digit();
    if rest.len() >= 50 && rest.chars().all(is_letter) {
        Ok(text.to_owned())
    } else {
        Err("an age recipient begins with `age1` and has 62 letters".to_owned())
    }
}

/// What the `age` program makes of it; the key goes in on its standard input.
fn encrypted(content: &Secret, recipients: &[String]) -> Result<Secret, Failure> {
    let failed = |why: String, hint: &str| {
        Failure::new(exit::INTERNAL, format!("nothing was written: {why}"), hint)
    };
    let mut command = Command::new("age");
    command.args(["--encrypt", "--armor"]);
    for recipient in recipients {
        command.args(["--recipient", recipient]);
    }
    let child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    let mut child = child.map_err(|error| {
        failed(
            format!("`age` does not run: {error}"),
            "install age (https://age-encryption.org), or leave out `--recipient`",
        )
    })?;
    // The file is smaller than a pipe, so writing it whole before reading cannot get stuck.
    let written = match child.stdin.take() {
        Some(mut stdin) => stdin.write_all(content.expose()),
        None => Ok(()),
    };
    let output = child.wait_with_output();
    let output = written.and(output);
    let output = output.map_err(|error| failed(format!("age: {error}"), ""))?;
    if !output.status.success() || output.stdout.is_empty() {
        let said = String::from_utf8_lossy(&output.stderr);
        let said = said.lines().next().unwrap_or("no reason given");
        return Err(failed(format!("age: {said}"), "compare the recipient"));
    }
    Ok(Secret::new(output.stdout))
}

/// Whole or not at all, and never over something else.
fn write(path: &Path, content: &Secret) -> Result<(), Failure> {
    let failed = |error: io::Error| {
        Failure::new(
            exit::INTERNAL,
            format!("{}: {}", path.display(), error::reason(&error)),
            "name a file in a directory that can be written",
        )
    };
    let dir = site::directory(path);
    // A temporary file is made with mode 0600.
    let mut file = NamedTempFile::with_prefix_in(".harden-", dir).map_err(failed)?;
    file.write_all(content.expose()).map_err(failed)?;
    file.as_file().sync_all().map_err(failed)?;
    file.persist_noclobber(path)
        .map_err(|error| failed(error.error))?;
    let opened = fs::File::open(dir);
    opened.and_then(|dir| dir.sync_all()).map_err(failed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_recipient_is_no_option_and_no_key() {
        let real = "age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p";

        assert_eq!(recipient(real).unwrap(), real);
        for wrong in [
            "",
            "--output=x",
            "age1",
            "AGE-SECRET-KEY-1QQQ",
            "age1ql3z7 hjy",
        ] {
            assert!(recipient(wrong).is_err(), "{wrong}");
        }
    }
}
