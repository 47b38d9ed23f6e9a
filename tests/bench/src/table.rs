//! The measured runs as text.

use std::fmt::Write as _;
use std::fs;
use std::io::Write as _;
use std::path::PathBuf;

use clap::Args;

use crate::plot;
use crate::sample;
use crate::sample::Sample;
use crate::sample::median;

/// Modes in the order in which they run, and what they are called.
const MODES: [(&str, &str); 3] = [
    ("check", "check"),
    ("first", "first apply"),
    ("second", "second apply"),
];

/// What everything is compared with.
const PEER: &str = "parallel-ssh";

/// What cannot be done with less: a login and one command on every host, many at a time.
pub(crate) const FLOOR: &str = "bare russh";

/// The same, one host after the other: what a login costs whose every packet is waited for alone.
pub(crate) const IN_TURN: &str = "bare russh in turn";

/// Prints one table for each number of hosts and each mode; medians over the rounds.
#[derive(Args)]
pub(crate) struct Table {
    samples: PathBuf,
    /// Draw client CPU per node into this file.
    #[arg(long)]
    svg: Option<PathBuf>,
}

impl Table {
    pub(crate) fn run(&self) -> Result<(), anyhow::Error> {
        let samples = sample::read(&self.samples)?;
        std::io::stdout().write_all(render(&samples).as_bytes())?;
        if let Some(file) = &self.svg {
            fs::write(file, plot::svg(&samples))?;
        }
        Ok(())
    }
}

/// The medians of one tool in one mode on one number of hosts.
pub(crate) struct Row {
    pub(crate) tool: String,
    rounds: usize,
    pub(crate) cpu_ms: f64,
    wall_s: f64,
    hosts_ms: f64,
    memory_mib: f64,
}

impl Row {
    fn new(tool: &str, samples: &[&Sample]) -> Option<Self> {
        let middle = |of: fn(&Sample) -> f64| median(samples.iter().map(|sample| of(sample)));
        Some(Self {
            tool: tool.to_owned(),
            rounds: samples.len(),
            cpu_ms: middle(|sample| sample.cpu_s * 1000.0 / f64::from(sample.n))?,
            wall_s: middle(|sample| sample.wall_s)?,
            hosts_ms: middle(|sample| sample.hosts_cpu_s * 1000.0 / f64::from(sample.n))?,
            memory_mib: middle(|sample| sample.memory_mib)?,
        })
    }
}

/// One row for each tool, in the order in which they were measured; bare logins are in every mode.
pub(crate) fn rows(samples: &[Sample], n: u32, mode: &str) -> Vec<Row> {
    let is_bare = |sample: &Sample| [FLOOR, IN_TURN].contains(&sample.tool.as_str());
    let here = |sample: &&Sample| sample.n == n && (sample.mode == mode || is_bare(sample));
    let here: Vec<&Sample> = samples.iter().filter(here).collect();
    let tools = distinct(here.iter().map(|sample| sample.tool.as_str()));
    let row = |tool: &&str| {
        let own = here.iter().filter(|sample| sample.tool == **tool);
        Row::new(tool, &own.copied().collect::<Vec<_>>())
    };
    tools.iter().filter_map(row).collect()
}

pub(crate) fn distinct<T: PartialEq>(values: impl Iterator<Item = T>) -> Vec<T> {
    let mut seen = Vec::new();
    for value in values {
        if !seen.contains(&value) {
            seen.push(value);
        }
    }
    seen
}

fn render(samples: &[Sample]) -> String {
    let mut text = String::new();
    for n in distinct(samples.iter().map(|sample| sample.n)) {
        for (mode, title) in MODES {
            let rows = rows(samples, n, mode);
            let _ = writeln!(text, "\n### {n} hosts, {title}\n");
            text.push_str(HEAD);
            for row in &rows {
                line(&mut text, row, &rows);
            }
        }
    }
    text
}

const HEAD: &str = "\
| tool | rounds | client CPU ms/node | × bare russh | × in turn | × parallel-ssh | wall s | × parallel-ssh | hosts' CPU ms/node | × parallel-ssh | peak MiB | × parallel-ssh |
|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|
";

fn line(text: &mut String, row: &Row, rows: &[Row]) {
    let named = |tool: &str| rows.iter().find(|row| row.tool == tool);
    let times = |of: fn(&Row) -> f64, tool: &str| match named(tool) {
        Some(other) if of(other) > 0.0 => format!("{:.2}", of(row) / of(other)),
        _ => "–".to_owned(),
    };
    let _ = writeln!(
        text,
        "| {} | {} | {:.2} | {} | {} | {} | {:.2} | {} | {:.1} | {} | {:.1} | {} |",
        row.tool,
        row.rounds,
        row.cpu_ms,
        times(|row| row.cpu_ms, FLOOR),
        times(|row| row.cpu_ms, IN_TURN),
        times(|row| row.cpu_ms, PEER),
        row.wall_s,
        times(|row| row.wall_s, PEER),
        row.hosts_ms,
        times(|row| row.hosts_ms, PEER),
        row.memory_mib,
        times(|row| row.memory_mib, PEER),
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(tool: &str, cpu_s: f64) -> Sample {
        Sample {
            tool: tool.to_owned(),
            mode: "check".to_owned(),
            n: 10,
            code: 0,
            wall_s: 1.0,
            cpu_s,
            memory_mib: 8.0,
            hosts_cpu_s: 0.5,
        }
    }

    #[test]
    fn ratios_are_of_medians() {
        let samples = [
            sample("harden", 0.03),
            sample("harden", 0.02),
            sample("harden", 9.0),
            sample(FLOOR, 0.02),
            sample(IN_TURN, 0.04),
            sample(PEER, 0.06),
        ];

        let text = render(&samples);

        assert!(
            text.contains("| harden | 3 | 3.00 | 1.50 | 0.75 | 0.50 |"),
            "{text}"
        );
    }

    #[test]
    fn a_peer_that_is_not_there_has_no_ratio() {
        let text = render(&[sample("harden", 0.03)]);

        assert!(text.contains("| harden | 1 | 3.00 | – | – | – |"), "{text}");
    }
}
