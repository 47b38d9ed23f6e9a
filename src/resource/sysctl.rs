//! A kernel setting: the value that runs, and the value that wins at boot.

use serde::Deserialize;

use crate::facts::Facts;
use crate::facts::Observed;
use crate::facts::question::Question;
use crate::facts::question::SYSCTL_CONF;
use crate::resource::Evidence;
use crate::resource::Remedy;
use crate::resource::Scene;
use crate::resource::Seen;
use crate::resource::boot;
use crate::resource::boot::SYSCTL_CONF_LINK;

/// A kernel setting as it should be, running and persistent (guide 1.1.1, T-23).
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sysctl {
    pub key: String,
    pub value: i64,
}

impl Sysctl {
    pub(super) fn questions(&self) -> Vec<Question> {
        vec![
            Question::Kernel(self.key.clone()),
            Question::BootSettings,
            Question::Room(SYSCTL_CONF.to_owned()),
            Question::Room(SYSCTL_CONF_LINK.to_owned()),
        ]
    }

    pub(super) fn compare(&self, scene: &Scene<'_>) -> Vec<Evidence> {
        vec![self.running(scene), self.at_boot(scene)]
    }

    pub(super) fn remedies(&self, scene: &Scene<'_>) -> Vec<Remedy> {
        let key = self.key.clone();
        let value = self.value.to_string();
        let mut remedies = Vec::new();
        if self.running(scene).is_unmet() {
            remedies.push(Remedy::Kernel {
                key: key.clone(),
                value: value.clone(),
            });
        }
        if self.at_boot(scene).is_unmet() {
            remedies.push(Remedy::Boot { key, value });
        }
        remedies
    }

    fn running(&self, scene: &Scene<'_>) -> Evidence {
        let seen = match scene.facts.kernel(&self.key) {
            Observed::Present(value) if value == self.value.to_string() => {
                Seen::Met(value.to_owned())
            }
            Observed::Present(value) => Seen::Unmet(value.to_owned()),
            Observed::Absent => Seen::Unread("this kernel has no such setting".to_owned()),
            Observed::Unread { why } => Seen::Unread(why),
        };
        Evidence::new(format!("{} now", self.key), self.value.to_string(), seen)
    }

    fn at_boot(&self, scene: &Scene<'_>) -> Evidence {
        let seen = match boot::assignments(scene.facts, &self.key) {
            Err(why) => Seen::Unread(why),
            Ok(all) => match all.last() {
                None => Seen::Unmet(self.not_set(scene.facts)),
                Some(last) => {
                    let said = format!("{} in {} line {}", last.value, last.file, last.line);
                    if last.value == self.value.to_string() {
                        Seen::Met(said)
                    } else {
                        Seen::Unmet(said)
                    }
                }
            },
        };
        Evidence::new(
            format!("{} after a reboot", self.key),
            self.value.to_string(),
            seen,
        )
    }

    fn not_set(&self, facts: &Facts) -> String {
        match boot::unheeded(facts, &self.key) {
            Some(last) => format!(
                "{} in {}, which this system does not read at boot",
                last.value, last.file
            ),
            None => "not set in any file".to_owned(),
        }
    }
}
