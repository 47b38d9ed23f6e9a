//! What the hosts answer with.

use std::fs;
use std::path::Path;

use anyhow::Context as _;
use serde::Serialize as _;
use serde_json::Serializer;
use serde_json::Value;
use serde_json::ser::PrettyFormatter;

/// Splits the array that `docker inspect` prints into one file a container, named after it, and
/// writes what stands around them; with `only`, other containers are left out.
pub(crate) fn containers(
    inspected: &Path,
    dir: &Path,
    only: &[String],
) -> Result<(), anyhow::Error> {
    let text = fs::read_to_string(inspected).with_context(|| inspected.display().to_string())?;
    let all: Vec<Value> = serde_json::from_str(&text)?;
    fs::create_dir_all(dir)?;
    for container in all {
        let name = container["Name"].as_str();
        let name = name.context("a container without a name")?;
        let name = name.trim_start_matches('/');
        if only.is_empty() || only.iter().any(|wanted| wanted == name) {
            fs::write(dir.join(name), as_docker_prints(&container)?)?;
        }
    }
    for (name, text) in [(".open", "[\n"), (".comma", ",\n"), (".close", "\n]\n")] {
        fs::write(dir.join(name), text)?;
    }
    Ok(())
}

/// An element of the array, four spaces deeper at each level.
fn as_docker_prints(container: &Value) -> Result<String, anyhow::Error> {
    let mut bytes = Vec::new();
    let formatter = PrettyFormatter::with_indent(b"    ");
    [container].serialize(&mut Serializer::with_formatter(&mut bytes, formatter))?;
    let text = String::from_utf8(bytes)?;
    let element = text
        .strip_prefix("[\n")
        .and_then(|text| text.strip_suffix("\n]"));
    Ok(element.context("no array")?.to_owned())
}
