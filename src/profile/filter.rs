//! `--control` and `--skip`: which controls of a profile a run is about.

use crate::profile::Control;
use crate::profile::ControlId;
use crate::profile::Profile;
use crate::profile::pattern::Pattern;
use crate::source::nearest;

/// Which controls are meant; without any pattern, all.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    only: Vec<Pattern>,
    skip: Vec<Pattern>,
}

/// Why a filter leaves nothing that could be run.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum FilterError {
    #[error("{why}")]
    Pattern { why: String },
    #[error("`{pattern}` matches no control of profile {profile}")]
    NoMatch {
        pattern: String,
        profile: String,
        meant: Vec<String>,
    },
    #[error("every control that is asked for is skipped too")]
    NothingLeft,
    #[error("{control} would be applied without {}, and would break what it touches", joined(.needed, " and "))]
    Needs {
        control: ControlId,
        needed: Vec<ControlId>,
        /// True when one of them is left out by `--skip`.
        is_skipped: bool,
    },
}

impl FilterError {
    /// The next thing to type.
    pub fn hint(&self) -> String {
        match self {
            Self::Pattern { .. } => {
                "use `*`, `?`, `[ab]` and `{a,b}`, and quote the pattern for the shell".to_owned()
            }
            Self::NoMatch { meant, .. } if !meant.is_empty() => {
                format!("did you mean `{}`?", meant.join("` or `"))
            }
            Self::NoMatch { .. } => "`harden controls` lists them all".to_owned(),
            Self::NothingLeft => "drop one of the `--skip`".to_owned(),
            Self::Needs {
                needed,
                is_skipped: true,
                ..
            } => format!(
                "do not skip {}; what is so already is left alone",
                joined(needed, " and ")
            ),
            Self::Needs { needed, .. } => {
                let flags = joined(needed, " --control ");
                format!("add `--control {flags}`; what is so already is left alone")
            }
        }
    }
}

impl Filter {
    /// Reads the patterns of both flags.
    ///
    /// # Errors
    ///
    /// A text that is no pattern.
    pub fn parse(only: &[String], skip: &[String]) -> Result<Self, FilterError> {
        let parse = |texts: &[String]| -> Result<Vec<Pattern>, FilterError> {
            let patterns = texts.iter().map(|text| Pattern::parse(text));
            patterns
                .collect::<Result<_, _>>()
                .map_err(|why| FilterError::Pattern { why })
        };
        Ok(Self {
            only: parse(only)?,
            skip: parse(skip)?,
        })
    }

    /// Leaves of `profile` what is meant.
    ///
    /// # Errors
    ///
    /// A pattern that matches nothing, or no control left.
    pub fn apply(&self, profile: &mut Profile) -> Result<(), FilterError> {
        for pattern in self.only.iter().chain(&self.skip) {
            if !profile
                .controls
                .iter()
                .any(|control| pattern.matches(&control.id.0))
            {
                return Err(no_match(pattern, profile));
            }
        }
        profile.controls.retain(|control| self.keeps(control));
        if profile.controls.is_empty() {
            return Err(FilterError::NothingLeft);
        }
        Ok(())
    }

    /// Whether all that is meant of `profile` has along what it needs, and what that needs
    /// (T-20, T-21, T-24).
    ///
    /// # Errors
    ///
    /// The first control that has not, and everything that is missing.
    pub fn check_needs(&self, profile: &Profile) -> Result<(), FilterError> {
        let meant = profile
            .controls
            .iter()
            .filter(|control| self.keeps(control));
        let mut first = None;
        let mut needed: Vec<ControlId> = Vec::new();
        for control in meant {
            let mut open: Vec<&ControlId> = control.needs.iter().collect();
            while let Some(id) = open.pop() {
                let other = profile.controls.iter().find(|one| one.id == *id);
                let Some(other) = other.filter(|one| !self.keeps(one) && !needed.contains(id))
                else {
                    continue;
                };
                first.get_or_insert_with(|| control.id.clone());
                needed.push(id.clone());
                open.extend(&other.needs);
            }
        }
        needed.sort();
        match first {
            Some(control) => {
                let skips = |id: &ControlId| self.skip.iter().any(|one| one.matches(&id.0));
                Err(FilterError::Needs {
                    is_skipped: needed.iter().any(skips),
                    control,
                    needed,
                })
            }
            None => Ok(()),
        }
    }

    fn keeps(&self, control: &Control) -> bool {
        let any = |patterns: &[Pattern]| patterns.iter().any(|one| one.matches(&control.id.0));
        (self.only.is_empty() || any(&self.only)) && !any(&self.skip)
    }
}

