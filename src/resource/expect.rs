//! What can be expected of an argument's value.

use std::time::Duration;

/// What is expected of an argument. Nothing else can be written in a profile.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Expect {
    Absent,
    /// Any value but an empty one.
    Present,
    AbsentOr(String),
    Equals(String),
    /// Set, and to something else.
    Not(String),
    /// A whole number that is not smaller.
    AtLeast(u64),
    /// A whole number that is not greater.
    AtMost(u64),
    /// These elements are in the comma list, in any order, among others.
    Includes(Vec<String>),
    /// None of these elements is in the comma list.
    Excludes(Vec<String>),
    /// The comma list has elements, and no others than these.
    Within(Vec<String>),
    /// A duration longer than this, in Go's notation.
    LongerThan(String),
}

impl Expect {
    /// Whether a value, or its absence, is as expected. Whole values, never prefixes (T-32).
    pub fn is_met_by(&self, value: Option<&str>) -> bool {
        let elements = || value.map(elements).unwrap_or_default();
        match self {
            Self::Absent => value.is_none(),
            Self::Present => value.is_some_and(|value| !value.is_empty()),
            Self::AbsentOr(wanted) => value.is_none_or(|value| value == wanted),
            Self::Equals(wanted) => value == Some(wanted),
            Self::Not(unwanted) => {
                value.is_some_and(|value| !value.is_empty() && value != unwanted)
            }
            Self::AtLeast(least) => number(value).is_some_and(|value| value >= *least),
            Self::AtMost(most) => number(value).is_some_and(|value| value <= *most),
            Self::Includes(wanted) => wanted
                .iter()
                .all(|item| elements().contains(&item.as_str())),
            Self::Excludes(unwanted) => {
                let found = elements();
                !unwanted.iter().any(|item| found.contains(&item.as_str()))
            }
            Self::Within(allowed) => {
                let found = elements();
                let is_allowed = |item: &&str| allowed.iter().any(|allowed| allowed == item);
                !found.is_empty() && found.iter().all(is_allowed)
            }
            Self::LongerThan(limit) => {
                let longer = |value: &str| Some(duration(value)? > duration(limit)?);
                value.and_then(longer).unwrap_or(false)
            }
        }
    }

    pub(super) fn in_words(&self) -> String {
        match self {
            Self::Absent => "not set".to_owned(),
            Self::Present => "set".to_owned(),
            Self::AbsentOr(value) => format!("not set, or {value}"),
            Self::Equals(value) => value.clone(),
            Self::Not(value) => format!("set, and not {value}"),
            Self::AtLeast(least) => format!("a number of at least {least}"),
            Self::AtMost(most) => format!("a number of at most {most}"),
            Self::Includes(items) => format!("includes {}", items.join(",")),
            Self::Excludes(items) => format!("without {}", items.join(",")),
            Self::Within(items) => format!("only of {}", items.join(",")),
            Self::LongerThan(limit) => format!("longer than {limit}"),
        }
    }
}

fn number(value: Option<&str>) -> Option<u64> {
    value?.parse().ok()
}

/// The elements of a comma list, blanks and empty ones dropped.
pub fn elements(list: &str) -> Vec<&str> {
    list.split(',')
        .map(str::trim)
        .filter(|item| !item.is_empty())
        .collect()
}

/// A duration in Go's notation, such as `1800s`, `30m` or `1h30m`; a bare `0` is one too.
fn duration(text: &str) -> Option<Duration> {
    if text == "0" {
        return Some(Duration::ZERO);
    }
    let mut rest = text;
    let mut total = 0.0;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let number: f64 = rest[..digits].parse().ok()?;
        rest = &rest[digits..];
        let unit = rest
            .find(|c: char| c.is_ascii_digit() || c == '.')
            .unwrap_or(rest.len());
        total += number
            * match &rest[..unit] {
                "h" => 3600.0,
                "m" => 60.0,
                "s" => 1.0,
                "ms" => 1e-3,
                "us" | "µs" => 1e-6,
                "ns" => 1e-9,
                _ => return None,
            };
        rest = &rest[unit..];
    }
    (!text.is_empty()).then(|| Duration::try_from_secs_f64(total).ok())?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_values_and_lists_as_sets() {
        let list = |items: &[&str]| items.iter().map(|item| (*item).to_owned()).collect();
        assert!(Expect::Equals("0".into()).is_met_by(Some("0")));
        assert!(!Expect::Equals("0".into()).is_met_by(Some("0.5")));
        assert!(!Expect::Equals("0".into()).is_met_by(None));
        assert!(Expect::Includes(list(&["B", "A"])).is_met_by(Some("A,X,B")));
        assert!(!Expect::Includes(list(&["Node"])).is_met_by(Some("NodeRestriction")));
        assert!(!Expect::Within(list(&["Node", "RBAC"])).is_met_by(Some("Node,AlwaysAllow")));
        assert!(!Expect::Within(list(&["A"])).is_met_by(Some("")));
        assert!(Expect::Excludes(list(&["AlwaysAdmit"])).is_met_by(None));
        assert!(Expect::AbsentOr("127.0.0.1".into()).is_met_by(None));
        assert!(!Expect::AbsentOr("127.0.0.1".into()).is_met_by(Some("127.0.0.10")));
    }

    #[test]
    fn a_flag_that_must_be_set_is_not_set_to_nothing() {
        assert!(Expect::Present.is_met_by(Some("/a.pem")));
        assert!(!Expect::Present.is_met_by(Some("")));
        assert!(!Expect::Present.is_met_by(None));
        assert!(Expect::Not("/a.pem".into()).is_met_by(Some("/b.pem")));
        assert!(!Expect::Not("/a.pem".into()).is_met_by(Some("/a.pem")));
        assert!(!Expect::Not("/a.pem".into()).is_met_by(None));
    }

    #[test]
    fn numbers_compare_as_numbers() {
        for met in ["5", "30", "0030"] {
            assert!(Expect::AtLeast(5).is_met_by(Some(met)), "{met}");
        }
        for unmet in ["4", "-30", "5.5", "30d", ""] {
            assert!(!Expect::AtLeast(5).is_met_by(Some(unmet)), "{unmet}");
        }
        assert!(Expect::AtMost(65535).is_met_by(Some("6443")));
        assert!(!Expect::AtMost(65535).is_met_by(Some("644300")));
        assert!(!Expect::AtMost(65535).is_met_by(None));
    }

    #[test]
    fn a_duration_of_zero_is_not_longer_than_zero() {
        let expect = Expect::LongerThan("0s".into());
        for met in ["1800s", "30m", "1h30m", "0.5s", "4h0m0s"] {
            assert!(expect.is_met_by(Some(met)), "{met}");
        }
        for unmet in ["0", "0s", "0h0m0s", "", "soon", "5", "-1s"] {
            assert!(!expect.is_met_by(Some(unmet)), "{unmet}");
        }
        assert!(!expect.is_met_by(None));
    }
}
