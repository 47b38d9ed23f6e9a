use super::*;
use crate::profile::library::DEFAULT_PLAYBOOK;
use crate::profile::playbook;

const HEAD: &str = "profile: test\nguide: g\nbenchmark: b\nplatform: rke1\nkubernetes: \"1.11\"\nvariables: {days: 5}\ncontrols:\n";

fn playbook_source(text: &str) -> Source {
    Source {
        file: "playbook.yml".into(),
        text: text.into(),
    }
}

fn loaded(controls: &str, playbook_text: &str) -> Result<Profile, Remark> {
    let mut library = Library::embedded();
    let text = format!("{HEAD}{controls}");
    let file = "test.yml".into();
    library.add_profile("test", Source { file, text });
    let source = playbook_source(playbook_text);
    let playbook = playbook::read(&source.file, &source.text)?;
    load(&source, &playbook, &library)
}

fn refused(controls: &str) -> Remark {
    loaded(controls, "playbook: p\nprofile: test\n").unwrap_err()
}

#[track_caller]
fn assert_refused(controls: &str, line: usize, message: &str) {
    let remark = refused(controls);
    assert!(remark.message.contains(message), "{remark}");
    assert_eq!(remark.place.unwrap().line, 7 + line, "{remark}");
}

const CONTROL: &str = "- id: guide:1\n  title: It is so\n  roles: [worker]\n";

#[test]
fn the_embedded_profile_loads_with_the_embedded_playbook() {
    let source = Source {
        file: DEFAULT_PLAYBOOK.0.into(),
        text: DEFAULT_PLAYBOOK.1.into(),
    };
    let playbook = playbook::read(&source.file, &source.text).unwrap();

    let profile = load(&source, &playbook, &Library::embedded()).unwrap();

    assert_eq!(profile.controls.len(), 15 + 113);
}

#[test]
fn exactly_one_way_to_a_verdict() {
    assert_refused(CONTROL, 1, "exactly one of");
    assert_refused(
        &format!("{CONTROL}  manual: look\n  not_applicable: no\n"),
        1,
        "exactly one of",
    );
    assert_refused(
        &format!("{CONTROL}  manual: look\n  known_failure: so\n"),
        1,
        "exactly one of",
    );
    assert_refused(&format!("{CONTROL}  audit: []\n"), 1, "`audit` is empty");
}

#[test]
fn an_exception_says_what_is_found_where_it_holds() {
    let audit =
        format!("{CONTROL}  audit: [{{sysctl: {{key: a.b, value: 1}}}}]\n  met_by: [rke]\n");
    let known_as = "  known_as: [{sysctl: {key: a.b, value: 0}}]\n";

    assert_refused(&format!("{audit}  known_failure: so\n"), 1, "`known_as`");
    assert_refused(&format!("{audit}{known_as}"), 1, "`known_as`");
    assert_refused(
        &format!("{CONTROL}  manual: look\n{known_as}"),
        1,
        "exactly one of",
    );
}

#[test]
fn ids_are_unique_and_have_a_namespace_and_references_exist() {
    let one = format!("{CONTROL}  manual: look\n");
    assert_refused(&format!("{one}{one}"), 5, "`guide:1` is there twice");
    assert_refused(&one.replace("guide:1", "1.1.1"), 1, "no namespace");
    assert_refused(
        &format!("{CONTROL}  audit: [{{sysctl: {{key: a.b, value: 1}}}}]\n  met_by: [guide:9]\n"),
        5,
        "there is no control `guide:9`",
    );
}

#[test]
fn unknown_keys_kinds_and_repeated_keys_are_errors_at_their_place() {
    assert_refused(
        &format!("{CONTROL}  manual: look\n  owner: me\n"),
        5,
        "owner",
    );
    assert_refused(
        &format!("{CONTROL}  audit:\n  - sysctl: {{key: a.b, vlaue: 1}}\n"),
        5,
        "vlaue",
    );
    assert_refused(
        &format!("{CONTROL}  audit:\n  - sysctrl: {{key: a.b, value: 1}}\n"),
        5,
        "sysctrl",
    );
    assert_refused(
        &format!("{CONTROL}  manual: look\n  manual: again\n"),
        5,
        "manual",
    );
}

