//! Secrets that were there before encryption was switched on (T-13).

use crate::engine::Run;
use crate::event::EventKind;
use crate::event::Phase;
use crate::facts::etcd::Form;
use crate::fleet::Fleet;
use crate::plan::secrets;
use crate::plan::secrets::Encrypting;

impl Run {
    /// Why Secrets are to be written again; nothing where that is not known, which is told.
    pub(super) async fn plain_secrets(&self, fleet: &Fleet) -> Option<String> {
        if self.is_partial() || secrets::encrypting(&self.job.profile, fleet) != Encrypting::Yes {
            return None;
        }
        match self.secrets(fleet).await {
            Ok(stored) => secrets::reason(&stored),
            Err(why) => {
                self.teller.tell(EventKind::Warned {
                    message: format!("how the Secrets lie in etcd is not known: {why}"),
                    hint: "on an etcd node, run `docker exec etcd etcdctl endpoint health`".into(),
                });
                None
            }
        }
    }

    /// Has them written again, once all API servers encrypt.
    pub(super) async fn encrypt_what_is_plain(&self, fleet: &Fleet) {
        let Some(why) = self.plain_secrets(fleet).await else {
            return;
        };
        if !self.job.ask_kubernetes {
            self.teller.tell(EventKind::Skipped {
                what: "writing Secrets again".into(),
                why: format!("--no-kube was given, although {why}"),
            });
            return;
        }
        if self.is_interrupted() {
            return;
        }
        let phase = Phase::RewriteSecrets;
        self.teller.tell(EventKind::PhaseStarted(phase));
        let key = secrets::first_key(&self.job.profile, fleet).unwrap_or_default();
        if let Err(why) = self.rewrite(fleet, &key, |form| *form == Form::Plain).await {
            self.fail(why, self.again());
        }
    }
}
