//! A server of a test's own, and what leads to it.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::Mutex;
use std::time::Duration;

use harden::https::Patience;
use harden_lab::https::Authority;
use harden_lab::https::Leaf;
use harden_lab::https::Reply;
use harden_lab::https::Request;
use harden_lab::https::Server;
use harden_lab::kubernetes;
use serde_json::Value;
use serde_json::json;
use tempfile::TempDir;

/// Long enough for any answer that comes, short enough to wait for one that does not.
pub(crate) const PATIENCE: Patience = Patience {
    connect: Duration::from_secs(10),
    all: Duration::from_secs(30),
};

pub(crate) const IMPATIENCE: Patience = Patience {
    connect: Duration::from_secs(1),
    all: Duration::from_secs(1),
};

/// A server, everything it was asked, and a directory for what leads to it.
pub(crate) struct Site {
    pub(crate) server: Server,
    pub(crate) authority: Authority,
    pub(crate) dir: TempDir,
    asked: Arc<Mutex<Vec<Request>>>,
}

impl Site {
    pub(crate) fn start(answer: impl Fn(&Request) -> Reply + Send + Sync + 'static) -> Self {
        let authority = Authority::fresh().unwrap();
        let leaf = authority.server("127.0.0.1").unwrap();
        Self::with(authority, &leaf, answer)
    }

    pub(crate) fn with(
        authority: Authority,
        leaf: &Leaf,
        answer: impl Fn(&Request) -> Reply + Send + Sync + 'static,
    ) -> Self {
        let asked = Arc::new(Mutex::new(Vec::new()));
        let heard = Arc::clone(&asked);
        let server = Server::start(leaf, &authority, move |request| {
            heard.lock().unwrap().push(request.clone());
            answer(request)
        });
        Self {
            server: server.unwrap(),
            authority,
            dir: tempfile::tempdir().unwrap(),
            asked,
        }
    }

    /// Everything that was asked so far, in order.
    pub(crate) fn asked(&self) -> Vec<Request> {
        self.asked.lock().unwrap().clone()
    }

    /// A kubeconfig for an administrator whom the authority vouches for.
    pub(crate) fn kubeconfig(&self) -> PathBuf {
        let admin = self.authority.client("kube-admin").unwrap();
        self.kubeconfig_of(&self.server.url(), self.authority.pem(), &admin)
    }

    pub(crate) fn kubeconfig_of(&self, url: &str, authority: &str, admin: &Leaf) -> PathBuf {
        let path = self.dir.path().join("kube_config_cluster.yml");
        fs::write(&path, kubernetes::text(url, authority, admin)).unwrap();
        path
    }
}

/// Answers each path from a table, and everything else with 404.
pub(crate) fn table(
    replies: impl IntoIterator<Item = (&'static str, Reply)>,
) -> impl Fn(&Request) -> Reply {
    let replies: BTreeMap<&str, Reply> = replies.into_iter().collect();
    move |request| match replies.get(request.path.as_str()) {
        Some(reply) => reply.clone(),
        None => status(404, "the server could not find the requested resource"),
    }
}

/// A refusal as Kubernetes words it.
pub(crate) fn status(code: u16, message: &str) -> Reply {
    let status = json!({ "kind": "Status", "status": "Failure", "message": message, "code": code });
    Reply::Json(code, status)
}

pub(crate) fn ok(value: Value) -> Reply {
    Reply::Json(200, value)
}
