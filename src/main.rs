//! The `harden` program: parses arguments, runs one command, turns the result into an exit code.

use std::process::ExitCode;

use clap::Parser as _;
use harden::cli;
use harden::cli::Cli;
use harden::error;

fn main() -> ExitCode {
    cli::run(Cli::parse()).unwrap_or_else(|failure| {
        error::print(&failure);
        ExitCode::from(failure.code)
    })
}
