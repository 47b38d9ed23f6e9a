use std::collections::BTreeSet;

use insta::assert_snapshot;
use roxmltree::Node;
use roxmltree::ParsingOptions;

use super::*;
use crate::report::sample;

fn html(document: &Document) -> String {
    let mut out = Vec::new();
    write(&mut out, document).unwrap();
    String::from_utf8(out).unwrap()
}

/// The page is well-formed XML, too, so that its structure can be looked at.
fn with_tree<T>(text: &str, look: impl FnOnce(&roxmltree::Document<'_>) -> T) -> T {
    let options = ParsingOptions {
        allow_dtd: true,
        ..ParsingOptions::default()
    };
    look(&roxmltree::Document::parse_with_options(text, options).unwrap())
}

fn elements<'a>(
    tree: &'a roxmltree::Document<'_>,
    name: &'a str,
) -> impl Iterator<Item = Node<'a, 'a>> {
    tree.descendants().filter(move |one| one.has_tag_name(name))
}

fn text_of(node: Node<'_, '_>) -> String {
    let texts = node.descendants().filter(Node::is_text);
    let texts = texts.filter_map(|one| one.text());
    let words: Vec<&str> = texts.flat_map(str::split_whitespace).collect();
    words.join(" ")
}

const BLOCKS: [&str; 10] = [
    "h1", "h2", "h3", "p", "dt", "dd", "summary", "li", "tr", "caption",
];

