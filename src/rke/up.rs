//! Finding `rke`, and running `rke up` once.

use std::fs::File;
use std::fs::OpenOptions;
use std::io;
use std::io::Read;
use std::io::Seek;
use std::io::SeekFrom;
use std::os::unix::fs::OpenOptionsExt;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::path::PathBuf;
use std::process::ExitStatus;
use std::process::Stdio;
use std::time::Duration;

use tokio::process::Command;

use crate::rke::RkeError;
use crate::rke::UpOutcome;
use crate::rke::line::Line;
use crate::rke::verdict::Tally;
use crate::rke::write::folder;

/// How long `rke --version` may take.
const VERSION_DEADLINE: Duration = Duration::from_secs(10);

/// How often the log is looked at while `rke up` runs.
const GLANCE: Duration = Duration::from_millis(100);

/// The `rke` program of this machine.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Rke {
    /// Absolute.
    pub path: PathBuf,
    /// As it says itself, such as `v0.1.11`.
    pub version: String,
}

impl Rke {
    /// Finds `rke` at `explicit`, or in the directories of `PATH`, and asks for its version.
    ///
    /// # Errors
    ///
    /// When it is not there, may not be executed, or does not answer as RKE does.
    pub async fn find(explicit: Option<&Path>) -> Result<Self, RkeError> {
        let path = match explicit {
            Some(path) => std::path::absolute(path).map_err(RkeError::io("find", path))?,
            None => in_path().ok_or(RkeError::NotInPath)?,
        };
        let version = version(&path).await?;
        Ok(Self { path, version })
    }

    /// Runs `rke up` on `config`, in its own directory and under its own name (RKE fact 8).
    ///
    /// `rke` writes both its streams straight to the end of `log` (mode 0600),
    /// and every line is read from there and handed to `on_line`. It has its
    /// own process group and no pipe to us, so neither Ctrl-C nor the end of
    /// this program stops it midway; there is no deadline for the same reason.
    /// Its standard input is empty, or the [`Lock`](crate::rke::Lock) of `config`,
    /// which is then held until `rke` ends.
    ///
    /// # Errors
    ///
    /// When `rke` cannot be started or the log cannot be written. A run that
    /// failed is not an error but a [`Verdict`](crate::rke::Verdict).
    pub async fn up(
        &self,
        config: &Path,
        log: &Path,
        stdin: Stdio,
        mut on_line: impl FnMut(&Line),
    ) -> Result<UpOutcome, RkeError> {
        let mut tally = Tally::default();
        let take = |line: &str| {
            let line = Line::parse(line);
            tally.add(&line);
            on_line(&line);
        };
        let end = self.follow(&["up"], config, log, stdin, take).await?;
        Ok(tally.judged(end, log.to_owned()))
    }

    /// Runs `rke` with `arguments` and the name of `config`, hands on its lines, and tells how it
    /// ended.
    pub(super) async fn follow(
        &self,
        arguments: &[&str],
        config: &Path,
        log: &Path,
        stdin: Stdio,
        mut take: impl FnMut(&str),
    ) -> Result<Result<(), String>, RkeError> {
        let name = config
            .file_name()
            .ok_or_else(|| RkeError::NotAFile(config.to_owned()))?;
        let (out, mut tail) = opened(log).map_err(RkeError::io("write", log))?;
        let err = out.try_clone().map_err(RkeError::io("write", log))?;
        let mut child = Command::new(&self.path)
            .args(arguments)
            .arg("--config")
            .arg(name)
            .current_dir(folder(config))
            .stdin(stdin)
            .stdout(out)
            .stderr(err)
            .process_group(0)
            .spawn()
            .map_err(|error| not_started(&self.path, error))?;
        let status = loop {
            tokio::select! {
                status = child.wait() => break status.map_err(RkeError::io("wait for", &self.path))?,
                () = tokio::time::sleep(GLANCE) => tail.lines(&mut take).map_err(RkeError::io("read", log))?,
            }
        };
        tail.lines(&mut take).map_err(RkeError::io("read", log))?;
        tail.rest(&mut take);
        Ok(end(status))
    }
}

