//! Reads `cluster.yml` the way RKE does, and names what RKE would silently ignore.
//!
//! An inventory is an RKE `cluster.yml` of which only `nodes` is needed; a
//! complete `cluster.yml` is an inventory too. Facts: rke.md 0 to 2.

use std::path::Path;
use std::path::PathBuf;

use crate::inventory::Bastion;
use crate::inventory::Inventory;
use crate::inventory::KeySource;
use crate::inventory::Node;
use crate::inventory::Privilege;
use crate::inventory::Site;
use crate::inventory::access::Access;
use crate::inventory::endpoint;
use crate::inventory::fields;
use crate::inventory::fields::Fields;
use crate::inventory::fields::Text;
use crate::inventory::jump;
use crate::inventory::keys;
use crate::inventory::node;
use crate::inventory::node::Taken;
use crate::inventory::review::Review;
use crate::inventory::schema;
use crate::inventory::tree::Kind;
use crate::inventory::tree::Tree;
use crate::source::Remark;
use crate::yaml;

const NODES_HINT: &str =
    "begin with `nodes:` and below it `- address: 10.0.0.1`, with `user` and `role` for each node";

/// Reads an inventory from its text.
///
/// `home` is where `~/` leads; `agent_socket` says whether `SSH_AUTH_SOCK` is set.
///
/// # Errors
///
/// Every mistake of the file, in order of appearance; for a text that is not YAML the first.
pub fn read(
    file: &str,
    text: &str,
    home: Option<&Path>,
    agent_socket: bool,
) -> Result<Inventory, Vec<Remark>> {
    let mut review = Review::new(file, text);
    let documents =
        yaml::entries::<Tree>(file, text).map_err(|remark| vec![explained(remark, &review)])?;
    let Some(root) = documents.first() else {
        return Err(vec![
            Remark::of_file(file, "the inventory is empty").hinted(NODES_HINT),
        ]);
    };
    let Kind::Map(_) = root.value else {
        return Err(vec![not_a_mapping(root, &review)]);
    };
    if let Some(second) = documents.get(1) {
        review.warn(
            yaml::place(second),
            "RKE reads only the first document of the file, and so does harden",
            "move what is below the `---` to a file of its own",
        );
    }
    let inventory = cluster(root, home, agent_socket, &mut review);
    let warnings = review.finish()?;
    Ok(Inventory {
        warnings,
        ..inventory
    })
}

fn not_a_mapping(root: &Tree, review: &Review) -> Remark {
    let hint = match root.value {
        Kind::List(_) => "write `nodes:` in a line above the list",
        _ => NODES_HINT,
    };
    let message = format!("the inventory must be a mapping, not {}", root.value.name());
    review.remark(yaml::place(root), message, hint)
}

/// What could be read of the cluster; only worth something when no error was noted.
fn cluster(root: &Tree, home: Option<&Path>, agent_socket: bool, review: &mut Review) -> Inventory {
    keys::check(root, review);
    let fields = Fields::of(root);
    let mut access = Access::read(&fields, home, agent_socket, review);
    let nodes = nodes(&fields, &mut access, review);
    let bastion = bastion(&fields, &mut access, review);
    let shared_key = access.shared_key();
    let proxy_jump = proxy_jump(&fields, shared_key.as_ref(), review);
    let ssh_agent_auth = access.agent;
    access.finish(review);
    fields.text("cluster_name", review);
    Inventory {
        file: review.file.to_owned(),
        nodes,
        bastion,
        proxy_jump,
        shared_key,
        ssh_agent_auth,
        prefix_path: prefix_path(&fields, review),
        ignore_docker_version: fields.flag("ignore_docker_version", review),
        kubernetes_version: kubernetes_version(&fields, review),
        is_cluster_file: fields.keys().any(schema::is_of_cluster_file),
        site: site(&fields, review),
        warnings: Vec::new(),
    }
}

