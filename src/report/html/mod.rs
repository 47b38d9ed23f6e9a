//! One HTML file for people: nothing to fetch, nothing to run, nothing to install.
//!
//! `templates/report.html.hbs` says how it looks. Every value passes the escape
//! of the template engine, which shows what is no text.

mod nodes;
pub(super) mod view;
mod work;

use std::io;

use handlebars::Handlebars;
use handlebars::RenderError;
use handlebars::RenderErrorReason;
use handlebars::handlebars_helper;
use serde::Serialize;

use crate::report::document::Document;
use crate::report::escape::xml;
use crate::report::html::view::Page;

const REPORT: &str = include_str!("../../../templates/report.html.hbs");
const STEPS: &str = include_str!("../../../templates/steps.html.hbs");
const STYLE: &str = include_str!("../../../templates/report.css");

/// Writes `document` as one page.
///
/// # Errors
/// Those of `out`.
pub fn write(out: &mut dyn io::Write, document: &Document) -> io::Result<()> {
    write_page(out, REPORT, &Page::of(document))
}

/// Renders any page with the look of all.
pub(super) fn write_page(
    out: &mut dyn io::Write,
    template: &str,
    page: &impl Serialize,
) -> io::Result<()> {
    let mut engine = Handlebars::new();
    engine.set_strict_mode(true);
    engine.register_escape_fn(xml);
    engine.register_helper("capital", Box::new(capital));
    for (name, partial) in [("style", STYLE), ("steps", STEPS)] {
        engine
            .register_partial(name, partial)
            .map_err(io::Error::other)?;
    }
    let rendered = engine.render_template_to_write(template, page, out);
    rendered.map_err(io_error)
}

handlebars_helper!(capital: |text: String| {
    let mut chars = text.chars();
    let first = chars.next().map(|one| one.to_ascii_uppercase());
    first.into_iter().chain(chars).collect::<String>()
});

/// The error of the file itself, where that is what went wrong.
fn io_error(error: RenderError) -> io::Error {
    match error.reason() {
        RenderErrorReason::IOError(inner) => io::Error::new(inner.kind(), inner.to_string()),
        _ => io::Error::other(error),
    }
}

#[cfg(test)]
mod tests;
