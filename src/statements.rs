//! What people say about findings, laid beside what was measured. Pure: the day comes in as an
//! argument.
//!
//! Neither a waiver nor an attestation changes what was measured, and neither keeps `apply` from
//! mending: for that there is `--skip`.

use std::collections::BTreeSet;

use crate::finding::Attested;
use crate::finding::Finding;
use crate::finding::Ruling;
use crate::finding::Verdict;
use crate::profile::Profile;
use crate::profile::playbook::Playbook;
use crate::profile::waiver::Attestation;
use crate::profile::waiver::Day;
use crate::profile::waiver::Waiver;
use crate::shared::Pool;
use crate::source::Remark;
use crate::source::nearest;
use crate::yaml;
use crate::yaml::Spanned;

/// All that a playbook says about findings.
#[derive(Clone, Debug, Default)]
pub struct Statements {
    waivers: Vec<Waiver>,
    attestations: Vec<Attestation>,
    /// The playbook, as the user named it.
    file: String,
}

impl Statements {
    /// Those of `playbook`, which is named `file`.
    pub fn of(playbook: &Playbook, file: &str) -> Self {
        Self {
            waivers: playbook.waivers.clone(),
            attestations: playbook.attestations.clone(),
            file: file.to_owned(),
        }
    }

    /// What is wrong with them on this day, before anything was measured: unknown controls and
    /// days that do not hold. `profile` is the whole one.
    pub fn review(&self, profile: &Profile, today: Day) -> Vec<Remark> {
        let waivers = self.waivers.iter().filter_map(|waiver| {
            let is_over = waiver.until < today;
            let over = is_over.then(|| format!("it expired on {}", waiver.until));
            let unknown = self.unknown(WAIVER, &waiver.control, profile);
            unknown.or_else(|| Some(self.remark(WAIVER, &waiver.control, &over?)))
        });
        let attestations = self.attestations.iter().filter_map(|attestation| {
            let unknown = self.unknown(ATTESTATION, &attestation.control, profile);
            let why = attestation.why_not(today);
            unknown.or_else(|| {
                let remark = self.remark(ATTESTATION, &attestation.control, &why?);
                let is_to_come = today < attestation.on;
                Some(if is_to_come {
                    remark.hinted("correct `on`")
                } else {
                    remark
                })
            })
        });
        waivers.chain(attestations).collect()
    }

    /// Records what holds on this day in the findings it is about, and names what nothing needs.
    /// `is_whole` is false when parts of the fleet were not looked at.
    pub fn record(&self, findings: &mut [Finding], today: Day, is_whole: bool) -> Vec<Remark> {
        let waivers = self.waivers.iter().filter(|waiver| today <= waiver.until);
        let attestations = self.attestations.iter();
        let attestations = attestations.filter(|one| one.why_not(today).is_none());
        // All are asked before the first one is recorded: two may be about one finding.
        let unneeded = waivers
            .clone()
            .filter(|waiver| waiver.is_unused(findings, is_whole))
            .map(|waiver| self.unneeded(waiver, findings, is_whole));
        let unasked = attestations
            .clone()
            .filter(|attestation| attestation.is_unused(findings))
            .map(|attestation| {
                let why = "no person needs to look at this control";
                self.remark(ATTESTATION, &attestation.control, why)
                    .hinted(TAKE_OUT)
            });
        let remarks = unneeded.chain(unasked).collect();
        waivers.for_each(|waiver| waiver.record(findings));
        attestations.for_each(|attestation| attestation.record(findings));
        remarks
    }

    /// Of a waiver that no finding needs; where all were looked at, a place that is nowhere may be
    /// misspelled.
    fn unneeded(&self, waiver: &Waiver, findings: &[Finding], is_whole: bool) -> Remark {
        let about = findings.iter().filter(|finding| waiver.is_about(finding));
        let nodes: BTreeSet<&str> = about
            .filter_map(|finding| finding.node.as_deref())
            .collect();
        let nowhere = waiver
            .places
            .missing(|place| nodes.iter().any(|node| place.matches(node)));
        let Some(place) = nowhere.filter(|_| is_whole && !nodes.is_empty()) else {
            let why = "nothing needs it";
            return self.remark(WAIVER, &waiver.control, why).hinted(TAKE_OUT);
        };
        let why = format!("it is about no node that is called `{place}`");
        let remark = self.remark(WAIVER, &waiver.control, &why);
        match nearest(&place.to_string(), nodes) {
            Some(meant) => remark.hinted(format!("did you mean `{meant}`?")),
            None => remark.hinted("correct `where`, or take it out of the playbook"),
        }
    }

