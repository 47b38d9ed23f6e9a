//! Lines on their way out: escaped, wrapped, indented, and coloured where that is wanted.

use std::io;

use anstyle::AnsiColor;

use crate::report::table::Look;
use crate::report::table::Style;
use crate::report::words::escaped;
use crate::report::words::wrapped;

/// Narrower than this, wrapping helps nobody.
const LEAST_WIDTH: usize = 40;

/// What a piece of text is, for the eye.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub(in crate::report) enum Paint {
    None,
    Title,
    Good,
    Bad,
    Doubtful,
    Aside,
}

/// A word in front of a text, padded to `width`.
pub(in crate::report) struct Label<'a> {
    pub(in crate::report) paint: Paint,
    pub(in crate::report) text: &'a str,
    pub(in crate::report) width: usize,
}

/// Where the table is written.
pub(in crate::report) struct Page<'a> {
    out: &'a mut dyn io::Write,
    look: Look,
    is_begun: bool,
}

impl<'a> Page<'a> {
    pub(in crate::report) fn new(out: &'a mut dyn io::Write, look: Look) -> Self {
        Self {
            out,
            look,
            is_begun: false,
        }
    }

    /// The number of characters that a line has behind `indent`.
    pub(in crate::report) fn room(&self, indent: usize) -> usize {
        self.look.width.max(LEAST_WIDTH).saturating_sub(indent)
    }

    /// Whether every control is told in full.
    pub(in crate::report) fn tells_all(&self) -> bool {
        self.look.all
    }

    /// A title with an empty line above it, unless it is the first line of all.
    pub(in crate::report) fn heading(&mut self, text: &str) -> io::Result<()> {
        self.gap()?;
        self.line(0, Paint::Title, text)
    }

    /// An empty line, unless nothing stands above it.
    pub(in crate::report) fn gap(&mut self) -> io::Result<()> {
        if self.is_begun {
            writeln!(self.out)?;
        }
        Ok(())
    }

    /// A text of one colour; lines after the first are two columns further in.
    pub(in crate::report) fn line(
        &mut self,
        indent: usize,
        paint: Paint,
        text: &str,
    ) -> io::Result<()> {
        let lines = wrapped(&escaped(text), self.room(indent + 2));
        for (index, line) in lines.iter().enumerate() {
            let indent = if index == 0 { indent } else { indent + 2 };
            let line = self.painted(paint, line);
            self.put(indent, &line)?;
        }
        Ok(())
    }

    /// A line that is known to fit, its columns kept.
    pub(in crate::report) fn unwrapped(&mut self, indent: usize, text: &str) -> io::Result<()> {
        self.put(indent, &escaped(text))
    }

    /// A text beside a label; the text is wrapped in a column of its own.
    pub(in crate::report) fn labelled(
        &mut self,
        indent: usize,
        label: &Label<'_>,
        text: &str,
    ) -> io::Result<()> {
        let (name, width) = (escaped(label.text), label.width);
        let column = indent + width.max(name.chars().count()) + 2;
        let name = self.painted(label.paint, &format!("{name:width$}"));
        for (index, line) in wrapped(&escaped(text), self.room(column))
            .iter()
            .enumerate()
        {
            if index == 0 {
                self.put(indent, &format!("{name}  {line}"))?;
            } else {
                self.put(column, line)?;
            }
        }
        Ok(())
    }

    /// The next thing to do, where there is one.
    pub(in crate::report) fn hint(&mut self, indent: usize, hint: &str) -> io::Result<()> {
        if hint.is_empty() {
            return Ok(());
        }
        self.line(indent + 2, Paint::Aside, &format!("hint: {hint}"))
    }

    /// A unified diff, line by line and never wrapped, where the look wants diffs.
    pub(in crate::report) fn diff(&mut self, indent: usize, diff: &str) -> io::Result<()> {
        if !self.look.diff {
            return Ok(());
        }
        for line in diff.lines() {
            let paint = match line.as_bytes() {
                [b'-', ..] => Paint::Bad,
                [b'+', ..] => Paint::Good,
                [b'@', ..] => Paint::Aside,
                _ => Paint::None,
            };
            let cells: Vec<String> = line.split('\t').map(escaped).collect();
            let line = self.painted(paint, &cells.join("\t"));
            self.put(indent, &line)?;
        }
        Ok(())
    }

    fn put(&mut self, indent: usize, line: &str) -> io::Result<()> {
        self.is_begun = true;
        let line = format!("{:indent$}{line}", "");
        writeln!(self.out, "{}", line.trim_end())
    }

    fn painted(&self, paint: Paint, text: &str) -> String {
        let style = match self.look.style {
            Style::Plain => anstyle::Style::new(),
            Style::Colour => paint.style(),
        };
        format!("{style}{text}{style:#}")
    }
}

impl Paint {
    fn style(self) -> anstyle::Style {
        let colour = |colour: AnsiColor| anstyle::Style::new().fg_color(Some(colour.into()));
        match self {
            Self::None => anstyle::Style::new(),
            Self::Title => anstyle::Style::new().bold(),
            Self::Good => colour(AnsiColor::Green),
            Self::Bad => colour(AnsiColor::Red).bold(),
            Self::Doubtful => colour(AnsiColor::Yellow).bold(),
            Self::Aside => anstyle::Style::new().dimmed(),
        }
    }
}