#[test]
fn values_keep_their_type_and_modes_are_quoted() {
    let file = |mode: &str| {
        format!("{CONTROL}  audit:\n  - file: {{path: /a, mode: {mode}, template: event.yaml}}\n")
    };
    assert_refused(&file("\"600\""), 5, "is no mode");
    assert_refused(&file("\"0900\""), 5, "is no mode");
    assert_refused(
        &format!("{CONTROL}  audit:\n  - sysctl: {{key: a.b, value: high}}\n"),
        5,
        "",
    );
}

#[test]
fn templates_exist_and_all_their_variables_are_given() {
    let file = |name: &str, path: &str| {
        format!("{CONTROL}  audit:\n  - file: {{path: {path}, mode: \"0600\", template: {name}}}\n")
    };
    assert_refused(
        &file("nothing.yaml", "/a"),
        5,
        "there is no template `nothing.yaml`",
    );
    assert_refused(&file("admission.yaml", "etc/a"), 5, "no absolute path");
    let remark = refused(&file("event.yaml", "/a"));
    assert_eq!(remark.file, "templates/event.yaml.hbs");
    assert!(remark.message.contains("event_qps"), "{remark}");
}

#[test]
fn variables_are_known_and_of_the_defaults_kind() {
    let arg =
        format!("{CONTROL}  audit:\n  - arg: {{of: kubelet, name: x, equals: \"${{dyas}}\"}}\n");
    assert_refused(&arg, 5, "no variable `dyas` is given");
    let good = format!("{CONTROL}  manual: look\n");
    let wrong = |variables: &str| {
        loaded(
            &good,
            &format!("playbook: p\nprofile: test\nvariables: {variables}\n"),
        )
        .unwrap_err()
    };
    assert_eq!(wrong("{dayz: 5}").hint, "did you mean `days`?");
    assert_eq!(
        wrong("{days: \"5\"}").message,
        "`days` must be a whole number"
    );
    assert_eq!(wrong("{days: 0}").message, "`days` must be greater than 0");
    assert_eq!(
        wrong("{days: 0}").place,
        Some(Place {
            line: 3,
            column: 19
        })
    );
}

#[test]
fn controls_that_disagree_are_named_before_anything_runs() {
    let controls = format!(
        "{CONTROL}  audit: [{{sysctl: {{key: kernel.panic, value: 10}}}}]\n- id: site:3\n  title: Ours\n  roles: [etcd]\n  audit: [{{sysctl: {{key: kernel.panic, value: 0}}}}]\n"
    );
    assert_refused(
        &controls,
        5,
        "controls guide:1 and site:3 want different values for sysctl kernel.panic",
    );
}

#[test]
fn an_argument_expects_one_thing_and_says_what_to_write() {
    let arg =
        |fields: &str| format!("{CONTROL}  audit:\n  - arg: {{of: kubelet, name: x, {fields}}}\n");
    assert_refused(
        &arg("absent_or: \"1\", equals: \"1\""),
        5,
        "expects two things",
    );
    assert_refused(&arg("optional: []"), 5, "expects nothing");
    assert_refused(&arg("longer_than: \"0s\""), 5, "nothing says what to write");
    assert_refused(
        &arg("longer_than: \"0s\", write: \"0\""),
        5,
        "would not pass its own audit",
    );
    assert_refused(
        &arg("equals: \"1\"").replace("kubelet", "kublet"),
        5,
        "is no component",
    );
}

#[test]
fn levels_scopes_titles_and_gates_are_checked() {
    let good = format!("{CONTROL}  manual: look\n");
    assert_refused(&format!("{good}  level: 3\n"), 1, "level 3 does not exist");
    assert_refused(
        &good.replace("roles: [worker]", "roles: []"),
        1,
        "either `roles` or a `scope`",
    );
    assert_refused(
        &format!("{good}  scope: cluster\n"),
        1,
        "either `roles` or a `scope`",
    );
    assert_refused(
        &good.replace("It is so", "It is so."),
        2,
        "without a full stop",
    );
    assert_refused(
        &format!("{good}  kubernetes: soon\n"),
        5,
        "no condition on a version",
    );
}

#[test]
fn a_profile_that_does_not_exist_is_answered_with_those_that_do() {
    let remark = loaded("", "playbook: p\nprofile: rancher-9\n").unwrap_err();

    assert_eq!(
        remark.place,
        Some(Place {
            line: 2,
            column: 10
        })
    );
    assert!(remark.hint.contains("rancher-2.1"), "{}", remark.hint);
}
