//! What the hosts answer with.

use std::fs;
use std::path::Path;

use anyhow::Context as _;
use serde_json::Value;

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
            fs::write(dir.join(name), serde_json::to_string_pretty(&container)?)?;
        }
    }
    for (name, text) in [(".open", "["), (".comma", ","), (".close", "]\n")] {
        fs::write(dir.join(name), text)?;
    }
    Ok(())
}
