//! The one way out for events.

use std::fmt;
use std::sync::Arc;
use std::time::Instant;

use crate::event::Event;
use crate::event::EventKind;

/// Tells events with their time to whoever listens.
#[derive(Clone)]
pub struct Teller {
    start: Instant,
    listener: Arc<dyn Fn(Event) + Send + Sync>,
}

impl Teller {
    /// The clock of the run starts here.
    pub fn new(listener: impl Fn(Event) + Send + Sync + 'static) -> Self {
        Self {
            start: Instant::now(),
            listener: Arc::new(listener),
        }
    }

    /// Tells what happened to the run as a whole.
    pub fn tell(&self, kind: EventKind) {
        self.send(None, kind);
    }

    /// Tells what happened to a node.
    pub fn tell_of(&self, node: &str, kind: EventKind) {
        self.send(Some(node.to_owned()), kind);
    }

    fn send(&self, node: Option<String>, kind: EventKind) {
        (self.listener)(Event {
            since_start: self.start.elapsed(),
            node,
            kind,
        });
    }
}

impl fmt::Debug for Teller {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Teller").finish_non_exhaustive()
    }
}
