//! What a Rancher server says, asked beside the nodes.

use crate::engine::Run;
use crate::facts::rancher::Answers;
use crate::https::Patience;
use crate::rancher::Server;

impl Run {
    /// Nothing where the playbook names no server; one that tells nothing delays nobody.
    pub(super) async fn rancher(&self) -> Option<Answers> {
        let access = self.job.rancher.clone()?;
        let patience = Patience {
            connect: self.job.connect,
            all: self.job.answer,
        };
        let asked = tokio::task::spawn_blocking(move || match Server::open(&access, patience) {
            Ok(server) => server.facts(),
            Err(error) => Answers::silent(&error.to_string()),
        });
        Some(tokio::select! {
            answers = asked => {
                answers.unwrap_or_else(|error| Answers::silent(&error.to_string()))
            }
            () = self.stop.asked_for() => Answers::silent("the run was interrupted"),
        })
    }
}
