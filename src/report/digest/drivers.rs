//! Node drivers of the Rancher server: what would be switched, and what was.

use crate::report::digest::steps::Line;
use crate::report::digest::steps::asked_by;
use crate::report::document::Driver;
use crate::report::document::Outcome;
use crate::report::document::Switched;
use crate::report::words::switching;

impl Driver {
    /// `deactivate node driver azure of the Rancher server (guide:3.4.1)`.
    pub(in crate::report) fn text(&self) -> String {
        let verb = switching(self.activates);
        let asked_by = asked_by(&self.controls);
        format!(
            "{verb} node driver {} of the Rancher server{asked_by}",
            self.driver
        )
    }
}

impl Switched {
    /// `deactivated node driver azure of the Rancher server`, or why that was not done.
    pub(in crate::report) fn text(&self) -> String {
        let verb = switching(self.activates);
        let driver = format!("node driver {} of the Rancher server", self.driver);
        match self.outcome {
            Outcome::Changed => format!("{verb}d {driver}"),
            Outcome::Failed => {
                let why = self.why.as_deref().unwrap_or_default();
                format!("{driver} was not {verb}d: {why}")
            }
            Outcome::Skipped => format!("{driver} was not {verb}d: an earlier failure came first"),
        }
    }

    pub(super) fn line(&self) -> Line {
        Line {
            outcome: self.outcome,
            text: self.text(),
            hint: String::new(),
        }
    }
}
