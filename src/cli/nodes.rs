//! `harden nodes`: who is in the inventory, and how they would be reached.

use std::io;
use std::io::Write;
use std::process::ExitCode;

use clap::Args;

use crate::cli::Target;
use crate::cli::exit;
use crate::cli::ping::Ping;
use crate::cli::site;
use crate::error::Failure;
use crate::inventory::KeySource;
use crate::inventory::Node;
use crate::report::escaped;

#[derive(Args, Debug)]
pub(super) struct Nodes {
    #[command(flatten)]
    target: Target,

    #[command(flatten)]
    ping: Ping,
}

const HEADER: [&str; 5] = ["NODE", "ROLES", "TARGET", "USER", "KEY"];

impl Nodes {
    pub(super) fn run(&self) -> Result<ExitCode, Failure> {
        if self.ping.is_wanted {
            return self.ping.run(&self.target);
        }
        let (inventory, selected) = site::inventory(&self.target)?;
        let nodes = inventory
            .nodes
            .iter()
            .filter(|node| selected.contains(&node.name));
        let mut rows = vec![HEADER.map(str::to_owned)];
        rows.extend(nodes.map(row));
        match write(&rows, &mut io::stdout().lock()) {
            Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
                Err(Failure::new(exit::INTERNAL, error.to_string(), ""))
            }
            _ => Ok(exit::success()),
        }
    }
}

fn row(node: &Node) -> [String; 5] {
    let roles: Vec<String> = node.roles.iter().map(ToString::to_string).collect();
    let target = if node.address.contains(':') {
        format!("[{}]:{}", node.address, node.port)
    } else {
        format!("{}:{}", node.address, node.port)
    };
    [
        node.name.clone(),
        roles.join(","),
        target,
        node.user.clone(),
        key(&node.key),
    ]
}

fn key(source: &KeySource) -> String {
    match source {
        KeySource::Agent => "agent".to_owned(),
        KeySource::Inline(_) => "inline".to_owned(),
        KeySource::File(path) | KeySource::Default(path) => path.display().to_string(),
        KeySource::OpenSsh(_) => "as OpenSSH".to_owned(),
        KeySource::Certified(inner, _) => format!("{} with a certificate", key(inner)),
    }
}

/// Columns as wide as their widest cell, two blanks apart, no blanks at the end.
pub(super) fn write<const N: usize>(rows: &[[String; N]], out: &mut impl Write) -> io::Result<()> {
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max();
    let widths: Vec<usize> = (0..N).map(|column| width(column).unwrap_or(0)).collect();
    for row in rows {
        let cells = row.iter().zip(&widths);
        let line: Vec<String> = cells
            .map(|(cell, width)| escaped(&format!("{cell:<width$}")))
            .collect();
        writeln!(out, "{}", line.join("  ").trim_end())?;
    }
    Ok(())
}
