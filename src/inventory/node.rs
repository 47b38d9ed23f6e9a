//! One element of `nodes` (rke.md 1).

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::collections::HashMap;

use crate::inventory::Node;
use crate::inventory::Role;
use crate::inventory::Taint;
use crate::inventory::access::Access;
use crate::inventory::endpoint;
use crate::inventory::fields::Fields;
use crate::inventory::fields::Text;
use crate::inventory::fields::text;
use crate::inventory::review::Review;
use crate::inventory::tree::Kind;
use crate::inventory::tree::Tree;
use crate::source::nearest;
use crate::yaml;

const DEFAULT_SOCKET: &str = "/var/run/docker.sock";

/// What the nodes read so far take up, for the rules about the fleet as a whole.
#[derive(Debug, Default)]
pub(super) struct Taken {
    /// Lower-case, with the line where it was first given.
    addresses: HashMap<String, usize>,
    names: HashMap<String, usize>,
    /// True when a node has the role `etcd`, or may have it but for a mistake in its roles.
    pub(super) etcd: bool,
}

/// Reads the node that is `number` in the list, counted from 1; nothing when an error was noted.
pub(super) fn read(
    number: usize,
    tree: &Tree,
    access: &mut Access,
    taken: &mut Taken,
    review: &mut Review,
) -> Option<Node> {
    if matches!(tree.value, Kind::Null) {
        let at = yaml::place(tree);
        review.error(
            at,
            format!("node {number} is empty"),
            "remove the `-`, or add `address: 10.0.0.1`",
        );
        return None;
    }
    let Kind::Map(_) = &tree.value else {
        return None;
    };
    let fields = Fields::of(tree);
    let owner = owner(number, &fields);
    let address = endpoint::address(&fields, &owner, review);
    let roles = roles(&fields, &owner, review);
    taken.etcd |= roles.is_empty() || roles.contains(&Role::Etcd);
    let name = hostname_override(&fields, &owner, review);
    taken.claim(address.as_ref(), name.as_ref(), review);
    let port = endpoint::port(&fields, review);
    let user = fields.required("user", &owner, review);
    let internal_address = endpoint::internal_address(&fields, review);
    let docker_socket = docker_socket(&fields, review);
    let key = access.key(&fields, review);
    let labels = labels(&fields, review);
    let taints = taints(&fields, review);
    fields.text("nodeName", review);

    let address = address?.value;
    Some(Node {
        name: name.map_or_else(|| address.to_lowercase(), |name| name.value),
        internal_address: internal_address.unwrap_or_else(|| address.clone()),
        address,
        port: port?,
        has_port: fields.value("port").is_some(),
        roles,
        user: user?.value,
        docker_socket: docker_socket?,
        key: key?,
        labels,
        taints,
    })
}

impl Taken {
    /// Notes an error where another node has the same address or the same name.
    fn claim(&mut self, address: Option<&Text>, name: Option<&Text>, review: &mut Review) {
        let is_new =
            address.is_none_or(|address| is_first(&mut self.addresses, "address", address, review));
        // Two nodes of one address and without names are one mistake, not two.
        if let Some(name) = name.or(address.filter(|_| is_new)) {
            is_first(&mut self.names, "name", name, review);
        }
    }
}

fn is_first(
    taken: &mut HashMap<String, usize>,
    what: &str,
    text: &Text,
    review: &mut Review,
) -> bool {
    let key = text.value.to_lowercase();
    if let Some(first) = taken.get(&key) {
        review.error(
            text.place,
            format!(
                "two nodes have the {what} `{}`, the first in line {first}",
                text.value
            ),
            "remove one of the two nodes, or correct it",
        );
        return false;
    }
    taken.insert(key, text.place.line);
    true
}

fn owner(number: usize, fields: &Fields) -> String {
    match fields.value("address").map(|tree| &tree.value) {
        Some(Kind::Text(address)) => format!("node {number} ({address})"),
        _ => format!("node {number}"),
    }
}

fn roles(fields: &Fields, owner: &str, review: &mut Review) -> BTreeSet<Role> {
    let items = fields.items("role");
    let is_empty_list = matches!(
        fields.value("role").map(|tree| &tree.value),
        Some(Kind::List(items)) if items.is_empty()
    );
    if is_empty_list || fields.value("role").is_none() {
        fields.complain_of_missing("role", owner, review);
    }
    items
        .iter()
        .filter_map(|item| role(item, owner, review))
        .collect()
}

fn role(item: &Tree, owner: &str, review: &mut Review) -> Option<Role> {
    let word = text("role", item, review)?;
    let role = Role::named(&word);
    if role.is_none() {
        let names = Role::ALL.map(Role::name);
        let hint = nearest(&word, names).map_or_else(
            || format!("write one of {}", names.join(", ")),
            |meant| format!("did you mean `{meant}`?"),
        );
        review.error(
            yaml::place(item),
            format!("{owner} has the unknown role `{word}`"),
            hint,
        );
    }
    role
}

fn hostname_override(fields: &Fields, owner: &str, review: &mut Review) -> Option<Text> {
    let mut name = fields.text("hostname_override", review)?;
    name.value = name.value.to_lowercase();
    if !is_dns_1123(&name.value) {
        review.error(
            name.place,
            format!(
                "the `hostname_override` of {owner} is no host name: `{}`",
                name.value
            ),
            "use letters, digits, `-` and `.`, with a letter or digit at both ends of each part",
        );
    }
    Some(name)
}

/// A DNS-1123 subdomain, which is what Kubernetes takes for the name of a node.
fn is_dns_1123(name: &str) -> bool {
    let is_label = |label: &str| {
        !label.is_empty()
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label
                .bytes()
                .all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-'))
    };
    name.len() <= 253 && name.split('.').all(is_label)
}

fn docker_socket(fields: &Fields, review: &mut Review) -> Option<String> {
    let Some(_) = fields.value("docker_socket") else {
        return Some(DEFAULT_SOCKET.to_owned());
    };
    let socket = fields.line("docker_socket", review)?;
    if !socket.value.starts_with('/') {
        review.error(
            socket.place,
            format!(
                "`docker_socket` is not an absolute path: `{}`",
                socket.value
            ),
            format!("write `docker_socket: {DEFAULT_SOCKET}`, or leave it out"),
        );
        return None;
    }
    Some(socket.value)
}

fn labels(fields: &Fields, review: &mut Review) -> BTreeMap<String, String> {
    let mut labels = BTreeMap::new();
    for (key, value) in fields.entries("labels") {
        if let Some(value) = text(&key.value, value, review) {
            labels.insert(key.value.clone(), value);
        }
    }
    labels
}

fn taints(fields: &Fields, review: &mut Review) -> Vec<Taint> {
    let mut taints = Vec::new();
    for item in fields.items("taints") {
        let fields = Fields::of(item);
        let mut part = |key| fields.text(key, review).map(|text| text.value);
        taints.push(Taint {
            key: part("key").unwrap_or_default(),
            value: part("value").unwrap_or_default(),
            effect: part("effect").unwrap_or_default(),
        });
    }
    taints
}