#[test]
fn a_failing_check_reads_from_top_to_bottom() {
    let page = html(&sample::document(sample::failing_check()));
    let told = with_tree(&page, |tree| {
        let body = elements(tree, "body").next().unwrap();
        let blocks = body
            .descendants()
            .filter(|one| BLOCKS.contains(&one.tag_name().name()));
        let lines: Vec<String> = blocks
            .map(|one| format!("{}: {}", one.tag_name().name(), text_of(one)))
            .collect();
        lines.join("\n")
    });
    assert_snapshot!(told, @r#"
    h1: harden check inventory.yml
    p: Not fully measured 2 controls on 4 nodes: 0 pass, 1 fail, 0 unknown, 1 manual · 1 finding not fully measured · 1 node unreachable · 5 changes planned
    dt: Run
    dd: check inventory.yml: 4 nodes, profile rancher-2.1, level 1
    dt: Against
    dd: Rancher Hardening Guide v2.1; CIS Kubernetes Benchmark v1.3.0
    dt: Began
    dd: 2026-11-23T12:09:45Z
    dt: Took
    dd: 1.5 s
    li: Summary
    li: Blockers
    li: Unreachable
    li: Warnings
    li: Controls
    li: Nodes
    li: Plan
    h2: Summary
    caption: How many of each verdict. A control counts once, with its worst verdict on any node.
    tr: Verdict Controls Findings
    tr: fail 1 2
    tr: unknown 0 1
    tr: pass 0 1
    tr: manual 1 1
    h2: Blockers
    li: worker-1 could not be asked: connection refused (silent-node) Hint: mend the connection to worker-1; or pass `--allow-incomplete` to change the other nodes' files and leave cluster.yml alone
    h2: Unreachable
    li: worker-1: no connection to 10.0.0.21:22: connection refused Hint: start sshd on worker-1
    h2: Warnings
    li: inventory.yml line 4: rke ignores `kube_api` Hint: write `kube-api`
    h2: Controls
    summary: fail guide:1.1.1 The kernel behaves as the kubelet expects, now and after a reboot
    h3: fail cp-[1,3]
    tr: What Wanted Seen State
    tr: kernel.panic now 10 0 differs
    tr: kernel.panic after a reboot 10 not set differs
    tr: kernel.panic_on_oops now 1 1 as wanted
    h3: pass cp-2
    tr: What Wanted Seen State
    tr: kernel.panic now 10 10 as wanted
    h3: unknown worker-1
    p: not reached, see below
    summary: manual guide:2.1.5 Pods are restricted unless they are allowed more
    h3: manual cluster
    p: look at the policies
    h2: Nodes
    tr: Node Pass Fail Unknown Other What fails or is unknown
    tr: cp-1 0 1 0 0 guide:1.1.1
    tr: cp-2 1 0 0 0
    tr: cp-3 0 1 0 0 guide:1.1.1
    tr: worker-1 not reached 0 0 1 0 guide:1.1.1
    tr: cluster 0 0 0 1
    h2: Plan
    p: Apply would refuse because of the blockers below; else it would
    h3: Change on cp-[1,3]
    li: kernel kernel.panic: 0 → 10 (guide:1.1.1)
    li: file /etc/kubernetes/audit.yaml: missing → 2 lines, 0600 root:root (guide:1.1.3) Content, before and after --- audit.yaml +++ audit.yaml @@ -0,0 +1,2 @@ +kind: Policy +rules: []
    summary: Content, before and after
    h3: Edit cluster.yml
    li: services.kube-api.extra_args.anonymous-auth: "false" (guide:2.1.2) Content, before and after --- cluster.yml +++ cluster.yml + anonymous-auth: "false"
    summary: Content, before and after
    h3: Then
    li: run rke up, because cluster.yml changes
    li: restart kube-apiserver on cp-[1,3]
    p: Written by harden 0.1.0. Contents of files are shown with secrets redacted; keys are never part of a report.
    "#);
}

#[test]
fn a_reader_that_cannot_see_finds_its_way() {
    for events in sample::all() {
        let page = html(&sample::document(events));
        with_tree(&page, |tree| {
            assert_eq!(tree.root_element().attribute("lang"), Some("en"));
            assert!(!text_of(elements(tree, "title").next().unwrap()).is_empty());
            for landmark in ["header", "nav", "main", "footer", "h1"] {
                assert_eq!(elements(tree, landmark).count(), 1, "{landmark}");
            }
            let mut depth = 1;
            for heading in tree.descendants() {
                let level = match heading.tag_name().name() {
                    "h1" => 1,
                    "h2" => 2,
                    "h3" => 3,
                    "h4" => 4,
                    _ => continue,
                };
                assert!(
                    level <= depth + 1,
                    "a level is left out: {}",
                    text_of(heading)
                );
                depth = level;
            }
            for head in elements(tree, "th") {
                assert!(["col", "row"].contains(&head.attribute("scope").unwrap()));
            }
            for mark in tree.descendants() {
                let class = mark.attribute("class").unwrap_or_default();
                if class.starts_with("mark") {
                    assert!(!text_of(mark).is_empty(), "a colour without a word");
                }
            }
        });
    }
}

#[test]
fn every_link_leads_somewhere_on_the_page_and_nothing_is_fetched_or_run() {
    for events in sample::all() {
        let page = html(&sample::document(events));
        with_tree(&page, |tree| {
            let ids: Vec<&str> = tree
                .descendants()
                .filter_map(|one| one.attribute("id"))
                .collect();
            let once: BTreeSet<&str> = ids.iter().copied().collect();
            assert_eq!(ids.len(), once.len(), "{ids:?}");
            for one in tree.descendants().filter(Node::is_element) {
                let name = one.tag_name().name();
                assert!(!["script", "link", "img", "iframe", "object"].contains(&name));
                for attribute in one.attributes() {
                    assert!(!attribute.name().starts_with("on"), "{attribute:?}");
                    assert_ne!(attribute.name(), "src");
                    if attribute.name() == "href" {
                        let target = attribute.value().strip_prefix('#').unwrap();
                        assert!(once.contains(target), "{target}");
                    }
                }
            }
        });
        assert!(!STYLE.contains("url(") && !STYLE.contains("@import"));
    }
}

#[test]
fn no_text_becomes_markup() {
    let text = "</pre></style><script>alert(\"x\")</script><img src=x onerror='y'>&lt;{{this}}";
    for events in sample::all() {
        let document = sample::document(events);
        let page = html(&sample::poisoned(&document, text));
        assert!(!page.contains("<script"), "{page}");
        assert!(!page.contains("\"x\""), "{page}");
        let names = |page: &str| {
            with_tree(page, |tree| {
                let all = tree.descendants().filter(Node::is_element);
                all.map(|one| one.tag_name().name().to_owned())
                    .collect::<Vec<_>>()
            })
        };
        // Empty texts have an element more once they hold something.
        let plain = html(&sample::poisoned(&document, "x"));
        assert_eq!(names(&page), names(&plain));
    }
}
