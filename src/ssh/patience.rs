//! Trying again where a server only had too much to do.

use std::time::Duration;

use tokio::time::Instant;
use tokio::time::sleep;

use crate::ssh::SshError;

/// The first rest; each further one is twice as long.
const FIRST: Duration = Duration::from_millis(200);

/// How long refusals that pass are waited out.
pub(super) struct Patience {
    end: Instant,
    rest: Duration,
}

impl Patience {
    pub(super) fn new(limit: Duration) -> Self {
        Self {
            end: Instant::now() + limit,
            rest: FIRST,
        }
    }

    /// Rests before the next try.
    ///
    /// # Errors
    ///
    /// `error` itself where it will not pass, or not in time.
    pub(super) async fn outlast(&mut self, error: SshError) -> Result<(), SshError> {
        if error.may_pass() && self.rest().await {
            return Ok(());
        }
        Err(error)
    }

    /// Rests, and longer every time; false at once where that would take too long.
    pub(super) async fn rest(&mut self) -> bool {
        // Hundreds of us were turned away together and must not come back together.
        let rest = self.rest.mul_f64(jitter());
        if Instant::now() + rest >= self.end {
            return false;
        }
        self.rest *= 2;
        sleep(rest).await;
        true
    }
}

/// From one half to one and a half.
fn jitter() -> f64 {
    let random = getrandom::u32().unwrap_or(u32::MAX / 2);
    0.5 + f64::from(random) / f64::from(u32::MAX)
}
