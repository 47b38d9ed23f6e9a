//! What the pure core costs at 10,000 nodes: `cargo bench --bench work`.

#![expect(clippy::unwrap_used, reason = "a benchmark fails by panicking")]

#[path = "../tests/growth/sample.rs"]
mod sample;

use std::fmt::Write as _;
use std::io;

use divan::Bencher;
use divan::black_box;
use harden::cluster_file::Edit;
use harden::cluster_file::Scalar;
use harden::facts::answer;
use harden::facts::store::Store;
use harden::report::document::Document;
use harden::report::html;
use harden::report::json;
use harden::report::junit;
use harden::report::markdown;
use harden::report::sarif;
use harden::report::table;

const NODES: usize = 10_000;

fn main() {
    divan::main();
}

#[divan::bench(sample_count = 5)]
fn read_an_inventory_of_10_000_nodes(bencher: Bencher) {
    let text = sample::inventory_text(NODES);
    bencher.bench(|| sample::inventory(black_box(&text)));
}

/// To be multiplied by 10,000.
#[divan::bench]
fn read_one_answer_with_100_kib_of_docker_inspect(bencher: Bencher) {
    let (questions, answers) = (sample::questions(), sample::answers());
    bencher
        .with_inputs(Store::default)
        .bench_refs(|store| answer::read(black_box(&questions), black_box(&answers), store));
}

#[divan::bench(sample_count = 3)]
fn judge_all_controls_on_10_000_nodes(bencher: Bencher) {
    let (profile, fleet) = (sample::profile(), sample::fleet(NODES));
    bencher.bench(|| sample::judged(black_box(&profile), black_box(&fleet)));
}

#[divan::bench(sample_count = 3)]
fn plan_for_10_000_nodes(bencher: Bencher) {
    let (profile, fleet) = (sample::profile(), sample::fleet(NODES));
    bencher.bench(|| sample::planned(black_box(&profile), black_box(&fleet)));
}

/// Thirty arguments, about as many as the guide asks for.
#[divan::bench(sample_count = 5)]
fn edit_a_cluster_file_of_5_000_lines(bencher: Bencher) {
    let edits: Vec<Edit> = (0..30).map(argument).collect();
    let mut text = sample::inventory_text(1240);
    while text.lines().count() < 5000 {
        let _ = writeln!(text, "# a comment to be kept");
    }
    let file = sample::cluster(&text);
    bencher.bench(|| file.edited(black_box(&edits)).unwrap());
}

fn argument(number: usize) -> Edit {
    let name = format!("argument-{number}");
    let path = ["services", "kube-api", "extra_args", &name];
    Edit::Set {
        path: path.map(str::to_owned).to_vec(),
        value: Scalar::Text("true".to_owned()),
    }
}

#[divan::bench(sample_count = 3)]
fn render_json_for_10_000_nodes(bencher: Bencher) {
    render(bencher, json::write);
}

#[divan::bench(sample_count = 3)]
fn render_html_for_10_000_nodes(bencher: Bencher) {
    render(bencher, html::write);
}

#[divan::bench(sample_count = 3)]
fn render_sarif_for_10_000_nodes(bencher: Bencher) {
    render(bencher, sarif::write);
}

#[divan::bench(sample_count = 3)]
fn render_junit_for_10_000_nodes(bencher: Bencher) {
    render(bencher, junit::write);
}

#[divan::bench(sample_count = 3)]
fn render_markdown_for_10_000_nodes(bencher: Bencher) {
    render(bencher, markdown::write);
}

#[divan::bench(sample_count = 3)]
fn render_a_table_for_10_000_nodes(bencher: Bencher) {
    let look = table::Look {
        style: table::Style::Plain,
        width: 120,
        diff: false,
        all: true,
    };
    render(bencher, |out, document| table::write(out, document, look));
}

fn render(
    bencher: Bencher,
    write: impl Fn(&mut dyn io::Write, &Document) -> io::Result<()> + Sync,
) {
    let document = sample::document(&sample::profile(), &sample::fleet(NODES));
    bencher.bench(|| {
        let mut out = Vec::new();
        write(&mut out, black_box(&document)).unwrap();
        out
    });
}
