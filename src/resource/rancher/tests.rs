use std::collections::BTreeMap;

use super::*;
use crate::cluster_file::ClusterFile;
use crate::facts::Facts;
use crate::facts::layout::Layout;
use crate::facts::object::Objects;
use crate::facts::rancher::Answers;
use crate::yaml;

fn compared(question: &Rancher, objects: &Objects, server: Option<&Answers>) -> Vec<Evidence> {
    let scene = Scene {
        facts: &Facts::default(),
        cluster: &ClusterFile::parse("cluster.yml", "nodes: []\n").unwrap(),
        objects,
        rancher: server,
        layout: &Layout::default(),
    };
    question.compare(&scene)
}

fn deployed(container: &str) -> Objects {
    let text = format!(
        "{{kind: Deployment, metadata: {{namespace: cattle-system, name: rancher}}, \
         spec: {{template: {{spec: {{containers: [{container}], volumes: [{{name: audit-log, emptyDir: {{}}}}]}}}}}}}}"
    );
    Objects::of(yaml::documents("x", &text).unwrap())
}

fn server() -> Answers {
    Answers {
        local_cluster: Observed::Absent,
        default_login: Observed::Present(Login::Refused),
        ..Answers::silent("not asked")
    }
}

#[track_caller]
fn is_met(evidence: &[Evidence]) -> bool {
    assert!(!evidence.is_empty());
    evidence.iter().all(Evidence::is_met)
}

#[test]
fn nothing_to_ask_is_no_evidence_and_no_pass() {
    let questions = [
        Rancher::LocalClusterOff,
        Rancher::AuditLog,
        Rancher::DefaultPasswordRefused,
        Rancher::IdentityProvider,
        Rancher::AdminsWithin(None),
        Rancher::NodeDriversWithin(None),
    ];
    for question in questions {
        assert_eq!(compared(&question, &Objects::default(), None), []);
        assert_eq!(compared(&question, &Objects::of([]), None), []);
    }
}

#[test]
fn only_exactly_false_turns_the_local_cluster_off() {
    let met = |args: &str| {
        let objects = deployed(&format!("{{name: rancher, args: [{args}]}}"));
        is_met(&compared(&Rancher::LocalClusterOff, &objects, None))
    };

    assert!(met("--add-local=false"));
    assert!(met("--add-local=auto, --add-local=false"));
    for wrong in [
        "--add-local=auto",
        "--add-local=true",
        "--add-local",
        "",
        "--add-local=false, --add-local=true",
    ] {
        assert!(!met(wrong), "{wrong}");
    }
}

#[test]
fn an_audit_log_has_a_level_and_somewhere_to_go() {
    let met = |containers: &str| is_met(&compared(&Rancher::AuditLog, &deployed(containers), None));
    let rancher =
        |level: &str| format!("{{name: rancher, env: [{{name: AUDIT_LEVEL, value: '{level}'}}]}}");

    assert!(met(&format!(
        "{}, {{name: rancher-audit-log}}",
        rancher("1")
    )));
    assert!(!met(&format!(
        "{}, {{name: rancher-audit-log}}",
        rancher("0")
    )));
    assert!(!met(&rancher("1")));
    assert!(!met("{name: rancher}, {name: rancher-audit-log}"));
}

#[test]
fn a_server_that_could_not_be_asked_refused_nobody() {
    let question = Rancher::DefaultPasswordRefused;
    let seen = |login| {
        let server = Answers {
            default_login: login,
            ..server()
        };
        compared(&question, &Objects::default(), Some(&server)).remove(0)
    };

    assert!(seen(Observed::Present(Login::Refused)).is_met());
    assert!(seen(Observed::Present(Login::Accepted { left: None })).is_unmet());
    assert!(seen(Observed::unread("down")).is_unread());
    assert!(seen(Observed::Absent).is_unread());
}

#[test]
fn the_local_provider_alone_is_none() {
    let seen = |enabled: &[&str]| {
        let provider = |name: &&str| Provider {
            name: (*name).to_owned(),
            is_enabled: true,
        };
        let mut providers: Vec<Provider> = enabled.iter().map(provider).collect();
        providers.push(Provider {
            name: "azuread".to_owned(),
            is_enabled: false,
        });
        let server = Answers {
            providers: Observed::Present(providers),
            ..server()
        };
        compared(
            &Rancher::IdentityProvider,
            &Objects::default(),
            Some(&server),
        )
        .remove(0)
    };

    assert!(seen(&["local"]).is_unmet());
    assert!(seen(&["local", "github"]).is_met());
}

#[test]
fn administrators_by_any_name_must_be_allowed_and_groups_too() {
    let user = |name: &str| Subject::User {
        name: name.to_owned(),
        id: format!("u-{name}"),
    };
    let group = Subject::Group {
        principal: "github_team://1".to_owned(),
    };
    let grant = |subject, right| Grant {
        subject,
        role: "r".to_owned(),
        right,
    };
    let grants = vec![
        grant(user("ann"), Right::Everything),
        grant(group, Right::Everything),
        grant(user("bob"), Right::Usual),
        grant(user("eve"), Right::Other),
    ];
    let server = Answers {
        grants: Observed::Present(grants),
        ..server()
    };
    let seen = |allowed: Option<&[&str]>| {
        let allowed = allowed.map(|names| names.iter().map(ToString::to_string).collect());
        let evidence = compared(
            &Rancher::AdminsWithin(allowed),
            &Objects::default(),
            Some(&server),
        );
        let seen = evidence.into_iter().map(|one| (one.subject, one.seen));
        seen.collect::<BTreeMap<_, _>>()
    };

    let all = seen(Some(&["ann", "github_team://1"]));
    assert_eq!(all.len(), 3, "bob has nothing that matters, eve is listed");
    assert!(
        all.values().all(|seen| matches!(seen, Seen::Met(_))),
        "{all:?}"
    );
    let some = seen(Some(&["u-ann"]));
    assert!(matches!(some["Rancher user ann (u-ann)"], Seen::Met(_)));
    assert!(matches!(
        some["Rancher group github_team://1"],
        Seen::Unmet(_)
    ));
    let none = seen(None);
    assert!(matches!(none["Rancher user ann (u-ann)"], Seen::Unread(_)));
}

#[test]
fn an_active_driver_must_be_allowed_and_an_inactive_one_may_be_anything() {
    let driver = |name: &str, is_active| Driver {
        name: name.to_owned(),
        is_active,
    };
    let server = Answers {
        drivers: Observed::Present(vec![driver("vmwarevsphere", true), driver("azure", false)]),
        ..server()
    };
    let seen = |allowed: Option<&[&str]>| {
        let allowed = allowed.map(|names| names.iter().map(ToString::to_string).collect());
        compared(
            &Rancher::NodeDriversWithin(allowed),
            &Objects::default(),
            Some(&server),
        )
        .remove(0)
    };

    assert!(seen(Some(&["vmwarevsphere"])).is_met());
    assert!(seen(Some(&[])).is_unmet());
    assert!(seen(None).is_unread());
}
