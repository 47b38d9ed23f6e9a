//! What the job that applies the addons said (rke.md 2.2).

use crate::kube::Api;
use crate::kube::KubeError;
use crate::kube::lists::quoted;
use crate::yaml::Value;

/// The jobs of `addons` and of `addons_include`.
const JOBS: [&str; 2] = [
    "rke-user-addon-deploy-job",
    "rke-user-includes-addons-deploy-job",
];

const PODS: &str = "/api/v1/namespaces/kube-system/pods";

impl Api {
    /// The line that tells why the youngest pod of the addon jobs failed; nothing when there is no
    /// such pod, or when it said nothing.
    ///
    /// # Errors
    ///
    /// The API could not be asked.
    pub fn addon_failure(&self) -> Result<Option<String>, KubeError> {
        let selector = quoted(&format!("job-name in ({})", JOBS.join(",")));
        let found: Option<Value> = self.find(&format!("{PODS}?labelSelector={selector}"))?;
        let Some(pod) = found.as_ref().and_then(youngest) else {
            return Ok(None);
        };
        let path = format!("{PODS}/{}/log?tailLines=50", quoted(pod));
        // The container of a job that is tried again has not said anything yet.
        let log = match self.text(&path) {
            Ok(log) if !log.trim().is_empty() => log,
            _ => self.text(&format!("{path}&previous=true"))?,
        };
        Ok(telling_line(&log))
    }
}

fn youngest(list: &Value) -> Option<&str> {
    let Value::List(pods) = list.at(&["items"])? else {
        return None;
    };
    let created = |pod: &&Value| {
        let created = pod.at(&["metadata", "creationTimestamp"]);
        created.and_then(Value::text).map(str::to_owned)
    };
    let pod = pods.iter().max_by_key(created)?;
    pod.at(&["metadata", "name"])?.text()
}

/// The last line in which `kubectl` names an error, else the last line.
fn telling_line(log: &str) -> Option<String> {
    let mut lines = log.lines().map(str::trim).filter(|line| !line.is_empty());
    let lines: Vec<&str> = lines.by_ref().collect();
    let names_error =
        |line: &&&str| line.to_lowercase().starts_with("error") || line.contains(" is invalid: ");
    let line = lines.iter().rfind(names_error).or(lines.last())?;
    Some((*line).to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_error_is_told_and_not_what_came_after_it() {
        let log = "namespace/cattle-system created\n\
                   Error from server (NotFound): error when creating \"/etc/config/rke-user-addon.yaml\": namespaces \"ingress-nginx\" not found\n\
                   podsecuritypolicy.extensions/restricted created\n";

        assert!(telling_line(log).unwrap().contains("ingress-nginx"));
        let stuck = "The ClusterRoleBinding \"p\" is invalid: roleRef: cannot change roleRef\nother unchanged\n";
        assert!(
            telling_line(stuck)
                .unwrap()
                .ends_with("cannot change roleRef")
        );
        assert_eq!(telling_line("a\nb\n\n").as_deref(), Some("b"));
        assert_eq!(telling_line("\n"), None);
    }
}
