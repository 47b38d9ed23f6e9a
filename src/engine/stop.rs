//! A request to stop, from the operator or from the system.

use tokio::sync::watch;

/// Tells whether a stop was asked for: the change in hand is finished, no other is begun.
#[derive(Clone, Debug)]
pub struct Stop(watch::Receiver<bool>);

impl Stop {
    /// Watches a flag that goes to true once.
    pub fn new(flag: watch::Receiver<bool>) -> Self {
        Self(flag)
    }

    pub fn is_asked_for(&self) -> bool {
        *self.0.borrow()
    }

    /// Returns when a stop is asked for; never, when nobody can ask any more.
    pub async fn asked_for(&self) {
        let mut flag = self.0.clone();
        if flag.wait_for(|asked| *asked).await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}