fn nodes(root: &Fields, access: &mut Access, review: &mut Review) -> Vec<Node> {
    let trees = root.items("nodes");
    if trees.is_empty() {
        complain_of_no_nodes(root, review);
        return Vec::new();
    }
    let mut taken = Taken::default();
    let nodes = (1..)
        .zip(trees)
        .filter_map(|(number, tree)| node::read(number, tree, access, &mut taken, review))
        .collect();
    let is_etcd_elsewhere = root
        .inner("services")
        .and_then(|services| services.inner("etcd"))
        .is_some_and(|etcd| !etcd.items("external_urls").is_empty());
    // A node whose role could not be read may be the one.
    if !taken.etcd && !is_etcd_elsewhere && review.is_fine() {
        review.error(
            root.place_of("nodes").unwrap_or_default(),
            "no node has the role `etcd`, and a cluster needs one",
            "add `etcd` to the `role` of one, three or five nodes",
        );
    }
    nodes
}

fn complain_of_no_nodes(root: &Fields, review: &mut Review) {
    match root.value("nodes").map(|tree| &tree.value) {
        // A wrong kind of value was named already.
        Some(kind) if !matches!(kind, Kind::List(_)) => {}
        Some(_) => review.error(
            root.place_of("nodes").unwrap_or_default(),
            "`nodes` is an empty list",
            NODES_HINT,
        ),
        None => root.complain_of_missing("nodes", "the inventory", review),
    }
}

fn bastion(root: &Fields, access: &mut Access, review: &mut Review) -> Option<Bastion> {
    let fields = root.inner("bastion_host")?;
    // No address means no jump host, whatever else is there (rke.md 1.2).
    fields.value("address")?;
    let owner = "`bastion_host`";
    let address = endpoint::address(&fields, owner, review);
    let port = endpoint::port(&fields, review);
    let user = fields.required("user", owner, review);
    let key = access.key(&fields, review);
    Some(Bastion {
        address: address?.value,
        port: port?,
        has_port: fields.value("port").is_some(),
        user: user?.value,
        key: key?,
    })
}

fn proxy_jump(root: &Fields, key: Option<&KeySource>, review: &mut Review) -> Vec<Bastion> {
    let Some(site) = root.inner("harden") else {
        return Vec::new();
    };
    let mut hops = Vec::new();
    for item in site.items("proxy_jump") {
        let Some(text) = fields::text("proxy_jump", item, review) else {
            continue;
        };
        match (
            jump::read(&text, key.cloned().unwrap_or(KeySource::Agent)),
            key,
        ) {
            (Ok(hop), Some(_)) => hops.push(hop),
            (Ok(_), None) => review.error(
                yaml::place(item),
                format!("no key is known for the jump host `{text}`"),
                "set `ssh_key_path` at the cluster level, or `ssh_agent_auth: true` with an agent",
            ),
            (Err(reason), _) => review.error(
                yaml::place(item),
                format!("the jump host `{text}` {reason}"),
                "write it as `USER@HOST` or `USER@HOST:PORT`",
            ),
        }
    }
    hops
}

fn prefix_path(root: &Fields, review: &mut Review) -> String {
    let Some(prefix) = root.line("prefix_path", review) else {
        return "/".to_owned();
    };
    if !prefix.value.starts_with('/') {
        review.error(
            prefix.place,
            format!("`prefix_path` is not an absolute path: `{}`", prefix.value),
            format!("write `prefix_path: /{}`", prefix.value),
        );
    }
    prefix.value
}

fn kubernetes_version(root: &Fields, review: &mut Review) -> Option<String> {
    let version = root.line("kubernetes_version", review);
    if version.is_none() && root.keys().any(schema::is_of_cluster_file) {
        review.warn_of_file(
            "no `kubernetes_version`: `rke up` takes its own default, and may upgrade the cluster",
            "pin the version that runs now, such as `kubernetes_version: v1.11.3-rancher1-1`",
        );
    }
    version.map(|version| version.value)
}

fn site(root: &Fields, review: &mut Review) -> Site {
    let Some(fields) = root.inner("harden") else {
        return Site::default();
    };
    let mut path = |key| {
        let text: Option<Text> = fields.text(key, review);
        text.map(|text| PathBuf::from(text.value))
    };
    Site {
        playbook: path("playbook"),
        cluster_config: path("cluster_config"),
        known_hosts: path("known_hosts"),
        privilege: privilege(&fields, review),
    }
}