    fn unknown(&self, what: &str, control: &Spanned<String>, profile: &Profile) -> Option<Remark> {
        let id = control.value.as_str();
        let ids = || profile.controls.iter().map(|known| known.id.0.as_str());
        if ids().any(|known| known == id) {
            return None;
        }
        let why = format!("profile {} has no such control", profile.name);
        let remark = self.remark(what, control, &why);
        Some(match nearest(id, ids()) {
            Some(meant) => remark.hinted(format!("did you mean `{meant}`?")),
            None => remark,
        })
    }

    fn remark(&self, what: &str, control: &Spanned<String>, why: &str) -> Remark {
        let line = yaml::place(control).line;
        let message = format!("line {line}: {what} of {}: {why}", control.value);
        Remark::of_file(&self.file, message).hinted("renew it or take it out of the playbook")
    }
}

const TAKE_OUT: &str = "take it out of the playbook";
const WAIVER: &str = "the waiver";
const ATTESTATION: &str = "the attestation";

impl Waiver {
    fn record(&self, findings: &mut [Finding]) {
        let mut rulings = Pool::default();
        for finding in findings.iter_mut().filter(|finding| self.is_about(finding)) {
            if finding.verdict == Verdict::Fail && self.covers(finding) {
                let mut ruling = Ruling::clone(finding);
                ruling.verdict = Verdict::Waived {
                    reason: self.reason.0.clone(),
                    by: self.by.0.clone(),
                    until: self.until.to_string(),
                };
                finding.ruling = rulings.share(ruling);
            }
        }
    }

    /// True when everything it is about was measured and nothing of it fails. A place that was
    /// not found counts only when all places were looked at.
    fn is_unused(&self, findings: &[Finding], is_whole: bool) -> bool {
        let mut about = findings
            .iter()
            .filter(|finding| self.is_about(finding))
            .peekable();
        if about.peek().is_none() {
            return false;
        }
        let mut here = about.filter(|finding| self.covers(finding)).peekable();
        if here.peek().is_none() {
            return is_whole;
        }
        here.all(|finding| !matches!(finding.verdict, Verdict::Fail | Verdict::Unknown { .. }))
    }

    fn is_about(&self, finding: &Finding) -> bool {
        finding.control.0 == self.control.value
    }

    /// On a node by its name; in the cluster when every difference is in a namespace that is meant.
    fn covers(&self, finding: &Finding) -> bool {
        let is_meant = |name: &str| self.places.include(name);
        if let Some(node) = &finding.node {
            return is_meant(node);
        }
        // `*` is everything, what has no namespace too.
        let everywhere = is_meant("");
        let mut unmet = finding.evidence.iter().filter(|one| one.is_unmet());
        everywhere || unmet.all(|one| namespace(&one.subject).is_some_and(is_meant))
    }
}

/// The namespace of an object as evidence names it: `Role ingress-nginx/default-psp-role`.
fn namespace(subject: &str) -> Option<&str> {
    let mut words = subject.split(' ');
    words.find_map(|word| word.split_once('/').map(|(namespace, _)| namespace))
}

impl Attestation {
    /// Why it does not hold on this day.
    fn why_not(&self, today: Day) -> Option<String> {
        if self.holds_until < today {
            Some(format!("it held until {}", self.holds_until))
        } else if today < self.on {
            Some(format!("{} is still to come", self.on))
        } else {
            None
        }
    }

    /// True when its control was judged and left nothing to a person.
    fn is_unused(&self, findings: &[Finding]) -> bool {
        let mut about = findings.iter().filter(|one| self.is_about(one)).peekable();
        about.peek().is_some() && about.all(|one| !matches!(one.verdict, Verdict::Manual { .. }))
    }

    fn is_about(&self, finding: &Finding) -> bool {
        finding.control.0 == self.control.value
    }

    /// The latest of several counts.
    fn record(&self, findings: &mut [Finding]) {
        let mut rulings = Pool::default();
        for finding in findings.iter_mut().filter(|one| self.is_about(one)) {
            let mut ruling = Ruling::clone(finding);
            if let Verdict::Manual { attested, .. } = &mut ruling.verdict {
                let said = Attested {
                    by: self.by.0.clone(),
                    on: self.on.to_string(),
                    holds_until: self.holds_until.to_string(),
                    note: self.note.trim().to_owned(),
                };
                // Days in this form sort as texts.
                if attested.as_ref().is_none_or(|known| known.on <= said.on) {
                    *attested = Some(Box::new(said));
                    finding.ruling = rulings.share(ruling);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests;
