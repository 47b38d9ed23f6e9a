//! What the pure core costs at 1,000 and at 10,000 nodes: `cargo bench --bench work`.

#![expect(clippy::unwrap_used, reason = "a benchmark fails by panicking")]

#[path = "../tests/growth/sample.rs"]
mod sample;

use std::io;

use divan::Bencher;
use divan::black_box;
use harden::facts::answer;
use harden::facts::store::Store;
use harden::report::document::Document;
use harden::report::html;
use harden::report::json;
use harden::report::junit;
use harden::report::markdown;
use harden::report::sarif;
use harden::report::table;

/// Ten times the nodes, so that what grows faster is seen.
const NODES: [usize; 2] = [1_000, 10_000];

fn main() {
    divan::main();
}

#[divan::bench(sample_count = 5, args = NODES)]
fn read_an_inventory(bencher: Bencher, nodes: usize) {
    let text = sample::inventory_text(nodes);
    bencher.bench(|| sample::inventory(black_box(&text)));
}

/// To be multiplied by the nodes.
#[divan::bench]
fn read_one_answer_with_100_kib_of_docker_inspect(bencher: Bencher) {
    let (questions, answers) = (sample::questions(), sample::answers());
    bencher
        .with_inputs(Store::default)
        .bench_refs(|store| answer::read(black_box(&questions), black_box(&answers), store));
}

/// How often there is all that a node usually has.
#[divan::bench(args = [1, 10])]
fn read_one_answer_with_more_containers(bencher: Bencher, times: usize) {
    let (questions, answers) = (sample::questions(), sample::answers_times(times));
    bencher
        .with_inputs(Store::default)
        .bench_refs(|store| answer::read(black_box(&questions), black_box(&answers), store));
}

#[divan::bench(sample_count = 3, args = NODES)]
fn judge_all_controls(bencher: Bencher, nodes: usize) {
    let (profile, fleet) = (sample::profile(), sample::fleet(nodes));
    bencher.bench(|| sample::judged(black_box(&profile), black_box(&fleet)));
}

#[divan::bench(sample_count = 3, args = NODES)]
fn plan(bencher: Bencher, nodes: usize) {
    let (profile, fleet) = (sample::profile(), sample::fleet(nodes));
    bencher.bench(|| sample::planned(black_box(&profile), black_box(&fleet)));
}

/// Thirty arguments, about as many as the guide asks for.
#[divan::bench(sample_count = 5, args = [500, 5_000])]
fn edit_a_cluster_file(bencher: Bencher, lines: usize) {
    let edits = sample::edits(30);
    let file = sample::cluster(&sample::cluster_text(lines));
    bencher.bench(|| file.edited(black_box(&edits)).unwrap());
}

#[divan::bench(sample_count = 3, args = NODES)]
fn fold_events_into_a_report(bencher: Bencher, nodes: usize) {
    let (profile, fleet) = (sample::profile(), sample::fleet(nodes));
    bencher.bench(|| sample::document(black_box(&profile), black_box(&fleet)));
}

#[divan::bench(sample_count = 3, args = NODES)]
fn render_json(bencher: Bencher, nodes: usize) {
    render(bencher, nodes, json::write);
}

#[divan::bench(sample_count = 3, args = NODES)]
fn render_html(bencher: Bencher, nodes: usize) {
    render(bencher, nodes, html::write);
}

#[divan::bench(sample_count = 3, args = NODES)]
fn render_sarif(bencher: Bencher, nodes: usize) {
    render(bencher, nodes, sarif::write);
}

#[divan::bench(sample_count = 3, args = NODES)]
fn render_junit(bencher: Bencher, nodes: usize) {
    render(bencher, nodes, junit::write);
}

#[divan::bench(sample_count = 3, args = NODES)]
fn render_markdown(bencher: Bencher, nodes: usize) {
    render(bencher, nodes, markdown::write);
}

#[divan::bench(sample_count = 3, args = NODES)]
fn render_a_table(bencher: Bencher, nodes: usize) {
    render_look(bencher, nodes, false);
}

#[divan::bench(sample_count = 3, args = NODES)]
fn render_a_table_of_all(bencher: Bencher, nodes: usize) {
    render_look(bencher, nodes, true);
}

fn render_look(bencher: Bencher, nodes: usize, all: bool) {
    let look = table::Look {
        style: table::Style::Plain,
        width: 120,
        diff: false,
        all,
    };
    render(bencher, nodes, |out, document| {
        table::write(out, document, look)
    });
}

/// Every node says something of its own, so that nothing can be folded.
fn render(
    bencher: Bencher,
    nodes: usize,
    write: impl Fn(&mut dyn io::Write, &Document) -> io::Result<()> + Sync,
) {
    let document = sample::document(&sample::profile(), &sample::strangers(nodes));
    bencher.bench(|| {
        let mut out = Vec::new();
        write(&mut out, black_box(&document)).unwrap();
        out
    });
}
