//! The fleet as one HTML file, with the look of a report.

use std::io;

use serde::Serialize;

use crate::report::digest::headline::word;
use crate::report::document::Verdict;
use crate::report::fleet::Cluster;
use crate::report::fleet::Control;
use crate::report::fleet::Fleet;
use crate::report::fold::folded;
use crate::report::html::view::Count;
use crate::report::html::view::Tone;
use crate::report::html::view::counts;
use crate::report::html::write_page;

const FLEET: &str = include_str!("../../../templates/fleet.html.hbs");

/// Writes the whole view.
///
/// # Errors
/// Those of `out`.
pub fn write(out: &mut dyn io::Write, fleet: &Fleet) -> io::Result<()> {
    write_page(out, FLEET, &Page::of(fleet))
}

#[derive(Serialize)]
struct Page<'a> {
    verdict: &'static str,
    tone: Tone,
    sum: String,
    counts: Vec<Count>,
    controls: Vec<Row<'a>>,
    clusters: Vec<Line<'a>>,
    harden: &'a str,
}

/// A control that fails or is unknown somewhere.
#[derive(Serialize)]
struct Row<'a> {
    id: &'a str,
    title: &'a str,
    fails: String,
    unknown: String,
    failing: usize,
}

#[derive(Serialize)]
struct Line<'a> {
    name: &'a str,
    inventory: &'a str,
    started: &'a str,
    word: &'static str,
    tone: Tone,
    nodes: usize,
    silent: usize,
    pass: usize,
    fail: usize,
    unknown: usize,
    why: String,
}

impl<'a> Page<'a> {
    fn of(fleet: &'a Fleet) -> Self {
        let mut controls: Vec<Row<'a>> = fleet.troubled().map(|one| Row::of(one, fleet)).collect();
        controls.sort_by_key(|row| std::cmp::Reverse(row.failing));
        Self {
            verdict: word(fleet.exit_code(), false),
            tone: Tone::of_exit(fleet.exit_code()),
            sum: fleet.sum(),
            counts: counts(&fleet.summary.controls, &fleet.summary.findings),
            controls,
            clusters: fleet.clusters.iter().map(Line::of).collect(),
            harden: &fleet.harden,
        }
    }
}

impl<'a> Row<'a> {
    fn of(control: &'a Control, fleet: &'a Fleet) -> Self {
        Self {
            id: &control.control,
            title: &control.title,
            fails: folded(fleet.with(&control.control, Verdict::Fail)),
            unknown: folded(fleet.with(&control.control, Verdict::Unknown)),
            failing: control.clusters.fail,
        }
    }
}

impl<'a> Line<'a> {
    fn of(cluster: &'a Cluster) -> Self {
        let failing: Vec<&str> = cluster.with(Verdict::Fail).collect();
        Self {
            name: &cluster.name,
            inventory: &cluster.inventory,
            started: &cluster.started,
            word: word(cluster.exit_code, false),
            tone: Tone::of_exit(cluster.exit_code),
            nodes: cluster.nodes,
            silent: cluster.unreachable,
            pass: cluster.controls.pass,
            fail: cluster.controls.fail,
            unknown: cluster.controls.unknown,
            why: cluster.error.clone().unwrap_or_else(|| failing.join(", ")),
        }
    }
}
