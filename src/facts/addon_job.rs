//! RKE's job for `addons`: what it was last given, and whether it came to its end (rke.md 2.2).

use crate::facts::Content;

/// The job and its `ConfigMap`.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct AddonJob {
    /// The text of `addons` that it was last given; it may hold a secret. `None` before the first.
    pub text: Option<Content>,
    pub is_complete: bool,
}

impl AddonJob {
    /// True when `rke up` runs it for this text: RKE compares the texts, and makes up for a job
    /// that did not complete. Line ends at the end count for nothing, which errs on the side of no.
    pub fn would_run(&self, text: &str) -> bool {
        let given = self.text.as_ref().and_then(Content::text);
        !self.is_complete || given.is_none_or(|given| given.trim_end() != text.trim_end())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_job_runs_for_another_text_and_when_it_did_not_complete() {
        let job = |text: Option<&str>, is_complete| AddonJob {
            text: text.map(|text| Content::new(text.into())),
            is_complete,
        };

        assert!(!job(Some("a\n"), true).would_run("a"));
        assert!(job(Some("a\n"), true).would_run("a\n# again\n"));
        assert!(job(Some("a\n"), false).would_run("a\n"));
        assert!(job(None, true).would_run("a"));
    }
}
