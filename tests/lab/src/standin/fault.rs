//! Failures on demand, one for each way the genuine logs end.

use std::path::PathBuf;
use std::thread;
use std::time::Duration;

/// What is to go wrong, as `RKE_STANDIN_FAIL` says: words separated by commas.
///
/// `addon`: the user's addon job does not complete, and the run succeeds all the same.
/// `unreachable:HOST`: that host is dropped, the others are changed, the run fails.
/// `healthcheck` or `healthcheck:SERVICE`: that service (kube-apiserver) never becomes healthy.
/// `snapshot`: no snapshot of etcd is saved.
/// `wait:FILE`: the run goes on only when that file is there, or after a minute.
/// `fatal` or `fatal:MESSAGE`: the run ends before it changes anything.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Faults {
    pub addon: bool,
    pub unreachable: Vec<String>,
    pub unhealthy: Option<String>,
    pub fatal: Option<String>,
    pub snapshot: bool,
    pub wait: Option<PathBuf>,
}

impl Faults {
    /// Reads the value of the variable.
    ///
    /// # Errors
    ///
    /// A word that is none of those above.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut faults = Self::default();
        for word in text.split(',').filter(|word| !word.is_empty()) {
            let (kind, detail) = word.split_once(':').map_or((word, None), |(kind, detail)| {
                (kind, Some(detail.to_owned()))
            });
            match (kind, detail) {
                ("addon", None) => faults.addon = true,
                ("snapshot", None) => faults.snapshot = true,
                ("wait", Some(file)) => faults.wait = Some(PathBuf::from(file)),
                ("unreachable", Some(host)) => faults.unreachable.push(host),
                ("healthcheck", service) => {
                    faults.unhealthy = service.or_else(|| Some("kube-apiserver".to_owned()));
                }
                ("fatal", message) => {
                    let timeout = "[state] Timeout waiting for kubernetes to be ready";
                    faults.fatal = message.or_else(|| Some(timeout.to_owned()));
                }
                _ => return Err(format!("RKE_STANDIN_FAIL does not know `{word}`")),
            }
        }
        Ok(faults)
    }
}

impl Faults {
    /// Holds the run up, when it is told to.
    pub fn wait(&self) {
        let Some(file) = &self.wait else {
            return;
        };
        for _ in 0..600 {
            if file.exists() {
                return;
            }
            thread::sleep(Duration::from_millis(100));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_failure_has_its_word_and_an_unknown_one_is_refused() {
        let faults = Faults::parse("addon,unreachable:10.0.0.9,healthcheck:kubelet").unwrap();

        assert!(faults.addon);
        assert_eq!(faults.unreachable, ["10.0.0.9"]);
        assert_eq!(faults.unhealthy.as_deref(), Some("kubelet"));
        assert!(Faults::parse("adon").is_err());
        assert_eq!(Faults::parse("").unwrap(), Faults::default());
    }
}
