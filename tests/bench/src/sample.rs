//! One measured run.

use std::fs;
use std::path::Path;

use anyhow::Context as _;
use serde::Deserialize;
use serde::Serialize;

/// What one run of one tool on `n` hosts cost.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) struct Sample {
    pub(crate) tool: String,
    /// `check`, `first` apply or `second` apply.
    pub(crate) mode: String,
    pub(crate) n: u32,
    pub(crate) code: i32,
    pub(crate) wall_s: f64,
    /// User and system time of the tool and of everything that it started.
    pub(crate) cpu_s: f64,
    /// The largest sum of resident memory over the tool's processes that was seen.
    pub(crate) memory_mib: f64,
    /// User and system time of the hosts' servers and of everything that they started.
    pub(crate) hosts_cpu_s: f64,
}

/// Reads the lines that `measure` wrote.
pub(crate) fn read(file: &Path) -> Result<Vec<Sample>, anyhow::Error> {
    let text = fs::read_to_string(file).with_context(|| file.display().to_string())?;
    text.lines()
        .map(|line| serde_json::from_str(line).with_context(|| line.to_owned()))
        .collect()
}

/// The middle one, or the mean of the two in the middle; nothing for nothing.
pub(crate) fn median(values: impl IntoIterator<Item = f64>) -> Option<f64> {
    let mut values: Vec<f64> = values.into_iter().collect();
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    match values.len() {
        0 => None,
        odd if odd % 2 == 1 => Some(values[middle]),
        _ => Some(f64::midpoint(values[middle - 1], values[middle])),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_median_is_not_moved_by_one_bad_round() {
        assert_eq!(median([3.0, 900.0, 1.0]), Some(3.0));
        assert_eq!(median([1.0, 2.0]), Some(1.5));
        assert_eq!(median([]), None);
    }
}
