//! Kubernetes versions, as far as flags and plug-ins live and die by them (T-28).

use std::fmt;

use serde::Deserialize;

/// Major and minor; the flags of a component do not change with the patch.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Version {
    pub major: u32,
    pub minor: u32,
}

impl Version {
    /// Reads `1.11`, `v1.11.3` or `v1.11.3-rancher1-1`.
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim().trim_start_matches('v');
        let mut parts = text.split(['.', '-', '+']);
        Some(Self {
            major: parts.next()?.parse().ok()?,
            minor: parts.next()?.parse().ok()?,
        })
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.major, self.minor)
    }
}

/// A condition on a version: `1.11`, `<1.14`, `>=1.13`, or several joined by commas.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq)]
#[serde(try_from = "String")]
pub struct Gate {
    text: String,
    terms: Vec<(Comparison, Version)>,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Comparison {
    Is,
    Below,
    AtMost,
    Above,
    AtLeast,
}

impl Gate {
    /// Reads a condition, nothing when it is none.
    pub fn parse(text: &str) -> Option<Self> {
        let terms: Option<Vec<_>> = text.split(',').map(|term| gate_term(term.trim())).collect();
        Some(Self {
            text: text.to_owned(),
            terms: terms?,
        })
    }

    pub fn admits(&self, version: Version) -> bool {
        self.terms
            .iter()
            .all(|(comparison, limit)| match comparison {
                Comparison::Is => version == *limit,
                Comparison::Below => version < *limit,
                Comparison::AtMost => version <= *limit,
                Comparison::Above => version > *limit,
                Comparison::AtLeast => version >= *limit,
            })
    }
}

impl TryFrom<String> for Gate {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        Self::parse(&text).ok_or_else(|| format!("`{text}` is no condition on a version"))
    }
}

impl fmt::Display for Gate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

fn gate_term(term: &str) -> Option<(Comparison, Version)> {
    let signs = [
        ("<=", Comparison::AtMost),
        (">=", Comparison::AtLeast),
        ("<", Comparison::Below),
        (">", Comparison::Above),
        ("=", Comparison::Is),
    ];
    let (comparison, rest) = signs
        .iter()
        .find_map(|(sign, comparison)| Some((*comparison, term.strip_prefix(sign)?)))
        .unwrap_or((Comparison::Is, term));
    Some((comparison, Version::parse(rest)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gate_admits_by_number_and_not_by_letter() {
        let version = |text| Version::parse(text).unwrap();
        let gate = Gate::parse(">=1.9,<1.14").unwrap();

        assert!(gate.admits(version("v1.11.3-rancher1-1")));
        assert!(!gate.admits(version("1.14.0")));
        assert!(!gate.admits(version("1.8")));
        assert_eq!(Gate::parse("<soon"), None);
        assert_eq!(Version::parse("latest"), None);
    }
}