/// The log for writing at its end, and for reading from where it ended so far.
fn opened(log: &Path) -> io::Result<(File, Tail)> {
    let out = OpenOptions::new()
        .create(true)
        .append(true)
        .mode(0o600)
        .open(log)?;
    out.set_permissions(std::fs::Permissions::from_mode(0o600))?;
    let mut file = File::open(log)?;
    file.seek(SeekFrom::End(0))?;
    let pending = Vec::new();
    Ok((out, Tail { file, pending }))
}

/// The growing end of a file, line by line.
struct Tail {
    file: File,
    /// The beginning of a line whose end is not written yet.
    pending: Vec<u8>,
}

impl Tail {
    /// Hands on every line that is complete; bytes that are not UTF-8 are replaced.
    fn lines(&mut self, take: &mut impl FnMut(&str)) -> io::Result<()> {
        self.file.read_to_end(&mut self.pending)?;
        let complete = self.pending.iter().rposition(|byte| *byte == b'\n');
        let rest = self.pending.split_off(complete.map_or(0, |at| at + 1));
        let lines = std::mem::replace(&mut self.pending, rest);
        for line in lines.split_inclusive(|byte| *byte == b'\n') {
            take(&String::from_utf8_lossy(line));
        }
        Ok(())
    }

    /// Hands on a last line without an end.
    fn rest(self, take: &mut impl FnMut(&str)) {
        if !self.pending.is_empty() {
            take(&String::from_utf8_lossy(&self.pending));
        }
    }
}

/// How a process ended, `Err` in words where it was not exit status 0.
fn end(status: ExitStatus) -> Result<(), String> {
    match (status.code(), status.signal()) {
        (Some(0), _) => Ok(()),
        (Some(code), _) => Err(format!("exit status {code}")),
        (None, Some(signal)) => Err(format!("killed by signal {signal}")),
        (None, None) => Err("ended in an unknown way".to_owned()),
    }
}

fn in_path() -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path)
        .filter(|folder| folder.is_absolute())
        .map(|folder| folder.join("rke"))
        .find(|file| is_executable(file))
}

fn is_executable(file: &Path) -> bool {
    std::fs::metadata(file)
        .is_ok_and(|metadata| metadata.is_file() && metadata.permissions().mode() & 0o111 != 0)
}

async fn version(path: &Path) -> Result<String, RkeError> {
    let not_rke = |said: String| RkeError::NotRke {
        path: path.to_owned(),
        said,
    };
    let output = Command::new(path)
        .arg("--version")
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output();
    let output = tokio::time::timeout(VERSION_DEADLINE, output)
        .await
        .map_err(|_| not_rke(format!("silent for {} s", VERSION_DEADLINE.as_secs())))?
        .map_err(|error| not_started(path, error))?;
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8_lossy(&said).trim().to_owned();
    let version = said
        .lines()
        .find_map(|line| line.trim().strip_prefix("rke version "))
        .map(|version| version.trim().to_owned());
    match version {
        Some(version) if output.status.success() => Ok(version),
        _ => Err(not_rke(said.lines().next().unwrap_or("nothing").to_owned())),
    }
}

