//! Client CPU per node as bars, on a logarithmic scale.

use std::fmt::Write as _;

use crate::sample::Sample;
use crate::table::Row;
use crate::table::distinct;
use crate::table::rows;

const WIDTH: f64 = 760.0;
const LABELS: f64 = 190.0;
const BAR: f64 = 16.0;
/// Left and right end of the scale in milliseconds.
const SCALE: (f64, f64) = (0.1, 100.0);

/// One group of bars for each number of hosts: the first apply, which does the most work.
pub(crate) fn svg(samples: &[Sample]) -> String {
    let mut body = String::new();
    let mut y = 24.0;
    for n in distinct(samples.iter().map(|sample| sample.n)) {
        let _ = writeln!(
            body,
            r#"<text x="8" y="{y}" font-weight="bold">{n} hosts</text>"#
        );
        y += 10.0;
        for row in rows(samples, n, "first") {
            bar(&mut body, &row, y);
            y += BAR + 6.0;
        }
        y += 22.0;
    }
    let mut text = String::new();
    let _ = writeln!(
        text,
        r#"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {:.0}" font-family="sans-serif" font-size="12">"#,
        y + 16.0
    );
    let _ = writeln!(text, r##"<rect width="100%" height="100%" fill="#fff"/>"##);
    text.push_str(&body);
    axis(&mut text, y);
    text.push_str("</svg>\n");
    text
}

fn bar(text: &mut String, row: &Row, y: f64) {
    let end = place(row.cpu_ms);
    let fill = if row.tool == "harden" {
        "#1f6feb"
    } else {
        "#8c959f"
    };
    let base = y + BAR - 4.0;
    let _ = writeln!(
        text,
        r#"<text x="{:.0}" y="{base}" text-anchor="end">{}</text><rect x="{LABELS}" y="{y}" width="{:.1}" height="{BAR}" fill="{fill}"/><text x="{:.1}" y="{base}">{:.1} ms</text>"#,
        LABELS - 8.0,
        row.tool,
        end - LABELS,
        end + 6.0,
        row.cpu_ms,
    );
}

fn axis(text: &mut String, y: f64) {
    let mut mark = SCALE.0;
    while mark <= SCALE.1 {
        let x = place(mark);
        let _ = writeln!(
            text,
            r##"<line x1="{x:.1}" x2="{x:.1}" y1="8" y2="{:.0}" stroke="#d0d7de"/><text x="{x:.1}" y="{y:.0}" text-anchor="middle">{mark} ms</text>"##,
            y - 14.0
        );
        mark *= 10.0;
    }
    let _ = writeln!(
        text,
        r#"<text x="{:.0}" y="{:.0}" text-anchor="end">client CPU per node, first apply</text>"#,
        WIDTH - 8.0,
        y + 14.0
    );
}

fn place(ms: f64) -> f64 {
    let span = (SCALE.1 / SCALE.0).log10();
    let part = (ms.max(SCALE.0) / SCALE.0).log10() / span;
    LABELS + (WIDTH - LABELS - 80.0) * part.min(1.0)
}