fn joined(ids: &[ControlId], between: &str) -> String {
    let ids: Vec<&str> = ids.iter().map(|id| id.0.as_str()).collect();
    ids.join(between)
}

/// A number without its namespace is meant in each of them (T-01).
fn no_match(pattern: &Pattern, profile: &Profile) -> FilterError {
    let text = pattern.to_string();
    let ids = || profile.controls.iter().map(|control| control.id.0.as_str());
    let is_number_of = |id: &&str| id.split_once(':').is_some_and(|(_, number)| number == text);
    let mut meant: Vec<String> = ids().filter(is_number_of).map(str::to_owned).collect();
    if meant.is_empty() {
        meant.extend(nearest(&text, ids()).map(str::to_owned));
    }
    FilterError::NoMatch {
        pattern: text,
        profile: profile.name.clone(),
        meant,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::profile::library::DEFAULT_PLAYBOOK;
    use crate::profile::library::Library;
    use crate::profile::library::Source;
    use crate::profile::load::load;
    use crate::profile::playbook;

    fn whole() -> Profile {
        let source = Source {
            file: DEFAULT_PLAYBOOK.0.into(),
            text: DEFAULT_PLAYBOOK.1.into(),
        };
        let playbook = playbook::read(&source.file, &source.text).unwrap();
        load(&source, &playbook, &Library::embedded()).unwrap()
    }

    fn parsed(only: &[&str], skip: &[&str]) -> Result<Filter, FilterError> {
        let texts =
            |list: &[&str]| -> Vec<String> { list.iter().map(ToString::to_string).collect() };
        Filter::parse(&texts(only), &texts(skip))
    }

    fn filtered(only: &[&str], skip: &[&str]) -> Result<Profile, FilterError> {
        let mut profile = whole();
        parsed(only, skip)?.apply(&mut profile)?;
        Ok(profile)
    }

    fn left(only: &[&str], skip: &[&str]) -> Vec<String> {
        let profile = filtered(only, skip).unwrap();
        profile
            .controls
            .into_iter()
            .map(|control| control.id.0)
            .collect()
    }

    #[test]
    fn ids_and_globs_select_and_skip() {
        assert_eq!(left(&["cis:1.1.1"], &[]), ["cis:1.1.1"]);
        assert_eq!(
            left(&["cis:1.2.*", "guide:2.1.3"], &[]),
            ["guide:2.1.3", "cis:1.2.1", "cis:1.2.2"]
        );
        assert_eq!(left(&["cis:1.2.*"], &["*.1"]), ["cis:1.2.2"]);
        assert_eq!(left(&[], &["cis:*"]).len(), 15);
    }

    #[test]
    fn what_matches_nothing_is_an_error_that_knows_better() {
        let hint = |only: &[&str], skip: &[&str]| filtered(only, skip).unwrap_err().hint();

        assert_eq!(
            hint(&["1.1.1"], &[]),
            "did you mean `guide:1.1.1` or `cis:1.1.1`?"
        );
        assert_eq!(hint(&[], &["guid:2.1.2"]), "did you mean `guide:2.1.2`?");
        assert_eq!(hint(&["nist:*"], &[]), "`harden controls` lists them all");
        assert_eq!(hint(&["cis:1.2.1"], &["cis:*"]), "drop one of the `--skip`");
        assert!(hint(&["cis:[1"], &[]).contains("quote the pattern"));
    }

    #[test]
    fn a_flag_is_not_applied_without_the_file_it_names() {
        let needs =
            |only: &[&str], skip: &[&str]| parsed(only, skip).unwrap().check_needs(&whole());
        let hint = |only: &[&str], skip: &[&str]| needs(only, skip).unwrap_err().hint();

        assert_eq!(needs(&["guide:*"], &[]), Ok(()));
        assert_eq!(needs(&["guide:1.1.1"], &[]), Ok(()));
        assert_eq!(
            needs(&[], &["guide:1.1.2"]).unwrap_err().to_string(),
            "guide:2.1.2 would be applied without guide:1.1.2, and would break what it touches"
        );
        assert_eq!(
            hint(&[], &["guide:1.1.2"]),
            "do not skip guide:1.1.2; what is so already is left alone"
        );
        assert_eq!(
            hint(&["guide:2.1.1"], &[]),
            "add `--control guide:1.1.1`; what is so already is left alone"
        );
        assert_eq!(
            hint(&["guide:2.1.2"], &[]),
            "add `--control guide:1.1.2 --control guide:1.1.3 --control guide:1.1.4 --control guide:2.1.5`; what is so already is left alone"
        );
    }
}