fn not_started(path: &Path, error: io::Error) -> RkeError {
    match error.kind() {
        io::ErrorKind::NotFound => RkeError::NotThere(path.to_owned()),
        io::ErrorKind::PermissionDenied => RkeError::NotExecutable(path.to_owned()),
        _ => RkeError::io("start", path)(error),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::io::Write;

    use super::*;
    use crate::rke::Level;
    use crate::rke::Verdict;

    /// A directory with a configuration and a shell script that stands in for `rke`.
    struct Desk {
        folder: tempfile::TempDir,
    }

    impl Desk {
        fn with(script: &str) -> Self {
            let folder = tempfile::tempdir().unwrap();
            fs::create_dir(folder.path().join("fleet")).unwrap();
            let desk = Self { folder };
            fs::write(desk.config(), "nodes: []\n").unwrap();
            desk.install(script);
            desk
        }

        /// Another process writes the program: a file that this one has open for writing while a
        /// different test forks could not be executed.
        fn install(&self, script: &str) {
            let mut shell = std::process::Command::new("/bin/sh")
                .args(["-c", "cat > \"$0\" && chmod 755 \"$0\""])
                .arg(self.program())
                .stdin(Stdio::piped())
                .spawn()
                .unwrap();
            let answer = "[ \"$1\" = --version ] && { echo 'rke version v0.1.11'; exit; }";
            let text = format!("#!/bin/sh\n{answer}\n{script}\n");
            shell
                .stdin
                .take()
                .unwrap()
                .write_all(text.as_bytes())
                .unwrap();
            assert!(shell.wait().unwrap().success());
        }

        fn program(&self) -> PathBuf {
            self.folder.path().join("rke")
        }

        fn config(&self) -> PathBuf {
            self.folder.path().join("fleet/prod.yml")
        }

        fn log(&self) -> PathBuf {
            self.folder.path().join("up.log")
        }

        async fn up(&self) -> (UpOutcome, Vec<Line>) {
            let rke = Rke::find(Some(&self.program())).await.unwrap();
            let mut lines = Vec::new();
            let outcome = rke
                .up(&self.config(), &self.log(), Stdio::null(), |line| {
                    lines.push(line.clone());
                })
                .await
                .unwrap();
            (outcome, lines)
        }
    }

    const FINISHED: &str =
        "echo 'time=\"x\" level=info msg=\"Finished building Kubernetes cluster successfully\"'";

    fn messages(lines: &[Line]) -> Vec<&str> {
        lines.iter().map(|line| line.message.as_str()).collect()
    }

    #[tokio::test]
    async fn the_version_is_what_the_program_says() {
        let desk = Desk::with("");

        let rke = Rke::find(Some(&desk.program())).await.unwrap();

        assert_eq!(rke.version, "v0.1.11");
        assert!(rke.path.is_absolute());
    }

    #[tokio::test]
    async fn what_is_not_rke_is_told_apart() {
        let desk = Desk::with("");
        let program = desk.program();
        let find = async || Rke::find(Some(&program)).await.unwrap_err();

        fs::set_permissions(&program, fs::Permissions::from_mode(0o644)).unwrap();
        assert!(matches!(find().await, RkeError::NotExecutable(_)));
        fs::remove_file(&program).unwrap();
        let missing = find().await;
        assert!(matches!(missing, RkeError::NotThere(_)));
        assert!(missing.hint().contains("--no-rke"), "{}", missing.hint());
        let error = Rke::find(Some(Path::new("/bin/true"))).await.unwrap_err();
        assert!(matches!(error, RkeError::NotRke { .. }), "{error}");
    }

    #[tokio::test]
    async fn it_runs_in_the_directory_of_the_file_under_its_own_name_and_leaves_it_alone() {
        let desk = Desk::with(&format!("echo \"$@\"; pwd; ls; cat; {FINISHED}"));

        let (outcome, lines) = desk.up().await;

        let folder = fs::canonicalize(desk.folder.path().join("fleet")).unwrap();
        let seen = messages(&lines);
        assert_eq!(
            seen[..3],
            ["up --config prod.yml", folder.to_str().unwrap(), "prod.yml"]
        );
        assert_eq!(seen.len(), 4, "stdin is empty");
        assert_eq!(outcome.verdict, Verdict::Succeeded);
        assert_eq!(fs::read_to_string(desk.config()).unwrap(), "nodes: []\n");
    }

    #[tokio::test]
    async fn both_streams_are_read_and_kept_for_the_owner_only() {
        let desk = Desk::with(&format!("echo 'WARN[0001] from stderr' >&2; {FINISHED}"));

        let (outcome, lines) = desk.up().await;

        assert_eq!(outcome.warnings, ["from stderr"]);
        assert_eq!(lines[1].level, Level::Info);
        assert_eq!(fs::read_to_string(desk.log()).unwrap().lines().count(), 2);
        let mode = fs::metadata(desk.log()).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }

    #[tokio::test]
    async fn long_lines_odd_bytes_and_a_missing_last_newline_are_survived() {
        let desk = Desk::with(
            "head -c 300000 /dev/zero | tr '\\0' x; echo; printf 'caf\\351\\n'; printf 'INFO[0001] end'",
        );

        let (outcome, lines) = desk.up().await;

        assert_eq!(lines[0].message.len(), 300_000);
        assert_eq!(messages(&lines)[1..], ["caf\u{fffd}", "end"]);
        assert!(matches!(outcome.verdict, Verdict::Failed { .. }));
    }

    #[tokio::test]
    async fn exit_status_and_signal_are_judged() {
        for (script, word) in [
            (format!("{FINISHED}; exit 1"), "exit status 1"),
            ("kill -9 $$".to_owned(), "signal 9"),
            ("exit 0".to_owned(), "ended early"),
        ] {
            let (outcome, _) = Desk::with(&script).up().await;
            let message = outcome.verdict.message().unwrap();
            assert!(message.contains(word), "{message}");
        }
    }

    #[tokio::test]
    async fn an_earlier_run_in_the_same_log_is_kept_and_not_judged() {
        let desk = Desk::with("echo second");
        fs::write(
            desk.log(),
            "INFO[0001] Finished building Kubernetes cluster successfully\n",
        )
        .unwrap();

        let (outcome, lines) = desk.up().await;

        assert_eq!(messages(&lines), ["second"]);
        assert!(matches!(outcome.verdict, Verdict::Failed { .. }));
        assert_eq!(fs::read_to_string(desk.log()).unwrap().lines().count(), 2);
    }

    #[tokio::test]
    async fn lines_arrive_while_it_runs() {
        let desk = Desk::with(&format!("echo first; cat ../gate > /dev/null; {FINISHED}"));
        let gate = desk.folder.path().join("gate");
        let made = std::process::Command::new("mkfifo").arg(&gate).status();
        assert!(made.unwrap().success());
        let rke = Rke::find(Some(&desk.program())).await.unwrap();

        // Only the first line opens the gate that the program waits for.
        let (config, log) = (desk.config(), desk.log());
        let run = rke.up(&config, &log, Stdio::null(), |line| {
            if line.message == "first" {
                fs::write(&gate, "go").unwrap();
            }
        });
        let outcome = tokio::time::timeout(Duration::from_secs(60), run).await;

        assert_eq!(outcome.unwrap().unwrap().verdict, Verdict::Succeeded);
    }

    #[tokio::test]
    async fn ctrl_c_at_the_terminal_does_not_reach_it() {
        let desk = Desk::with(&format!(
            "cut -d ' ' -f 5 /proc/$$/stat; echo $$; {FINISHED}"
        ));

        let (_, lines) = desk.up().await;

        assert_eq!(lines[0], lines[1], "it leads a process group of its own");
    }

    #[tokio::test]
    async fn a_log_that_cannot_be_written_stops_before_the_run() {
        let desk = Desk::with("touch ran");
        let rke = Rke::find(Some(&desk.program())).await.unwrap();

        let error = rke
            .up(
                &desk.config(),
                Path::new("/nowhere/up.log"),
                Stdio::null(),
                |_| {},
            )
            .await
            .unwrap_err();

        assert!(error.to_string().contains("/nowhere/up.log"), "{error}");
        assert!(!desk.folder.path().join("fleet/ran").exists());
    }
}
