//! Whether an API server is well: what it says itself, as RKE asks it (rke.md 3.2).

use crate::kube::Api;
use crate::kube::KubeError;

const PATH: &str = "/healthz";

impl Api {
    /// Asks the server how it is.
    ///
    /// # Errors
    ///
    /// It does not answer, or says that it is not well; of its checks the failed ones are named.
    pub fn health(&self) -> Result<(), KubeError> {
        let answer = self.ask(PATH)?;
        if answer.is_success() {
            return Ok(());
        }
        let said = String::from_utf8_lossy(&answer.body);
        match failed_checks(&said) {
            Some(why) => Err(KubeError::Status {
                server: self.server(),
                path: PATH.to_owned(),
                status: answer.status,
                why,
            }),
            None => self.accepted(PATH, answer).map(drop),
        }
    }
}

/// `[-]etcd failed: reason withheld` is a check that failed; `[+]` marks the others.
fn failed_checks(said: &str) -> Option<String> {
    let failed = said.lines().filter_map(|line| line.strip_prefix("[-]"));
    let failed: Vec<&str> = failed.map(str::trim).collect();
    (!failed.is_empty()).then(|| failed.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_checks_that_failed_are_named_and_no_others() {
        let said = "[+]ping ok\n[-]etcd failed: reason withheld\n[+]poststarthook/ca-registration ok\n[-]autoregister-completion failed: reason withheld\nhealthz check failed\n";

        assert_eq!(
            failed_checks(said).as_deref(),
            Some("etcd failed: reason withheld, autoregister-completion failed: reason withheld")
        );
        assert_eq!(failed_checks("ok"), None);
    }
}
