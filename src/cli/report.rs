//! `harden report`: a saved result in another form, two of them compared, many of them joined.

use std::collections::HashMap;
use std::collections::HashSet;
use std::fs;
use std::io;
use std::io::Read as _;
use std::path::Path;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use clap::Subcommand;

use crate::cli::exit;
use crate::cli::output::Format;
use crate::cli::output::Output;
use crate::error;
use crate::error::Failure;
use crate::report::document::Document;
use crate::report::fleet::Fleet;
use crate::report::json::ReadError;
use crate::report::saved;
use crate::report::saved::Saved;
use crate::report::trend::Trend;
use crate::source::Remark;

#[derive(Args, Debug)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub(super) struct Report {
    #[command(subcommand)]
    joined: Option<Joined>,

    /// What `--output json=FILE` saved; `-` is standard input
    #[arg(required_unless_present = "compare", value_name = "FILE")]
    file: Option<PathBuf>,

    /// Say what regressed, was mended, is new and is gone; exit code 3 where anything regressed
    #[arg(long, num_args = 2, value_names = ["OLD", "NEW"], conflicts_with = "file")]
    compare: Option<Vec<PathBuf>>,

    #[command(flatten)]
    output: Output,
}

#[derive(Debug, Subcommand)]
enum Joined {
    /// Join the reports of many clusters; the exit code is the worst of theirs
    Merge(Merge),
}

#[derive(Args, Debug)]
struct Merge {
    /// What `--output json=FILE` saved, one for each cluster or for many that were joined before
    #[arg(required = true, value_name = "FILE")]
    reports: Vec<PathBuf>,

    #[command(flatten)]
    output: Output,
}

impl Report {
    pub(super) fn run(&self) -> Result<ExitCode, Failure> {
        if let Some(Joined::Merge(merge)) = &self.joined {
            return merge.run();
        }
        if let Some([old, new]) = self.compare.as_deref() {
            return self.compare(old, new);
        }
        let file = self.file.as_deref().unwrap_or(Path::new("-"));
        self.output.prepare(Format::ALL)?;
        match load(file)? {
            Saved::Run(document) => self.output.write(&*document)?,
            Saved::Fleet(fleet) => self.output.write(&*fleet)?,
        }
        Ok(exit::success())
    }

    fn compare(&self, old: &Path, new: &Path) -> Result<ExitCode, Failure> {
        self.output.prepare(&[Format::Table, Format::Json])?;
        let trend = Trend::between(&load_run(old)?, &load_run(new)?);
        self.output.write(&trend)?;
        Ok(ExitCode::from(trend.exit_code()))
    }
}

impl Merge {
    fn run(&self) -> Result<ExitCode, Failure> {
        self.output.prepare(Format::ALL)?;
        let mut named = HashSet::new();
        let mut files = self.reports.iter();
        if let Some(twice) = files.find(|file| !named.insert(file.as_path())) {
            let message = format!("{} is named twice", twice.display());
            return Err(Failure::new(exit::USAGE, message, "name each report once"));
        }
        let mut fleet = Fleet::default();
        for (file, name) in self.reports.iter().zip(names(&self.reports)) {
            // One report at a time: each is let go of before the next is read.
            match read(file) {
                Ok(Saved::Run(document)) => {
                    if !fleet.absorb(name.clone(), &document) {
                        warn_of_known(&name, file);
                    }
                }
                Ok(Saved::Fleet(part)) => {
                    for known in fleet.join(&part) {
                        warn_of_known(&known, file);
                    }
                }
                Err(trouble) => fleet.miss(name, trouble.message),
            }
        }
        self.output.write(&fleet)?;
        Ok(ExitCode::from(fleet.exit_code()))
    }
}

/// A run that came with an earlier file, too.
fn warn_of_known(cluster: &str, file: &Path) {
    let file = file.display().to_string();
    let message = format!("the run of {cluster} came with a file before this one; it counts once");
    error::warn(&Remark::of_file(&file, message));
}

/// The names of the files without their endings where that tells them apart, else their paths.
fn names(files: &[PathBuf]) -> Vec<String> {
    let stem = |file: &PathBuf| {
        let stem = file.file_stem().unwrap_or(file.as_os_str());
        stem.to_string_lossy().into_owned()
    };
    let mut count: HashMap<String, usize> = HashMap::new();
    for file in files {
        *count.entry(stem(file)).or_default() += 1;
    }
    let name = |file: &PathBuf| match stem(file) {
        stem if count.get(&stem) == Some(&1) => stem,
        _ => file.display().to_string(),
    };
    files.iter().map(name).collect()
}

fn load(file: &Path) -> Result<Saved, Failure> {
    read(file).map_err(|trouble| trouble.of(file))
}

/// The report of one run.
fn load_run(file: &Path) -> Result<Document, Failure> {
    match load(file)? {
        Saved::Run(document) => Ok(*document),
        Saved::Fleet(_) => Err(Trouble::from(ReadError::Joined).of(file)),
    }
}

/// Why a report cannot be read; whoever asked names the file.
struct Trouble {
    message: String,
    hint: &'static str,
}

impl Trouble {
    fn of(self, file: &Path) -> Failure {
        let message = format!("{}: {}", file.display(), self.message);
        Failure::new(exit::USAGE, message, self.hint)
    }
}

impl From<ReadError> for Trouble {
    fn from(error: ReadError) -> Self {
        Self {
            message: error.to_string(),
            hint: error.hint(),
        }
    }
}

fn read(file: &Path) -> Result<Saved, Trouble> {
    let text = bytes(file).map_err(|error| Trouble {
        message: error::reason(&error),
        hint: "name a file that `--output json=FILE` saved",
    })?;
    Ok(saved::read(&text)?)
}

fn bytes(file: &Path) -> io::Result<Vec<u8>> {
    if file == Path::new("-") {
        let mut text = Vec::new();
        io::stdin().lock().read_to_end(&mut text)?;
        Ok(text)
    } else {
        fs::read(file)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clusters_are_called_by_their_files_and_by_their_paths_where_those_are_equal() {
        let files = ["a/west.json", "a/east.json", "b/east.json"].map(PathBuf::from);
        assert_eq!(names(&files), ["west", "a/east.json", "b/east.json"]);
    }
}
