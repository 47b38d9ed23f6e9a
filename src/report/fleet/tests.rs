use insta::assert_snapshot;

use super::*;
use crate::report::sample;
use crate::report::table::Look;
use crate::report::table::Style;

fn fleet() -> Fleet {
    let mut fleet = Fleet::default();
    fleet.absorb("east-1".into(), &sample::document(sample::clean_check()));
    fleet.absorb("west-1".into(), &sample::document(sample::failing_check()));
    fleet.absorb(
        "west-2".into(),
        &sample::document(sample::half_done_apply()),
    );
    fleet.miss("lost".into(), "not JSON: <EOF>".into());
    fleet
}

fn text(write: impl FnOnce(&mut Vec<u8>) -> io::Result<()>) -> String {
    let mut out = Vec::new();
    write(&mut out).unwrap();
    String::from_utf8(out).unwrap()
}

#[test]
fn the_table_says_which_cluster_fails_what_and_which_could_not_be_read() {
    let look = Look {
        style: Style::Plain,
        width: 100,
        diff: false,
        all: false,
    };
    assert_snapshot!(text(|out| write_table(out, &fleet(), look)), @r#"
    guide:1.1.1  The kernel behaves as the kubelet expects, now and after a reboot
      fail     west-[1-2]

    clusters
      passes              east-1: 2 pass, 0 fail, 0 unknown
      not fully measured  west-1: 0 pass, 1 fail, 0 unknown, 1 manual
      went wrong          west-2: 0 pass, 1 fail, 0 unknown
      not fully measured  lost: not JSON: <EOF>

    4 clusters · 9 nodes · controls: 2 pass, 2 fail, 0 unknown, 1 manual · 1 node unreachable · 1
      report not readable
    "#);
}

#[test]
fn a_run_counts_once_however_often_it_comes() {
    let mut view = fleet();
    let once = view.clone();

    let is_new = view.absorb("east-1".into(), &sample::document(sample::clean_check()));
    let known = view.join(&once);

    assert!(!is_new);
    assert_eq!(known, ["east-1", "west-1", "west-2"]);
    assert_eq!(view.summary.nodes, once.summary.nodes);
}

#[test]
fn controls_keep_the_order_of_the_profile() {
    let mut document = sample::document(sample::clean_check());
    let ids = ["guide:1.1.2", "cis:1.1.2", "cis:1.1.10"];
    let one = document.findings[0].clone();
    document.findings = ids
        .map(|id| {
            let mut finding = one.clone();
            finding.ruling.control = id.to_owned();
            finding
        })
        .to_vec();
    let mut view = Fleet::default();

    view.absorb("east-1".into(), &document);

    let told: Vec<&str> = view.controls.iter().map(|one| &*one.control).collect();
    assert_eq!(told, ids);
}

#[test]
fn the_worst_cluster_decides_and_none_is_not_measured() {
    assert_eq!(fleet().exit_code(), 5);
    assert_eq!(Fleet::default().exit_code(), 4);
    let mut lost = Fleet::default();
    lost.absorb("east-1".into(), &sample::document(sample::clean_check()));
    assert_eq!(lost.exit_code(), 0);
    lost.miss("lost".into(), "no such file".into());
    assert_eq!(lost.exit_code(), 4);
}

#[test]
fn the_other_forms_say_the_same_and_escape_it() {
    let fleet = fleet();
    let markdown = text(|out| write_markdown(out, &fleet));
    assert_snapshot!(markdown, @r#"
    ## harden, all clusters: went wrong

    4 clusters · 9 nodes · controls: 2 pass, 2 fail, 0 unknown, 1 manual · 1 node unreachable · 1 report not readable

    | Control | Fails on | Unknown on |
    |---|---|---|
    | **guide:1.1.1** The kernel behaves as the kubelet expects, now and after a reboot | west-&#91;1-2&#93; |  |

    <details><summary>Every cluster</summary>

    | Cluster | Result | Nodes | Controls |
    |---|---|---|---|
    | east-1 | passes | 2 | 2 pass, 0 fail, 0 unknown |
    | west-1 | not fully measured | 4 | 0 pass, 1 fail, 0 unknown, 1 manual |
    | west-2 | went wrong | 3 | 0 pass, 1 fail, 0 unknown |
    | lost | not fully measured | 0 | not JSON: &#60;EOF&#62; |

    </details>
    "#);

    let junit = text(|out| write_junit(out, &fleet));
    let tree = roxmltree::Document::parse(&junit).unwrap();
    assert_eq!(
        tree.root_element()
            .children()
            .filter(roxmltree::Node::is_element)
            .count(),
        4
    );

    let html = text(|out| write_html(out, &fleet));
    let options = roxmltree::ParsingOptions {
        allow_dtd: true,
        ..roxmltree::ParsingOptions::default()
    };
    roxmltree::Document::parse_with_options(&html, options).unwrap();
    assert!(html.contains("not JSON: &lt;EOF&gt;"), "{html}");

    let json: serde_json::Value = serde_json::from_str(&text(|out| fleet.write_json(out))).unwrap();
    assert_eq!(json["summary"]["unread"], 1);
    assert_eq!(json["clusters"][1]["verdicts"]["guide:1.1.1"], "fail");

    let sarif: serde_json::Value =
        serde_json::from_str(&text(|out| write_sarif(out, &fleet))).unwrap();
    assert_eq!(sarif["runs"][0]["results"].as_array().unwrap().len(), 2);
}

#[test]
fn a_saved_view_reads_to_the_same_view_and_joins_another() {
    let saved = text(|out| fleet().write_json(out));
    let again = Fleet::read(saved.as_bytes()).unwrap();
    assert_eq!(again, fleet());

    let mut joined = Fleet::default();
    joined.join(&again);
    assert_eq!(joined, fleet());
    joined.absorb("north".into(), &sample::document(sample::clean_check()));
    assert_eq!(joined.summary.clusters, 5);

    let newer = saved.replacen("\"version\": 1", "\"version\": 2", 1);
    let error = Fleet::read(newer.as_bytes()).unwrap_err();
    assert!(
        matches!(error, ReadError::Newer { version: 2, .. }),
        "{error}"
    );
}
