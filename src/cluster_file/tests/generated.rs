//! Generated files and edits: what holds for all of them.

use std::fmt::Write as _;

use proptest::prelude::*;

use super::append;
use super::set;
use crate::cluster_file::ClusterFile;
use crate::cluster_file::Edit;
use crate::cluster_file::Scalar;
use crate::yaml::Value;

/// How a generated file writes the arguments of one service.
#[derive(Clone, Debug)]
enum Style {
    Missing,
    Null,
    Empty,
    Block,
    Flow,
}

#[derive(Clone, Debug)]
struct Service {
    name: &'static str,
    style: Style,
    args: Vec<(String, String)>,
    binds: Option<(bool, Vec<String>)>,
}

fn services() -> impl Strategy<Value = Vec<Service>> {
    let style = prop_oneof![
        Just(Style::Missing),
        Just(Style::Null),
        Just(Style::Empty),
        Just(Style::Block),
        Just(Style::Flow),
    ];
    let args = proptest::collection::btree_map("[a-e]{1,2}", argument(), 1..4);
    let binds = proptest::option::of((
        any::<bool>(),
        proptest::collection::vec("/[a-c]:/[a-c]", 1..3),
    ));
    let service = (style, args, binds);
    proptest::collection::vec(service, 1..4).prop_map(|services| {
        let names = ["kube-api", "kubelet", "etcd"].into_iter();
        names
            .zip(services)
            .map(|(name, (style, args, binds))| Service {
                name,
                style,
                args: args.into_iter().collect(),
                binds,
            })
            .collect()
    })
}

fn argument() -> impl Strategy<Value = String> {
    prop_oneof![
        "[ -~]{0,12}",
        "(true|false|yes|n|0644|1_0|~|1e3|\\.5|0x1f|<<|-|\\?|null)",
        "[a-zé]{1,6}(, ?[a-z]{1,4}){0,2}",
    ]
}

fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

fn render(services: &[Service], width: usize, addons: &str, tail: &str) -> String {
    let pad = |depth: usize| " ".repeat(depth * width);
    let mut text = String::from("# c-head\nnodes: [] # c-nodes\nservices: # c-services\n");
    for service in services {
        let name = service.name;
        writeln!(text, "{}# c-{name}\n{}{name}:", pad(1), pad(1)).unwrap();
        writeln!(text, "{}image: x # c-image-{name}", pad(2)).unwrap();
        let args = service.args.iter().map(|(key, value)| (key, quoted(value)));
        match service.style {
            Style::Missing => {}
            Style::Null => writeln!(text, "{}extra_args: # c-null-{name}", pad(2)).unwrap(),
            Style::Empty => writeln!(text, "{}extra_args: {{}} # c-empty-{name}", pad(2)).unwrap(),
            Style::Block => {
                writeln!(text, "{}extra_args:", pad(2)).unwrap();
                for (key, value) in args {
                    writeln!(text, "{}{key}: {value} # c-{name}-{key}", pad(3)).unwrap();
                }
            }
            Style::Flow => {
                let args: Vec<String> =
                    args.map(|(key, value)| format!("{key}: {value}")).collect();
                writeln!(text, "{}extra_args: {{{}}}", pad(2), args.join(", ")).unwrap();
            }
        }
        if let Some((indented, binds)) = &service.binds {
            writeln!(text, "{}extra_binds:", pad(2)).unwrap();
            for bind in binds {
                let deeper = if *indented { "  " } else { "" };
                writeln!(text, "{}{deeper}- {bind} # c-bind", pad(2)).unwrap();
            }
        }
    }
    text + addons + tail
}

fn addons_texts() -> impl Strategy<Value = &'static str> {
    prop_oneof![
        Just(""),
        Just("addons: # c-addons\n"),
        Just("addons: |\n  kind: A # c-inner\n  metadata: {name: a}\n"),
        Just(
            "addons: |- # c-addons\n    # c-inner\n    kind: A\n    metadata: {name: a}\n    ---\n    kind: Role\n    metadata: {name: r, old: x} # old\n\n"
        ),
        Just("addons: \"kind: A\\nmetadata: {name: a}\\n\" # c-addons\n"),
    ]
}

