//! What the Kubernetes API says, asked beside the nodes.

use std::path::PathBuf;
use std::time::Instant;

use crate::audit;
use crate::cluster_file::state_files;
use crate::engine::Run;
use crate::event::Depth;
use crate::event::EventKind;
use crate::facts::Observed;
use crate::facts::object::Objects;
use crate::fleet::Fleet;
use crate::https::Patience;
use crate::kube::Api;
use crate::kube::KubeError;

impl Run {
    /// Every object that the profile needs.
    ///
    /// # Errors
    ///
    /// The API told nothing; it delays nobody for longer than one answer of a node may take.
    pub(super) async fn objects(&self) -> Result<Objects, KubeError> {
        if !self.job.ask_kubernetes {
            let why = "the Kubernetes API was not asked (--no-kube)";
            return Ok(Objects::silent(why));
        }
        let kinds = audit::kinds(&self.job.profile, self.job.level);
        if kinds.is_empty() {
            return Ok(Objects::default());
        }
        let (profile, level) = (self.job.profile.clone(), self.job.level);
        let asked = self.with_api(move |api| {
            let mut objects = api.objects(&kinds)?;
            let more = audit::kinds_after(&profile, level, &objects);
            if !more.is_empty() {
                objects.lists.extend(api.objects(&more)?.lists);
            }
            if audit::needs_addon_job(&profile, level, &objects) {
                objects.addon_job = match api.addon_job() {
                    Ok(job) => Observed::Present(job),
                    Err(error) => Observed::unread(error.to_string()),
                };
            }
            Ok(objects)
        });
        tokio::select! {
            objects = asked => objects,
            () = self.stop.asked_for() => Ok(Objects::silent("the run was interrupted")),
        }
    }

    /// What is known when the API told nothing; told with its way out where there is a cluster.
    pub(super) fn without_objects(&mut self, fleet: &Fleet, error: &KubeError) -> Objects {
        if fleet.is_built() && !self.is_silence_told {
            self.is_silence_told = true;
            self.teller.tell(EventKind::Warned {
                message: format!("the Kubernetes API told nothing: {error}"),
                hint: error.hint(),
            });
        }
        Objects::silent(error.to_string())
    }

    /// The line with which the job of the addons failed; nothing when that cannot be found out.
    pub(super) async fn addon_failure(&self) -> Option<String> {
        if !self.job.ask_kubernetes {
            return None;
        }
        self.with_api(Api::addon_failure).await.ok()?
    }

    /// Runs `ask` where it may block; the API has a deadline of its own.
    pub(super) async fn with_api<T: Send + 'static>(
        &self,
        ask: impl FnOnce(&Api) -> Result<T, KubeError> + Send + 'static,
    ) -> Result<T, KubeError> {
        let kubeconfig = self.kubeconfig();
        let patience = Patience {
            connect: self.job.connect,
            all: self.job.answer,
        };
        let file = kubeconfig.display().to_string();
        let began = Instant::now();
        let asked = tokio::task::spawn_blocking(move || ask(&Api::open(&kubeconfig, patience)?));
        let answered = asked.await.unwrap_or_else(|error| {
            Err(KubeError::Unusable {
                file: file.clone(),
                why: error.to_string(),
            })
        });
        self.trace(None, Depth::Node, || {
            let told = answered.as_ref().err();
            let told = told.map_or_else(|| "answered".to_owned(), ToString::to_string);
            let took = began.elapsed().as_millis();
            format!("the Kubernetes API of {file}: {told} after {took} ms")
        });
        answered
    }

    pub(super) fn kubeconfig(&self) -> PathBuf {
        let [kubeconfig, _] = state_files(&self.job.config);
        kubeconfig
    }
}
