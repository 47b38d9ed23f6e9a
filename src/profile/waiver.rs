//! What a playbook says about findings: which ones a site accepts, and which controls somebody
//! looked at.

use std::fmt;

use jiff::civil::Date;
use serde::Deserialize;

use crate::profile::pattern::Pattern;
use crate::yaml::Spanned;

/// A failure that a site accepts for a time.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Waiver {
    pub control: Spanned<String>,
    /// Node names or globs; for what is about the cluster as a whole, namespaces.
    #[serde(rename = "where")]
    pub places: Places,
    pub reason: Said,
    /// Who accepted it.
    pub by: Said,
    /// The last day on which it holds.
    pub until: Day,
}

/// Somebody looked at what no machine can judge.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Attestation {
    pub control: Spanned<String>,
    pub by: Said,
    pub on: Day,
    /// The last day on which it holds.
    pub holds_until: Day,
    /// What was seen.
    #[serde(default)]
    pub note: String,
}

/// Where a waiver holds: at least one name or glob.
#[derive(Clone, Debug, Deserialize)]
#[serde(try_from = "Vec<Pattern>")]
pub struct Places(Vec<Pattern>);

/// A text that says something.
#[derive(Clone, Debug, Deserialize)]
#[serde(try_from = "String")]
pub struct Said(pub String);

/// A day in UTC, written as `2027-01-31`.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Ord, PartialEq, PartialOrd)]
#[serde(try_from = "String")]
pub struct Day(pub Date);

impl TryFrom<Vec<Pattern>> for Places {
    type Error = String;

    fn try_from(places: Vec<Pattern>) -> Result<Self, String> {
        if places.is_empty() {
            return Err("`where` names no place; write [\"*\"] for all".to_owned());
        }
        Ok(Self(places))
    }
}

impl Places {
    /// The first place that is not one of those that are `there`.
    pub fn missing(&self, there: impl Fn(&Pattern) -> bool) -> Option<&Pattern> {
        self.0.iter().find(|place| !there(place))
    }

    pub fn include(&self, name: &str) -> bool {
        self.0.iter().any(|place| place.matches(name))
    }
}

impl TryFrom<String> for Said {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        match text.trim() {
            "" => Err("an empty text says nothing".to_owned()),
            said => Ok(Self(said.to_owned())),
        }
    }
}

impl TryFrom<String> for Day {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        match text.parse() {
            Ok(date) if text.len() == "2027-01-31".len() => Ok(Self(date)),
            _ => Err(format!("`{text}` is no day; write it like 2027-01-31")),
        }
    }
}

impl fmt::Display for Day {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