fn wishes() -> impl Strategy<Value = Vec<Edit>> {
    let service = || {
        prop_oneof![
            Just("kube-api"),
            Just("kubelet"),
            Just("etcd"),
            Just("scheduler")
        ]
    };
    let wish = prop_oneof![
        4 => (service(), "[a-e]{1,2}", argument())
            .prop_map(|(name, key, value)| set(&format!("services/{name}/extra_args/{key}"), &value)),
        2 => (service(), "/[a-d]:/[a-d](:ro)?")
            .prop_map(|(name, bind)| append(&format!("services/{name}/extra_binds"), &bind)),
        1 => Just(Edit::Addons {
            documents: vec!["kind: Role\nmetadata: {name: r}\nrules: []\n".to_owned()],
        }),
        1 => Just(Edit::AddonsCount { number: 7 }),
    ];
    proptest::collection::vec(wish, 1..6)
}

/// The values that no edit names: equal before and after.
fn others(file: &ClusterFile, edits: &[Edit]) -> Vec<(String, Value)> {
    fn walk(value: &Value, path: &str, out: &mut Vec<(String, Value)>) {
        match value {
            Value::Map(map) => map
                .iter()
                .for_each(|(key, value)| walk(value, &format!("{path}/{key}"), out)),
            Value::List(list) => list
                .iter()
                .for_each(|item| out.push((path.to_owned(), item.clone()))),
            other => out.push((path.to_owned(), other.clone())),
        }
    }
    let mut values = Vec::new();
    walk(&file.tree, "", &mut values);
    let named: Vec<String> = edits
        .iter()
        .filter_map(|edit| match edit {
            Edit::Set { path, .. } | Edit::Append { path, .. } => {
                Some(format!("/{}", path.join("/")))
            }
            Edit::Addons { .. } | Edit::AddonsCount { .. } => None,
        })
        .collect();
    values.retain(|(path, value)| {
        *value != Value::Null && path != "/addons" && !named.contains(path)
    });
    values
}

fn assert_met(file: &ClusterFile, edits: &[Edit]) {
    let mut settled = std::collections::BTreeMap::new();
    for edit in edits {
        match edit {
            Edit::Set {
                path,
                value: Scalar::Text(text),
            } => {
                settled.insert(path.clone(), text.clone());
            }
            Edit::Append { path, item } => {
                let path: Vec<&str> = path.iter().map(String::as_str).collect();
                let Some(Value::List(list)) = file.value_at(&path) else {
                    panic!("{path:?} is not a list");
                };
                assert!(list.contains(&Value::Text(item.clone())));
            }
            Edit::Addons { .. } => {
                let addons = file.addons().unwrap();
                assert!(addons.iter().any(|it| it.value.at(&["rules"]).is_some()));
            }
            Edit::AddonsCount { number } => assert_eq!(file.addons_count(), *number),
            Edit::Set { .. } => {}
        }
    }
    for (path, text) in settled {
        let path: Vec<&str> = path.iter().map(String::as_str).collect();
        assert_eq!(
            file.value_at(&path).and_then(Value::text),
            Some(text.as_str())
        );
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(256) })]

    #[test]
    fn any_edit_of_any_file_reads_back_keeps_the_rest_and_settles(
        services in services(),
        width in 1_usize..5,
        addons in addons_texts(),
        tail in prop_oneof![Just(""), Just("# c-tail"), Just("\nnetwork: {plugin: canal} # c-net\n"), Just("...\n")],
        crlf in any::<bool>(),
        edits in wishes(),
    ) {
        let text = render(&services, width, addons, tail);
        let text = if crlf { text.replace('\n', "\r\n") } else { text };
        let before = ClusterFile::parse("cluster.yml", &text).unwrap();

        let new = before.edited(&edits).unwrap();

        let after = ClusterFile::parse("cluster.yml", &new.text).unwrap();
        assert_met(&after, &edits);
        for value in others(&before, &edits) {
            prop_assert!(others(&after, &edits).contains(&value), "{value:?} is gone from\n{}", new.text);
        }
        for comment in text.split_whitespace().filter(|word| word.starts_with("c-")) {
            prop_assert!(new.text.contains(comment), "{comment} is gone from\n{}", new.text);
        }
        let again = after.edited(&edits).unwrap();
        prop_assert!(!again.changed, "changed again:\n{}", new.text);
        prop_assert_eq!(again.text, new.text);
    }
}
