//! Twice the nodes, twice the work: counted in allocations, which no busy machine changes.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod sample;

use std::alloc::System;
use std::hint::black_box;
use std::io;

use harden::facts::answer;
use harden::facts::store::Store;
use harden::fleet::Fleet;
use harden::report::document::Document;
use harden::report::html;
use harden::report::json;
use harden::report::junit;
use harden::report::markdown;
use harden::report::sarif;
use harden::report::table;
use harden::report::trend::Trend;
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
    all: false,
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
    let sizes = [FEW, MANY];
    let of = |count: usize| usize::from(count == MANY);

    let texts = sizes.map(sample::inventory_text);
    assert_linear("inventory", |count| sample::inventory(&texts[of(count)]));
    assert_linear("cluster.yml", |count| sample::cluster(&texts[of(count)]));
    let clusters = sizes.map(|count| sample::cluster(&sample::cluster_text(count * 5)));
    let edits = sample::edits(30);
    assert_linear("edit of cluster.yml", |count| {
        clusters[of(count)].edited(&edits).unwrap()
    });
    let (questions, answers) = (
        sample::questions(),
        sizes.map(|count| sample::answers_times(count / 20)),
    );
    assert_linear("docker inspect", |count| {
        answer::read(&questions, &answers[of(count)], &mut Store::default())
    });
    assert_fleets_linear("nodes that are alike", &sizes.map(sample::fleet));
    assert_fleets_linear("nodes that differ", &sizes.map(sample::strangers));
}

/// What comes behind the facts.
fn assert_fleets_linear(kind: &str, fleets: &[Fleet; 2]) {
    let profile = sample::profile();
    let of = |count: usize| usize::from(count == MANY);
    assert_linear(&format!("judging {kind}"), |count| {
        sample::judged(&profile, &fleets[of(count)])
    });
    assert_linear(&format!("planning {kind}"), |count| {
        sample::planned(&profile, &fleets[of(count)])
    });
    assert_linear(&format!("a report of {kind}"), |count| {
        sample::document(&profile, &fleets[of(count)])
    });
    let documents = fleets
        .each_ref()
        .map(|fleet| sample::document(&profile, fleet));
    assert_linear(&format!("comparing reports of {kind}"), |count| {
        let document = &documents[of(count)];
        Trend::between(document, document)
    });
    let formats: [(&str, Write); 7] = [
        ("JSON", json::write),
        ("HTML", html::write),
        ("SARIF", sarif::write),
        ("JUnit", junit::write),
        ("Markdown", markdown::write),
        ("table", |out, document| table::write(out, document, LOOK)),
        ("whole table", |out, document| {
            table::write(out, document, table::Look { all: true, ..LOOK })
        }),
    ];
    for (name, write) in formats {
        assert_linear(&format!("{name} of {kind}"), |count| {
            let mut out = Vec::new();
            write(&mut out, &documents[of(count)]).unwrap();
            out
        });
    }
}
