//! What a Rancher server says, asked beside the nodes, and what is changed there.

use crate::engine::Run;
use crate::engine::journal::Deed;
use crate::event::EventKind;
use crate::event::Outcome;
use crate::event::Phase;
use crate::facts::Observed;
use crate::facts::rancher::Answers;
use crate::facts::rancher::Driver;
use crate::https::Patience;
use crate::plan::change::DriverSwitch;
use crate::rancher::RancherError;
use crate::rancher::Server;

impl Run {
    /// Nothing where the playbook names no server; one that tells nothing delays nobody.
    pub(super) async fn rancher(&self) -> Option<Answers> {
        self.job.rancher.as_ref()?;
        Some(tokio::select! {
            answers = self.with_server(|server| Ok(server.facts())) => {
                answers.unwrap_or_else(|why| Answers::silent(&why.message))
            }
            () = self.stop.asked_for() => Answers::silent("the run was interrupted"),
        })
    }

    /// The node drivers alone; nothing where the playbook names no server.
    pub(super) async fn node_drivers(&self) -> Option<Observed<Vec<Driver>>> {
        self.job.rancher.as_ref()?;
        Some(tokio::select! {
            drivers = self.with_server(|server| Ok(server.node_drivers())) => {
                drivers.unwrap_or_else(|why| Observed::unread(why.message))
            }
            () = self.stop.asked_for() => Observed::unread("the run was interrupted"),
        })
    }

    /// Switches every driver of a plan; one that fails keeps no other from being switched, unless
    /// the server cannot be asked at all. True when all of them are as they were to be.
    pub(super) async fn switch_drivers(&self, switches: &[DriverSwitch]) -> bool {
        if switches.is_empty() {
            return true;
        }
        self.teller.tell(EventKind::PhaseStarted(Phase::Rancher));
        let mut switches = switches.iter();
        let mut is_done = true;
        while let Some(switch) = switches.next() {
            if self.is_interrupted() {
                self.leave_drivers(std::iter::once(switch).chain(switches));
                return false;
            }
            let ended = self.switch_driver(switch).await;
            is_done &= ended.is_ok();
            let is_hopeless = ended.as_ref().is_err_and(|why| why.is_of_all);
            self.tell_driver(
                switch,
                match ended {
                    Ok(()) => Outcome::Changed,
                    Err(why) => Outcome::Failed { why: why.message },
                },
            );
            if is_hopeless {
                self.leave_drivers(switches);
                return false;
            }
        }
        is_done
    }

    /// Tells that these are as they were, because something failed before them.
    pub(super) fn leave_drivers<'a>(&self, left: impl IntoIterator<Item = &'a DriverSwitch>) {
        for switch in left {
            self.tell_driver(switch, Outcome::Skipped);
        }
    }

    /// Written down before it is done, and read back.
    async fn switch_driver(&self, switch: &DriverSwitch) -> Result<(), Why> {
        let server = self.job.rancher.as_ref().map(|access| access.url.clone());
        let deed = Deed::NodeDriver {
            server: server.unwrap_or_default(),
            id: switch.id.clone(),
            name: switch.name.clone(),
            now: switch.activates,
        };
        let number = self.will(None, |_| vec![deed]).map_err(|unwritten| Why {
            message: unwritten.message,
            is_of_all: true,
        })?;
        let (id, active) = (switch.id.clone(), switch.activates);
        let ended = self
            .with_server(move |server| server.switch_driver(&id, active))
            .await;
        self.did_one(number, &ended);
        ended
    }

    /// Runs `ask` where it may block; the server has a deadline of its own.
    async fn with_server<T: Send + 'static>(
        &self,
        ask: impl FnOnce(&Server) -> Result<T, RancherError> + Send + 'static,
    ) -> Result<T, Why> {
        let Some(access) = self.job.rancher.clone() else {
            return Err(Why::of_all("the playbook names no Rancher server"));
        };
        let patience = Patience {
            connect: self.job.connect,
            all: self.job.answer,
        };
        let asked = tokio::task::spawn_blocking(move || ask(&Server::open(&access, patience)?));
        match asked.await {
            Ok(answer) => answer.map_err(Why::from),
            Err(error) => Err(Why::of_all(&error.to_string())),
        }
    }

    fn tell_driver(&self, switch: &DriverSwitch, outcome: Outcome) {
        self.teller.tell(EventKind::DriverSwitched {
            driver: switch.name.clone(),
            activates: switch.activates,
            outcome,
        });
    }
}

/// Why something was not done on the server.
#[derive(Debug)]
struct Why {
    message: String,
    /// True when nothing else would fare better.
    is_of_all: bool,
}

impl Why {
    fn of_all(message: &str) -> Self {
        Self {
            message: message.to_owned(),
            is_of_all: true,
        }
    }
}

impl From<RancherError> for Why {
    fn from(error: RancherError) -> Self {
        let hint = match error.hint() {
            "" => String::new(),
            hint => format!("; {hint}"),
        };
        Self {
            is_of_all: error.is_of_server(),
            message: format!("{error}{hint}"),
        }
    }
}

impl std::fmt::Display for Why {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.message)
    }
}
