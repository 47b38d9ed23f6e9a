//! Makes the API server write a Secret again, with the key that it has now.
//!
//! A patch that changes nothing is enough: the server leaves out a write that would change nothing
//! only where the value in etcd is up to date, and one under another key, or under none, is not.
//! So no Secret is read, no content is sent, and nobody's change can be overwritten.

use crate::kube::Api;
use crate::kube::KubeError;
use crate::kube::lists::quoted;

/// The patch that changes nothing.
const NOTHING: &[u8] = b"{}";

/// Names and labels are enough of an answer; a server that cannot leave out the content sends it
/// all, and it is dropped unread.
const ACCEPT: &str =
    "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1beta1, application/json";

/// A Secret that others write all the time is left to them after so many conflicts: each of their
/// writes is one with the new key.
const ATTEMPTS: usize = 5;

impl Api {
    /// Has a Secret written again; one that is gone needs no more writing.
    ///
    /// # Errors
    ///
    /// The API server did not write it.
    pub fn rewrite_secret(&self, namespace: &str, name: &str) -> Result<(), KubeError> {
        let [namespace, name] = [namespace, name].map(quoted);
        let path = format!("/api/v1/namespaces/{namespace}/secrets/{name}");
        for _ in 0..ATTEMPTS {
            let status = self.patch(&path, NOTHING, ACCEPT, &[404, 409])?;
            if status != 409 {
                return Ok(());
            }
        }
        Ok(())
    }
}
