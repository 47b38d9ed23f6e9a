//! `--format` and `--output`: in which forms the result is given, and where to.

use std::env;
use std::fs::File;
use std::io;
use std::io::IsTerminal as _;
use std::io::Write as _;
use std::os::fd::AsFd as _;
use std::os::unix::fs::FileTypeExt as _;
use std::path::PathBuf;
use std::str::FromStr;

use clap::Args;
use clap::ValueEnum;
use rustix::io::Errno;

use crate::cli::exit;
use crate::cli::saved;
use crate::error;
use crate::error::Failure;
use crate::report::document::Document;
use crate::report::fleet;
use crate::report::fleet::Fleet;
use crate::report::html;
use crate::report::json;
use crate::report::junit;
use crate::report::markdown;
use crate::report::sarif;
use crate::report::table;
use crate::report::trend::Trend;

/// Where no terminal says how wide it is.
const WIDTH: usize = 120;

/// The forms in which the result is wanted.
#[derive(Args, Debug)]
pub(super) struct Output {
    /// The form of the result on standard output
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,

    /// Write the result into a file, too; may be given once for each form and file
    #[arg(long = "output", short = 'o', value_name = "FORMAT=FILE")]
    files: Vec<Destination>,

    /// Show content diffs in the table, secrets redacted
    #[arg(long)]
    pub(super) diff: bool,

    /// Tell of every control in full in the table, also of those that pass or do not apply
    #[arg(long)]
    all: bool,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub(super) enum Format {
    /// Text for a terminal
    Table,
    /// Everything, for programs and for `harden report`
    Json,
    /// XML for CI systems
    Junit,
    /// One file for a browser or a printer
    Html,
    /// For a merge request
    Markdown,
    /// For code scanning
    Sarif,
}

/// What has a form for each format that it is offered in.
pub(super) trait Render {
    fn render(&self, format: Format, out: &mut dyn io::Write, look: table::Look) -> io::Result<()>;
}

/// A file and the form in which it is written.
#[derive(Clone, Debug, Eq, PartialEq)]
struct Destination {
    format: Format,
    file: PathBuf,
}

impl FromStr for Destination {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (format, file) = text
            .split_once('=')
            .filter(|(_, file)| !file.is_empty())
            .ok_or("write FORMAT=FILE, as in `html=report.html`")?;
        Ok(Self {
            format: Format::from_str(format, false)
                .map_err(|_| format!("`{format}` is not a form; {}", Format::names(Format::ALL)))?,
            file: file.into(),
        })
    }
}

impl Output {
    /// Makes sure that every file can be written, and in its form, before anything is begun.
    ///
    /// # Errors
    ///
    /// The first that cannot, a form that is not among `formats`, and a file that is named twice.
    pub(super) fn prepare(&self, formats: &[Format]) -> Result<(), Failure> {
        let wanted = self.files.iter().map(|one| one.format);
        for format in wanted.chain([self.format]) {
            if !formats.contains(&format) {
                let message = "there is no such form of this result";
                let hint = Format::names(formats);
                return Err(Failure::new(exit::USAGE, message, hint));
            }
        }
        for (index, one) in self.files.iter().enumerate() {
            if self.files[..index]
                .iter()
                .any(|other| other.file == one.file)
            {
                let message = format!("`--output` names {} twice", one.file.display());
                return Err(Failure::new(exit::USAGE, message, "name two files"));
            }
            saved::probe(&one.file).map_err(|error| unwritable(exit::USAGE, one, &error))?;
        }
        Ok(())
    }

    /// Writes `result` into every file, then to standard output.
    ///
    /// # Errors
    ///
    /// What could not be written; all the others are written nevertheless.
    pub(super) fn write(&self, result: &impl Render) -> Result<(), Failure> {
        let files: Vec<Result<(), Failure>> = self
            .files
            .iter()
            .map(|one| {
                saved::write(&one.file, |out| {
                    result.render(one.format, out, self.look(false))
                })
                .map_err(|error| unwritable(exit::INTERNAL, one, &error))
            })
            .collect();
        let look = self.look(io::stdout().is_terminal());
        to_stdout(|out| result.render(self.format, out, look))?;
        files.into_iter().collect()
    }

