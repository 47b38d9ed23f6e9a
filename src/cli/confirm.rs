//! The question before anything is changed.

use std::io;
use std::io::BufRead as _;
use std::io::Write as _;

use crate::cli::audience::Audience;
use crate::cli::output::Output;
use crate::engine::Stop;

/// Shows the plan and waits for a yes; anything else is a reason to change nothing, with its hint.
pub(super) async fn ask(
    audience: &Audience,
    output: &Output,
    stop: &Stop,
) -> Option<(String, String)> {
    let answer = async {
        audience.show_plan(output).ok()?;
        tokio::task::spawn_blocking(answer).await.ok()?.ok()
    };
    let answer = tokio::select! {
        answer = answer => answer,
        () = stop.asked_for() => None,
    };
    let why = match answer.as_deref().map(str::trim) {
        Some("y" | "Y" | "yes") => return None,
        Some(_) => "you said no; nothing was changed",
        None => "nobody said yes; nothing was changed",
    };
    Some((why.to_owned(), String::new()))
}

pub(super) fn answer() -> io::Result<String> {
    let mut stderr = io::stderr();
    write!(stderr, "\nDo this? [y/N] ")?;
    stderr.flush()?;
    let mut answer = String::new();
    io::stdin().lock().read_line(&mut answer)?;
    Ok(answer)
}
