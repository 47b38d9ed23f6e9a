//! What RKE's job for `addons` was last given, and whether it completed (rke.md 2.2).

use crate::facts::Content;
use crate::facts::addon_job::AddonJob;
use crate::kube::Api;
use crate::kube::KubeError;
use crate::yaml::Value;

const TEXT: &str = "/api/v1/namespaces/kube-system/configmaps/rke-user-addon";

/// The key of the text in the `ConfigMap`.
const KEY: &str = "rke-user-addon";

const JOB: &str = "/apis/batch/v1/namespaces/kube-system/jobs/rke-user-addon-deploy-job";

impl Api {
    /// Both are of RKE's own making; one that is missing was never made, or was deleted.
    ///
    /// # Errors
    ///
    /// The API could not be asked.
    pub fn addon_job(&self) -> Result<AddonJob, KubeError> {
        let stored: Option<Value> = self.find(TEXT)?;
        let job: Option<Value> = self.find(JOB)?;
        let text = stored
            .as_ref()
            .and_then(|map| map.at(&["data", KEY])?.text());
        Ok(AddonJob {
            text: text.map(|text| Content::new(text.into())),
            is_complete: job.as_ref().is_some_and(is_complete),
        })
    }
}

fn is_complete(job: &Value) -> bool {
    let Some(Value::List(conditions)) = job.at(&["status", "conditions"]) else {
        return false;
    };
    let says = |condition: &Value, key: &str, word: &str| {
        condition.at(&[key]).and_then(Value::text) == Some(word)
    };
    conditions
        .iter()
        .any(|condition| says(condition, "type", "Complete") && says(condition, "status", "True"))
}
