//! What `-v` tells: which node was connected and asked, what for, and over what kind of connection.
//!
//! Names, counts and times; no content, and nothing of what a node wrote on its standard error.

use std::time::Duration;

use crate::engine::Run;
use crate::engine::doors::Exchange;
use crate::event::Depth;
use crate::event::EventKind;
use crate::inventory::Node;
use crate::node::request::Request;
use crate::ssh::Status;
use crate::ssh::session::Session;

impl Run {
    /// Tells something about `node`, or about the whole run, where somebody looks so closely.
    pub(super) fn trace(&self, node: Option<&Node>, depth: Depth, told: impl FnOnce() -> String) {
        if self.job.depth.is_none_or(|most| depth > most) {
            return;
        }
        let message = told();
        let kind = EventKind::Traced { depth, message };
        match node {
            Some(node) => self.teller.tell_of(&node.name, kind),
            None => self.teller.tell(kind),
        }
    }

    /// Tells of a connection that was just opened.
    pub(super) fn trace_door(&self, node: &Node, session: &Session, took: Duration) {
        self.trace(Some(node), Depth::Node, || {
            format!("{} let us in after {}", session.route(), milliseconds(took))
        });
        for note in session.notes() {
            self.trace(Some(node), Depth::Wire, || note);
        }
    }

    /// Tells what a node is about to be asked or told.
    pub(super) fn trace_requests(&self, node: &Node, requests: &[Request]) {
        for request in requests {
            self.trace(Some(node), Depth::Step, || {
                format!("asked: {}", request.told())
            });
        }
    }

    /// Tells what came back.
    pub(super) fn trace_exchange(&self, node: &Node, exchange: &Exchange, took: Duration) {
        self.trace(Some(node), Depth::Node, || {
            let count = exchange.answers.len();
            format!("{count} answers after {}", milliseconds(took))
        });
        self.trace(Some(node), Depth::Wire, || {
            let Exchange {
                sent,
                received,
                said,
                status,
                ..
            } = exchange;
            let status = match status {
                Status::Code(code) => format!("exit status {code}"),
                Status::Signal(name) => format!("signal {name}"),
                Status::Running => "still running".to_owned(),
            };
            format!(
                "{sent} bytes of input, {received} of output, {said} on standard error, {status}"
            )
        });
        for answer in &exchange.answers {
            self.trace(Some(node), Depth::Wire, || {
                format!("answer {}: {} bytes", answer.verb, answer.body.len())
            });
        }
    }
}

fn milliseconds(time: Duration) -> String {
    format!("{} ms", time.as_millis())
}
