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

#[test]
fn a_failing_check_reads_from_top_to_bottom() {
    let page = html(&sample::document(sample::failing_check()));
    let told = with_tree(&page, |tree| {
        let body = elements(tree, "body").next().unwrap();
        let blocks = body.descendants().filter(|one| {
            [
                "h1", "h2", "h3", "p", "dt", "dd", "summary", "li", "tr", "caption",
            ]
            .contains(&one.tag_name().name())
        });
        let lines: Vec<String> = blocks
            .map(|one| format!("{}: {}", one.tag_name().name(), text_of(one)))
            .collect();
        lines.join("\n")
    });
    assert_snapshot!(told, @"");
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
