//! What stands in the way and what went wrong, equal troubles of many nodes as one.

use std::collections::HashMap;

use crate::report::digest::group::anonymous;
use crate::report::digest::group::grouped;
use crate::report::digest::group::located;
use crate::report::digest::group::placeless;
use crate::report::digest::group::told_of;
use crate::report::document::Blocker;
use crate::report::document::Document;
use crate::report::document::Node;
use crate::report::document::Notice;
use crate::report::fold::folded;
use crate::report::words::named;

/// A kind of trouble, and all of that kind.
#[derive(Debug)]
pub(in crate::report) struct Troubles {
    pub(in crate::report) kind: Kind,
    pub(in crate::report) all: Vec<Trouble>,
}

/// What a trouble means for the run.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(in crate::report) enum Kind {
    Blockers,
    Unreachable,
    Warnings,
    Failed,
    Refused,
}

/// A message and the next thing to do, which may be empty.
#[derive(Debug, Eq, PartialEq)]
pub(in crate::report) struct Trouble {
    pub(in crate::report) message: String,
    pub(in crate::report) hint: String,
}

/// Every kind of which there is any.
pub(in crate::report) fn of(document: &Document) -> Vec<Troubles> {
    let addresses: HashMap<&str, &str> = document
        .unreachable()
        .filter_map(|node| Some((node.name.as_str(), node.address.as_deref()?)))
        .collect();
    let address_of = |notice: &Notice| {
        let node = notice.node.as_deref().unwrap_or_default();
        addresses.get(node).copied().unwrap_or_default().to_owned()
    };
    let placed = |notice: Notice| (address_of(&notice), notice);
    let blockers = document.plan.iter().flat_map(|plan| &plan.blockers);
    let all = [
        Troubles::of(Kind::Blockers, blockers.map(Blocker::as_notice).map(placed)),
        Troubles::of(
            Kind::Unreachable,
            document.unreachable().map(Node::as_notice).map(placed),
        ),
        Troubles::of(
            Kind::Warnings,
            document.warnings.iter().cloned().map(placed),
        ),
        Troubles::of(Kind::Failed, document.failures.iter().cloned().map(placed)),
        Troubles::of(Kind::Refused, document.refusal.clone().map(placed)),
    ];
    all.into_iter()
        .filter(|troubles| !troubles.all.is_empty())
        .collect()
}

/// What forbids a plan.
pub(in crate::report) fn blocking<'a>(blockers: impl IntoIterator<Item = &'a Blocker>) -> Troubles {
    let notices = blockers.into_iter().map(Blocker::as_notice);
    Troubles::of(
        Kind::Blockers,
        notices.map(|notice| (String::new(), notice)),
    )
}

/// A result of an older release has no ids.
fn identified(blocker: &Blocker) -> String {
    match blocker.id.as_str() {
        "" => blocker.message.clone(),
        id => format!("{} ({id})", blocker.message),
    }
}

impl Troubles {
    /// Each notice comes with the address of its node, where that is known.
    fn of(kind: Kind, notices: impl IntoIterator<Item = (String, Notice)>) -> Self {
        let told = notices.into_iter().map(|(address, notice)| {
            let node = notice.node.unwrap_or_default();
            let owner = (!node.is_empty()).then_some(node.as_str());
            let message = named(owner, &notice.message);
            let text =
                [&message, &notice.hint].map(|text| placeless(&anonymous(text, &node), &address));
            (text, (node, address))
        });
        let all = grouped(told)
            .into_iter()
            .map(|([message, hint], places)| Trouble::of(&message, &hint, &places));
        Self {
            kind,
            all: all.collect(),
        }
    }
}

impl Trouble {
    /// A trouble of many nodes shows the way out by the first of them where that has an address.
    fn of(message: &str, hint: &str, places: &[(String, String)]) -> Self {
        let named = places.iter().map(|(node, _)| node.as_str());
        let nodes = folded(named.filter(|node| !node.is_empty()));
        let (first, address) = places.first().map_or(("", ""), |(node, at)| (node, at));
        let is_one = places.len() == 1;
        let at = if is_one { address } else { "<address>" };
        let message = located(&told_of(message, &nodes), at);
        let hint = match located(hint, address) {
            as_first if !is_one && as_first != hint => {
                format!("{}, and so on for the others", told_of(&as_first, first))
            }
            as_it_is => told_of(&as_it_is, &nodes),
        };
        Self { message, hint }
    }
}

impl Kind {
    /// The title where titles begin with a capital letter.
    pub(in crate::report) fn heading(self) -> &'static str {
        match self {
            Self::Blockers => "Blockers",
            Self::Unreachable => "Unreachable",
            Self::Warnings => "Warnings",
            Self::Failed => "Failed",
            Self::Refused => "Refused",
        }
    }

    pub(in crate::report) fn title(self) -> &'static str {
        match self {
            Self::Blockers => "blockers",
            Self::Unreachable => "unreachable",
            Self::Warnings => "warnings",
            Self::Failed => "failed",
            Self::Refused => "refused",
        }
    }
}

impl Node {
    fn as_notice(&self) -> Notice {
        Notice {
            node: Some(self.name.clone()),
            message: self.error.clone().unwrap_or_default(),
            hint: self.hint.clone().unwrap_or_default(),
        }
    }
}

impl Blocker {
    fn as_notice(&self) -> Notice {
        Notice {
            node: self.node.clone(),
            message: identified(self),
            hint: self.hint.clone(),
        }
    }
}
