//! A password that one machine tries before the others do.
//!
//! A wrong one, sent to a whole fleet at once, locks accounts and earns the
//! penalties of every server.

use tokio::sync::Mutex;
use tokio::sync::MutexGuard;

use crate::secret::Secret;

/// A password and what is known of it.
#[derive(Debug)]
pub struct Password {
    secret: Secret,
    verdict: Mutex<Verdict>,
}

#[derive(Clone, Debug, Eq, PartialEq)]
enum Verdict {
    Untried,
    Good,
    /// By the machine of this name.
    Refused(String),
}

/// What may be done with the password now.
pub enum Turn<'a> {
    /// Somebody has to be first; the others wait until it is settled.
    First(Trial<'a>),
    /// It has opened a machine.
    Proven,
    /// The machine of this name has refused it; it is not to be tried again.
    Spent(String),
}

/// The first try with a password.
pub struct Trial<'a>(MutexGuard<'a, Verdict>);

impl Password {
    pub fn new(secret: Secret) -> Self {
        Self {
            secret,
            verdict: Mutex::new(Verdict::Untried),
        }
    }

    pub fn secret(&self) -> &Secret {
        &self.secret
    }

    /// Waits while another machine is the first to try it.
    pub async fn turn(&self) -> Turn<'_> {
        let verdict = self.verdict.lock().await;
        match &*verdict {
            Verdict::Untried => Turn::First(Trial(verdict)),
            Verdict::Good => Turn::Proven,
            Verdict::Refused(by) => Turn::Spent(by.clone()),
        }
    }
}

impl Trial<'_> {
    /// It has opened a machine.
    pub fn passed(mut self) {
        *self.0 = Verdict::Good;
    }

    /// The machine `by` has refused it. Dropping the trial instead says nothing of the password.
    pub fn failed(mut self, by: &str) {
        *self.0 = Verdict::Refused(by.to_owned());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_second_waits_for_the_first_and_a_refused_password_is_spent() {
        let password = Password::new(Secret::from("secret".to_owned()));
        let Turn::First(trial) = password.turn().await else {
            panic!("nobody tried it before");
        };
        let second = password.turn();
        let settle = async { trial.failed("cp-1") };

        let (second, ()) = tokio::join!(second, settle);

        assert!(matches!(second, Turn::Spent(by) if by == "cp-1"));
    }

    #[tokio::test]
    async fn a_trial_that_came_to_nothing_leaves_the_next_one_first() {
        let password = Password::new(Secret::from("secret".to_owned()));

        drop(password.turn().await);
        match password.turn().await {
            Turn::First(trial) => trial.passed(),
            _ => panic!("it is still untried"),
        }

        assert!(matches!(password.turn().await, Turn::Proven));
    }
}
