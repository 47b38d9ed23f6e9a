//! Many names as one: `worker-[001-480]`.

use std::collections::HashMap;

/// Digits beyond this many are not a number that anybody counts with.
const MOST_DIGITS: usize = 18;

/// `names` as one line; those that differ in one number only are folded, in the order in which
/// they first appear.
pub(crate) fn folded<'a>(names: impl IntoIterator<Item = &'a str>) -> String {
    let mut families: Vec<Family<'a>> = Vec::new();
    let mut known: HashMap<(&str, &str), usize> = HashMap::new();
    for cut in cuts(names.into_iter().collect()) {
        match cut {
            Cut::Whole(name) => families.push(Family::alone(name)),
            Cut::Number(number) => {
                let index = *known.entry(number.around()).or_insert(families.len());
                if index == families.len() {
                    families.push(Family::of(&number));
                }
                families[index].numbers.push(number.digits);
            }
        }
    }
    let shown: Vec<String> = families.into_iter().map(Family::shown).collect();
    shown.join(", ")
}

/// A name, taken apart at one of its numbers.
#[derive(Clone, Copy)]
struct Number<'a> {
    before: &'a str,
    digits: &'a str,
    after: &'a str,
}

impl<'a> Number<'a> {
    fn around(&self) -> (&'a str, &'a str) {
        (self.before, self.after)
    }
}

enum Cut<'a> {
    Whole(&'a str),
    Number(Number<'a>),
}

/// Cuts each name at the number that it shares with most others, the last one where it is a tie.
fn cuts(names: Vec<&str>) -> Vec<Cut<'_>> {
    let mut shared: HashMap<(&str, &str), usize> = HashMap::new();
    for name in &names {
        for number in numbers(name) {
            *shared.entry(number.around()).or_default() += 1;
        }
    }
    let cut = |name| {
        numbers(name)
            .into_iter()
            .max_by_key(|number| shared.get(&number.around()).copied())
            .map_or(Cut::Whole(name), Cut::Number)
    };
    names.into_iter().map(cut).collect()
}

/// Every run of digits in `name`, from left to right.
fn numbers(name: &str) -> Vec<Number<'_>> {
    let bytes = name.as_bytes();
    let is_digit = |at: usize| bytes.get(at).is_some_and(u8::is_ascii_digit);
    let mut found = Vec::new();
    let mut at = 0;
    while at < bytes.len() {
        let start = at;
        while is_digit(at) {
            at += 1;
        }
        if start < at && at - start <= MOST_DIGITS {
            found.push(Number {
                before: &name[..start],
                digits: &name[start..at],
                after: &name[at..],
            });
        }
        at += usize::from(start == at);
    }
    found
}

/// Names that differ in one number only.
struct Family<'a> {
    before: &'a str,
    numbers: Vec<&'a str>,
    after: &'a str,
}

impl<'a> Family<'a> {
    fn alone(name: &'a str) -> Self {
        Self {
            before: name,
            numbers: Vec::new(),
            after: "",
        }
    }

    fn of(number: &Number<'a>) -> Self {
        Self {
            before: number.before,
            numbers: Vec::new(),
            after: number.after,
        }
    }

    fn shown(mut self) -> String {
        let Self { before, after, .. } = self;
        self.numbers
            .sort_by_key(|digits| (value(digits), digits.len()));
        self.numbers.dedup();
        match self.numbers.as_slice() {
            [] => before.to_owned(),
            [only] => format!("{before}{only}{after}"),
            many => format!("{before}[{}]{after}", ranges(many)),
        }
    }
}

fn ranges(sorted: &[&str]) -> String {
    let ranges: Vec<String> = sorted
        .chunk_by(|one, next| follows(one, next))
        .map(|range| match range {
            [first, .., last] => format!("{first}-{last}"),
            single => single.concat(),
        })
        .collect();
    ranges.join(",")
}

/// True when counting goes on from `one` to `next`: `9` to `10`, `099` to `100`, never `9` to `010`.
fn follows(one: &str, next: &str) -> bool {
    let is_padded = |digits: &str| digits.len() > 1 && digits.starts_with('0');
    value(next).checked_sub(value(one)) == Some(1)
        && (one.len() == next.len() || !is_padded(one) && !is_padded(next))
}

/// The number that the digits are; `MOST_DIGITS` of them always fit.
fn value(digits: &str) -> u64 {
    digits
        .bytes()
        .fold(0, |value, digit| value * 10 + u64::from(digit - b'0'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fold(names: &[&str]) -> String {
        folded(names.iter().copied())
    }

    #[test]
    fn consecutive_names_are_one_range() {
        assert_eq!(fold(&["cp-1", "cp-2", "cp-3"]), "cp-[1-3]");
        let workers: Vec<String> = (1..=480).map(|n| format!("worker-{n:03}")).collect();
        assert_eq!(
            folded(workers.iter().map(String::as_str)),
            "worker-[001-480]"
        );
    }

    #[test]
    fn a_gap_is_seen() {
        assert_eq!(fold(&["cp-1", "cp-2", "cp-4", "cp-7"]), "cp-[1-2,4,7]");
    }

    #[test]
    fn a_single_name_stays_as_it_is() {
        assert_eq!(fold(&["cp-1"]), "cp-1");
        assert_eq!(fold(&["bastion"]), "bastion");
        assert_eq!(fold(&[]), "");
    }

    #[test]
    fn the_number_may_stand_anywhere() {
        assert_eq!(
            fold(&["n1.rack2.example.org", "n2.rack2.example.org"]),
            "n[1-2].rack2.example.org"
        );
        assert_eq!(
            fold(&["10.0.1.11", "10.0.1.12", "10.0.2.11"]),
            "10.0.1.[11-12], 10.0.2.11"
        );
    }

    #[test]
    fn counting_goes_past_a_power_of_ten_and_never_into_padding() {
        assert_eq!(fold(&["n9", "n10", "n11"]), "n[9-11]");
        assert_eq!(fold(&["n09", "n10"]), "n[09-10]");
        assert_eq!(fold(&["n9", "n010"]), "n[9,010]");
        assert_eq!(fold(&["n1", "n01"]), "n[1,01]");
    }

    #[test]
    fn order_is_that_of_the_first_appearance_and_numbers_are_sorted() {
        assert_eq!(
            fold(&["worker-3", "cp-1", "worker-1", "worker-2"]),
            "worker-[1-3], cp-1"
        );
    }

    #[test]
    fn digits_that_no_number_can_hold_are_text() {
        let long = "n99999999999999999999";
        assert_eq!(fold(&[long, "n1"]), format!("{long}, n1"));
    }
}
