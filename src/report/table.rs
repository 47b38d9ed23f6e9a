use crate::event::*;
use crate::plan::Plan;
use crate::report::Report;
use std::io;
pub enum Style {
    Plain,
    Colour,
}
pub struct Options {
    pub style: Style,
    pub diff: bool,
}
pub fn write_plan(p: &Plan, _: &Options, out: &mut impl io::Write) -> io::Result<()> {
    writeln!(out, "{p:#?}")
}
pub fn write(r: &Report, _: &Options, out: &mut impl io::Write) -> io::Result<()> {
    for e in &r.events {
        match &e.kind {
            EventKind::Judged { findings } => {
                for f in findings {
                    writeln!(out, "{} {:?} {:?}", f.control, f.node, f.verdict)?;
                    for x in &f.evidence {
                        if !x.is_met() {
                            writeln!(out, "    {} | {} | {:?}", x.subject, x.wanted, x.seen)?;
                        }
                    }
                }
            }
            EventKind::Planned(p) => {
                for (n, c) in &p.nodes {
                    for c in c {
                        writeln!(out, "PLAN {n} {} {} -> {}", c.subject, c.seen, c.wanted)?;
                    }
                }
                writeln!(
                    out,
                    "RKE {:?} BLOCK {:#?} edits {:?}",
                    p.rke_up,
                    p.blockers,
                    p.cluster.as_ref().map(|c| c.edits.len())
                )?;
            }
            other => writeln!(out, "{:?} {:?} {other:?}", e.since_start, e.node)?,
        }
    }
    Ok(())
}
