//! Whether a restarted API server is well, asked on its own node.
//!
//! A container that stays up says little: an API server without etcd does, too. So each one is asked
//! itself, through the login to its node, which is the way of RKE's own health check: the address in the
//! kubeconfig is that of one of them, and may not be reachable from here.

use std::time::Duration;

use crate::engine::Run;
use crate::event::EventKind;
use crate::https::Patience;
use crate::inventory::Node;
use crate::kube::Api;
use crate::kube::KubeError;
use crate::plan::change::Restart;
use crate::ssh::forward::Forward;

/// The component that can be asked.
pub(super) const API_SERVER: &str = "kube-apiserver";

/// An answer that takes longer than this is none.
const LONGEST: Duration = Duration::from_secs(10);

impl Run {
    /// Makes sure that every API server among `restarts` can be asked how it is, before the first of
    /// them is restarted.
    ///
    /// # Errors
    ///
    /// The kubeconfig cannot be used.
    pub(super) fn can_ask_health(&self, restarts: &[Restart]) -> Result<(), KubeError> {
        let is_api = |restart: &Restart| restart.component == API_SERVER;
        if self.job.ask_kubernetes && restarts.iter().any(is_api) {
            Api::open(&self.kubeconfig(), self.moment(LONGEST))?;
        }
        Ok(())
    }

    /// Asks the API server of `node` how it is; `port` is the one on which it serves.
    ///
    /// # Errors
    ///
    /// What it says, or why it says nothing.
    pub(super) async fn health(&self, node: &Node, port: u16) -> Result<(), String> {
        if !self.job.ask_kubernetes {
            self.teller.tell_of(
                &node.name,
                EventKind::Skipped {
                    what: format!("asking {API_SERVER} how it is"),
                    why: "--no-kube was given; its container stays up".into(),
                },
            );
            return Ok(());
        }
        let limit = LONGEST.min(self.job.answer);
        let (session, _) = self.door(node).await.map_err(|error| error.to_string())?;
        let way = Forward::open(&session, port, limit).await;
        let way = way.map_err(|error| error.to_string())?;
        let (kubeconfig, patience) = (self.kubeconfig(), self.moment(limit));
        let server = format!("https://127.0.0.1:{}", way.port());
        let asked = tokio::task::spawn_blocking(move || {
            Api::open_at(&kubeconfig, &server, patience)?.health()
        });
        let told = asked.await.map_err(|error| error.to_string())?;
        told.map_err(|error| said_of(port, &way, &error))
    }

    fn moment(&self, all: Duration) -> Patience {
        Patience {
            connect: self.job.connect.min(all),
            all,
        }
    }
}

/// The error in terms of the node: the port of this machine says nothing to anybody.
fn said_of(port: u16, way: &Forward, error: &KubeError) -> String {
    let here = format!("127.0.0.1:{}", way.port());
    error
        .to_string()
        .replace(&here, &format!("127.0.0.1:{port}"))
}