fn privilege(site: &Fields, review: &mut Review) -> Privilege {
    let Some(word) = site.text("privilege", review) else {
        return Privilege::default();
    };
    match word.value.as_str() {
        "sudo" => Privilege::Sudo,
        "docker" => Privilege::Docker,
        other => {
            review.error(
                word.place,
                format!("`privilege` is neither `sudo` nor `docker`: `{other}`"),
                "leave it out for `sudo`; write `docker` for users of the group docker without sudo",
            );
            Privilege::default()
        }
    }
}

/// The reader's mistake in words for people, with what to do.
fn explained(remark: Remark, review: &Review) -> Remark {
    let Some(at) = remark.place else {
        return remark;
    };
    if !remark.hint.is_empty() {
        return remark;
    }
    let hint = if remark.message.contains("mapping values are not allowed") {
        "correct the indentation, or quote a value that contains `: `"
    } else if remark.message.contains("unknown anchor") {
        "put the anchor `&name` above its first use, or quote a value that begins with `*`"
    } else {
        "look at indentation, quotes and brackets of this line and of the line above"
    };
    review.remark(at, remark.message, hint)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NODE: &str = "nodes:\n- {address: a, user: u, role: [etcd]";

    fn key(
        more: &str,
        cluster: &str,
        home: Option<&str>,
        socket: bool,
    ) -> Result<KeySource, String> {
        let text = format!("{NODE}{more}}}\n{cluster}\n");
        match read("fleet.yml", &text, home.map(Path::new), socket) {
            Ok(inventory) => Ok(inventory.nodes[0].key.clone()),
            Err(errors) => Err(errors[0].message.clone()),
        }
    }

    fn file(path: &str) -> KeySource {
        KeySource::File(path.into())
    }

    #[test]
    fn a_key_path_comes_from_the_node_then_the_cluster_then_the_home() {
        let home = Some("/home/op");

        assert_eq!(
            key("", "", home, true),
            Ok(KeySource::Default("/home/op/.ssh/id_rsa".into()))
        );
        assert_eq!(
            key("", "ssh_key_path: ~/k", home, false),
            Ok(file("/home/op/k"))
        );
        assert_eq!(
            key(", ssh_key_path: k", "ssh_key_path: /c", home, false),
            Ok(file("k"))
        );
    }

    #[test]
    fn an_agent_wins_over_every_key_and_an_inline_key_over_a_path() {
        let inline = || Ok(KeySource::Inline("PEM".to_owned().into()));
        let own = ", ssh_key: PEM, ssh_key_path: /k";

        assert_eq!(
            key(own, "ssh_agent_auth: on", None, true),
            Ok(KeySource::Agent)
        );
        assert_eq!(key(own, "ssh_agent_auth: on", None, false), inline());
        assert_eq!(key(own, "", None, true), inline());
        assert_eq!(
            key(", ssh_agent_auth: true, ssh_key_path: /k", "", None, true),
            Ok(file("/k"))
        );
    }

    #[test]
    fn an_agent_without_a_socket_is_refused_once_for_all_nodes() {
        let text = "ssh_agent_auth: true\nssh_key_path: /k\nnodes:\n- {address: a, user: u, role: [etcd]}\n- {address: b, user: u, role: [etcd]}\n";

        let errors = read("fleet.yml", text, None, false).unwrap_err();

        assert_eq!(errors.len(), 1);
        assert_eq!(errors[0].place.unwrap().line, 1);
        assert!(errors[0].message.contains("`ssh: no key found`"));
        assert!(errors[0].hint.contains("ssh-add"));
    }

    #[test]
    fn a_home_that_is_not_known_is_an_error_only_where_it_is_needed() {
        assert_eq!(key("", "ssh_key_path: /k", None, false), Ok(file("/k")));
        assert!(key("", "", None, false).unwrap_err().contains("HOME"));
    }

    #[test]
    fn equal_nodes_and_keys_are_found_through_one_alias() {
        let text = "x-all: &all\n- {address: a, user: u, role: [etcd]}\n- {address: a, user: u, user: v, role: [etcd]}\nnodes: *all\nssh_key_path: /k\n";

        let errors = read("fleet.yml", text, None, false).unwrap_err();

        let messages: Vec<_> = errors.iter().map(|error| error.message.as_str()).collect();
        assert!(
            messages.contains(&"`user` is given twice, first in line 3"),
            "{messages:?}"
        );
        assert!(
            messages
                .iter()
                .any(|m| m.starts_with("two nodes have the address `a`")),
            "{messages:?}"
        );
    }

    #[test]
    fn jump_hosts_of_our_own_take_the_place_of_rkes_and_a_bad_one_is_named() {
        let node = format!("{NODE}}}\nbastion_host: {{address: b, user: u}}\n");
        let read = |jump: &str| {
            let text = format!("{node}harden: {{proxy_jump: [{jump}]}}\nssh_key_path: /k\n");
            read("fleet.yml", &text, None, false)
        };
        let addresses = |inventory: &Inventory| {
            let hops = inventory.hops().iter();
            hops.map(|hop| hop.address.clone()).collect::<Vec<_>>()
        };

        let two = read("ops@out, 'ops@in:2222'").unwrap();
        assert_eq!(addresses(&two), ["out", "in"]);
        assert_eq!(two.hops()[1].key, file("/k"));
        assert_eq!(addresses(&read("").unwrap()), ["b"]);
        let errors = read("ops@out, in").unwrap_err();
        assert_eq!(errors[0].message, "the jump host `in` has no user");
    }

    #[test]
    fn ten_thousand_nodes_with_a_warning_each_are_read() {
        let node = |n: usize| {
            format!(
                "- address: node-{n}\n  user: u\n  role: [etcd, worker]\n  port: 22\n  internal_address: in-{n}\n  labels: {{a: b, c: d, e: f}}\n  taints: [{{key: a, value: b, effect: c}}]\n  shoe: 1\n"
            )
        };
        let nodes: String = (0..10_000).map(node).collect();

        let inventory = read(
            "fleet.yml",
            &format!("ssh_key_path: /k\nnodes:\n{nodes}"),
            None,
            false,
        )
        .unwrap();

        assert_eq!(inventory.nodes.len(), 10_000);
        assert_eq!(inventory.warnings.len(), 10_000);
    }

    #[test]
    fn privilege_is_sudo_unless_docker_is_asked_for() {
        let privilege = |block: &str| {
            let text = format!("{NODE}}}\nssh_key_path: /k\n{block}\n");
            let read = read("fleet.yml", &text, None, false);
            read.map(|inventory| inventory.site.privilege)
                .map_err(|errors| errors[0].message.clone())
        };

        assert_eq!(privilege(""), Ok(Privilege::Sudo));
        assert_eq!(
            privilege("harden: {privilege: docker}"),
            Ok(Privilege::Docker)
        );
        assert!(
            privilege("harden: {privilege: root}")
                .unwrap_err()
                .contains("`root`")
        );
    }

    proptest::proptest! {
        /// Whatever is written in a field: no node gets lost without an error.
        #[test]
        fn a_node_is_read_or_refused_but_never_dropped(
            field in "address|port|user|role|internal_address|hostname_override|docker_socket|ssh_key|ssh_key_path|labels|taints|ssh_agent_auth",
            value in r#"|~|0|1|22|yes|1\.5|-1|text|/abs|\[\]|\[etcd\]|\[a\]|\{\}|\{a: b\}|"x y"|"true"|"""#,
        ) {
            let mut fields = [("address", "b"), ("user", "u"), ("role", "[worker]"), ("port", "22")];
            let place = fields.iter().position(|(name, _)| *name == field).unwrap_or(3);
            fields[place] = (&field, &value);
            let node = fields.map(|(name, value)| format!("  {name}: {value}\n")).concat();
            let text = format!("ssh_key_path: /k\n{NODE}}}\n-\n{node}");
            match read("fleet.yml", &text, None, false) {
                Ok(inventory) => proptest::prop_assert_eq!(inventory.nodes.len(), 2),
                Err(errors) => proptest::prop_assert!(!errors.is_empty()),
            }
        }
    }
}
