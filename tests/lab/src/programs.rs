//! The programs of this repository, for tests that run them.

use std::env;
use std::path::PathBuf;
use std::process::Command;

use anyhow::Context as _;
use anyhow::ensure;

/// The stand-in `rke`, built when nobody else did; to be called from a test.
///
/// # Errors
///
/// It does not build.
pub fn rke() -> Result<PathBuf, anyhow::Error> {
    let cargo = env::var_os("CARGO").context("not run by cargo")?;
    let mut build = Command::new(cargo);
    build
        .args(["build", "--quiet", "--workspace", "--bins"])
        .current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."));
    // What cargo tells a test of its package makes it build a dependency anew that looks at it.
    for (name, _) in env::vars_os() {
        let text = name.to_string_lossy();
        if text.starts_with("CARGO_PKG_") || text.starts_with("CARGO_MANIFEST_") {
            build.env_remove(name);
        }
    }
    ensure!(build.status()?.success(), "the stand-in rke does not build");
    let tests = env::current_exe()?;
    let profile = tests.parent().and_then(|deps| deps.parent());
    Ok(profile.context("a test without a directory")?.join("rke"))
}
