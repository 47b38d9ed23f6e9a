//! The one way out for events.

use std::time::Instant;

use tokio::sync::mpsc::UnboundedSender;

use crate::event::Event;
use crate::event::EventKind;

/// Sends events with their time; a listener that is gone changes nothing but the silence.
#[derive(Clone, Debug)]
pub struct Teller {
    start: Instant,
    events: UnboundedSender<Event>,
}

impl Teller {
    /// The clock of the run starts here.
    pub fn new(events: UnboundedSender<Event>) -> Self {
        Self {
            start: Instant::now(),
            events,
        }
    }

    pub fn tell(&self, kind: EventKind) {
        self.send(None, kind);
    }

    pub fn tell_of(&self, node: &str, kind: EventKind) {
        self.send(Some(node.to_owned()), kind);
    }

    fn send(&self, node: Option<String>, kind: EventKind) {
        let _ = self.events.send(Event {
            since_start: self.start.elapsed(),
            node,
            kind,
        });
    }
}