    /// How a table looks on this terminal, or away from it.
    pub(super) fn look(&self, is_terminal: bool) -> table::Look {
        let no_colour = env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        table::Look {
            style: if is_terminal && !no_colour {
                table::Style::Colour
            } else {
                table::Style::Plain
            },
            width: width(),
            diff: self.diff,
            all: self.all,
        }
    }
}

impl Format {
    /// Every form that a result has.
    pub(super) const ALL: &[Self] = &[
        Self::Table,
        Self::Json,
        Self::Junit,
        Self::Html,
        Self::Markdown,
        Self::Sarif,
    ];

    /// `the forms are …`.
    fn names(formats: &[Self]) -> String {
        let names: Vec<String> = formats
            .iter()
            .filter_map(Self::to_possible_value)
            .map(|value| format!("`{}`", value.get_name()))
            .collect();
        format!("the forms are {}", names.join(", "))
    }
}

impl Render for Document {
    fn render(&self, format: Format, out: &mut dyn io::Write, look: table::Look) -> io::Result<()> {
        match format {
            Format::Table => table::write(out, self, look),
            Format::Json => json::write(out, self),
            Format::Junit => junit::write(out, self),
            Format::Html => html::write(out, self),
            Format::Markdown => markdown::write(out, self),
            Format::Sarif => sarif::write(out, self),
        }
    }
}

impl Render for Fleet {
    fn render(&self, format: Format, out: &mut dyn io::Write, look: table::Look) -> io::Result<()> {
        match format {
            Format::Table => fleet::write_table(out, self, look),
            Format::Json => self.write_json(out),
            Format::Junit => fleet::write_junit(out, self),
            Format::Html => fleet::write_html(out, self),
            Format::Markdown => fleet::write_markdown(out, self),
            Format::Sarif => fleet::write_sarif(out, self),
        }
    }
}

impl Render for Trend {
    fn render(&self, format: Format, out: &mut dyn io::Write, _: table::Look) -> io::Result<()> {
        match format {
            Format::Json => self.write_json(out),
            // The others are refused before anything is read.
            _ => self.write_text(out),
        }
    }
}

/// Writes to standard output; whoever stops reading has seen enough, and so has a terminal that is
/// gone: what a run ends with does not depend on who looks on.
pub(super) fn to_stdout(
    fill: impl FnOnce(&mut dyn io::Write) -> io::Result<()>,
) -> Result<(), Failure> {
    let mut stdout = io::BufWriter::new(io::stdout().lock());
    match fill(&mut stdout).and_then(|()| stdout.flush()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        Err(error) if Errno::from_io_error(&error) == Some(Errno::IO) && is_terminal_gone() => {
            Ok(())
        }
        other => {
            other.map_err(|error| Failure::new(exit::INTERNAL, format!("stdout: {error}"), ""))
        }
    }
}

/// True for a terminal, also where it no longer says so itself; a file that cannot be written has
/// the same error number.
fn is_terminal_gone() -> bool {
    let stdout = io::stdout().as_fd().try_clone_to_owned();
    let metadata = stdout.and_then(|stdout| File::from(stdout).metadata());
    metadata.is_ok_and(|metadata| metadata.file_type().is_char_device())
}

fn unwritable(code: u8, destination: &Destination, error: &io::Error) -> Failure {
    let message = format!("{}: {}", destination.file.display(), error::reason(error));
    Failure::new(
        code,
        message,
        "name a file that can be written with `--output`",
    )
}

/// The width of the terminal, else what `COLUMNS` says, else what reads well in a log.
fn width() -> usize {
    let columns = env::var("COLUMNS").ok().and_then(|text| text.parse().ok());
    let terminal = console::Term::stdout().size_checked();
    let terminal = terminal.map(|(_, columns)| usize::from(columns));
    terminal.or(columns).unwrap_or(WIDTH).max(40)
}
