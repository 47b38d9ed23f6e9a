//! Twice the nodes, twice the work: counted in allocations, which no busy machine changes.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod sample;

use std::alloc::System;
use std::hint::black_box;
use std::io;

use harden::report::document::Document;
use harden::report::html;
use harden::report::json;
use harden::report::junit;
use harden::report::markdown;
use harden::report::sarif;
use harden::report::table;
use stats_alloc::INSTRUMENTED_SYSTEM;
use stats_alloc::Region;
use stats_alloc::StatsAlloc;

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// A rendering.
type Write = fn(&mut dyn io::Write, &Document) -> io::Result<()>;

const FEW: usize = 200;
const MANY: usize = 4 * FEW;

/// Four times the nodes may cost five times as much: room for what does not divide evenly.
const MOST: usize = 5;

const LOOK: table::Look = table::Look {
    style: table::Style::Plain,
    width: 120,
    diff: false,
    all: true,
};

/// Allocations and reallocated bytes while `work` runs.
fn cost<T>(work: impl FnOnce() -> T) -> (usize, usize) {
    let region = Region::new(ALLOCATOR);
    black_box(work());
    let change = region.change();
    (
        change.allocations + change.reallocations,
        change.bytes_allocated,
    )
}

fn assert_linear<T>(what: &str, work: impl Fn(usize) -> T) {
    let (few, many) = (cost(|| work(FEW)), cost(|| work(MANY)));
    for (unit, few, many) in [("allocations", few.0, many.0), ("bytes", few.1, many.1)] {
        assert!(
            many <= few * MOST,
            "{what}: {few} {unit} for {FEW} nodes and {many} for {MANY}"
        );
    }
}

/// One test, because the allocator counts for the whole process.
#[test]
fn the_work_grows_with_the_nodes_and_not_faster() {
    let profile = sample::profile();
    let sizes = [FEW, MANY];
    let texts = sizes.map(sample::inventory_text);
    let fleets = sizes.map(sample::fleet);
    let documents = fleets
        .each_ref()
        .map(|fleet| sample::document(&profile, fleet));
    let of = |count: usize| usize::from(count == MANY);

    assert_linear("inventory", |count| sample::inventory(&texts[of(count)]));
    assert_linear("cluster.yml", |count| sample::cluster(&texts[of(count)]));
    assert_linear("judging", |count| {
        sample::judged(&profile, &fleets[of(count)])
    });
    assert_linear("planning", |count| {
        sample::planned(&profile, &fleets[of(count)])
    });
    assert_linear("report", |count| {
        sample::document(&profile, &fleets[of(count)])
    });
    let formats: [(&str, Write); 6] = [
        ("JSON", json::write),
        ("HTML", html::write),
        ("SARIF", sarif::write),
        ("JUnit", junit::write),
        ("Markdown", markdown::write),
        ("table", |out, document| table::write(out, document, LOOK)),
    ];
    for (name, write) in formats {
        assert_linear(name, |count| {
            let mut out = Vec::new();
            write(&mut out, &documents[of(count)]).unwrap();
            out
        });
    }
}
