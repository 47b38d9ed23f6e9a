use std::collections::BTreeMap;
use std::path::Path;

use super::*;
use crate::cluster_file::ClusterFile;
use crate::facts::Facts;
use crate::facts::File;
use crate::facts::FileKind;
use crate::facts::layout::Layout;
use crate::facts::rancher::Answers;
use crate::facts::rancher::Driver;
use crate::inventory;
use crate::shared::Shared;
use crate::yaml;

const NODES: &str = "nodes:\n- {address: 10.0.0.3, hostname_override: w-1, user: root, role: [worker, etcd]}\n- {address: 10.0.0.4, user: root, role: [worker]}\n";

fn inventory() -> Inventory {
    inventory::rke::read("cluster.yml", NODES, Some(Path::new("/root")), false).unwrap()
}

fn compared(question: &Rancher, objects: &Objects, server: Option<&Answers>) -> Vec<Evidence> {
    in_scene(objects, server, &BTreeMap::new(), |scene| {
        question.compare(scene)
    })
}

fn in_scene<T>(
    objects: &Objects,
    server: Option<&Answers>,
    nodes: &BTreeMap<String, Facts>,
    look: impl FnOnce(&Scene<'_>) -> T,
) -> T {
    look(&Scene {
        facts: &Facts::default(),
        cluster: &ClusterFile::parse("cluster.yml", "nodes: []\n").unwrap(),
        objects,
        rancher: server,
        layout: &Layout::default(),
        inventory: &inventory(),
        nodes,
    })
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
        Rancher::NodeDriversWithin(NodeDrivers::default()),
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
fn what_is_missing_is_told_with_the_command_that_sets_it_and_what_is_there_is_not() {
    let wanted = |question: &Rancher, container: &str| {
        let evidence = compared(question, &deployed(container), None);
        let wanted: Vec<String> = evidence.into_iter().map(|one| one.wanted).collect();
        wanted.join("\n")
    };
    let helm = "helm upgrade rancher rancher-stable/rancher --reuse-values --set ";

    let local = wanted(&Rancher::LocalClusterOff, "{name: rancher}");
    assert!(
        local.contains(&format!("{helm}addLocal=\"false\"")),
        "{local}"
    );
    let log = wanted(&Rancher::AuditLog, "{name: rancher}");
    for value in ["auditLog.level=1", "auditLog.destination=sidecar"] {
        assert!(log.contains(&format!("{helm}{value}")), "{log}");
    }
    let off = "{name: rancher, args: [--add-local=false]}";
    assert_eq!(wanted(&Rancher::LocalClusterOff, off), "--add-local=false");
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

fn driver(name: &str, is_active: bool) -> Driver {
    Driver {
        id: format!("nd-{name}"),
        name: name.to_owned(),
        is_active,
    }
}

fn drivers(allowed: Option<&[&str]>, is_mended: bool) -> Rancher {
    Rancher::NodeDriversWithin(NodeDrivers {
        allowed: allowed.map(|names| names.iter().map(ToString::to_string).collect()),
        is_mended,
    })
}

#[test]
fn an_active_driver_must_be_allowed_and_an_inactive_one_may_be_anything() {
    let server = Answers {
        drivers: Observed::Present(vec![driver("vmwarevsphere", true), driver("azure", false)]),
        ..server()
    };
    let seen = |allowed: Option<&[&str]>| {
        let question = drivers(allowed, false);
        compared(&question, &Objects::default(), Some(&server)).remove(0)
    };

    assert!(seen(Some(&["vmwarevsphere"])).is_met());
    assert!(seen(Some(&["nd-vmwarevsphere"])).is_met());
    assert!(seen(Some(&[])).is_unmet());
    assert!(seen(None).is_unread());
}

#[test]
fn only_drivers_that_are_active_and_not_allowed_are_deactivated_and_only_on_request() {
    let list = vec![
        driver("vmwarevsphere", true),
        driver("azure", false),
        driver("exoscale", true),
    ];
    let remedies = |question: &Rancher, drivers| {
        let server = Answers {
            drivers,
            ..server()
        };
        in_scene(
            &Objects::default(),
            Some(&server),
            &BTreeMap::new(),
            |scene| question.remedies(scene),
        )
    };
    let allowed: Option<&[&str]> = Some(&["vmwarevsphere"]);
    let there = || Observed::Present(list.clone());

    let exoscale = Remedy::DeactivateDriver {
        id: "nd-exoscale".to_owned(),
        name: "exoscale".to_owned(),
    };
    assert_eq!(remedies(&drivers(allowed, true), there()), [exoscale]);
    assert_eq!(remedies(&drivers(allowed, false), there()), []);
    assert_eq!(remedies(&drivers(None, true), there()), []);
    assert_eq!(
        remedies(&drivers(allowed, true), Observed::unread("down")),
        []
    );
}

const LOG: &str = "/var/log/rancher/audit/rancher-api-audit.log";

/// Rancher with its log on the hosts, and pods with these specs.
fn with_host_log(server: &str, pods: &[&str]) -> Objects {
    let deployment = format!(
        "{{kind: Deployment, metadata: {{namespace: cattle-system, name: rancher}}, spec: {{selector: {{matchLabels: {{app: rancher}}}}, \
         template: {{spec: {{containers: [{{name: rancher, {server}}}], volumes: [{{name: audit-log, hostPath: {{path: /var/log/rancher/audit}}}}]}}}}}}}}"
    );
    let pods = pods.iter().enumerate().map(|(number, rest)| {
        format!("{{kind: Pod, metadata: {{namespace: cattle-system, name: rancher-{number}, labels: {{app: rancher, hash: x}}}}, {rest}}}")
    });
    let texts: Vec<String> = [deployment].into_iter().chain(pods).collect();
    Objects::of(
        texts
            .iter()
            .flat_map(|text| yaml::documents("x", text).unwrap()),
    )
}

const MOUNTED: &str = "env: [{name: AUDIT_LEVEL, value: '1'}], volumeMounts: [{name: audit-log, mountPath: /var/log/auditlog}]";

fn node_with(log: Observed<File>) -> Facts {
    Facts {
        files: BTreeMap::from([(LOG.into(), log.map(Shared::from))]),
        ..Facts::default()
    }
}

/// What is seen of the log on each host, by what follows its path in the subject.
fn seen_on_hosts(objects: &Objects, nodes: &BTreeMap<String, Facts>) -> BTreeMap<String, Seen> {
    let evidence = in_scene(objects, None, nodes, |scene| {
        Rancher::AuditLog.compare(scene)
    });
    evidence
        .into_iter()
        .filter_map(|one| {
            let host = one.subject.strip_prefix("Rancher audit log")?;
            let host = host.trim_start().trim_start_matches(LOG).trim_start();
            Some((host.to_owned(), one.seen))
        })
        .collect()
}

#[test]
fn a_log_on_hosts_is_looked_for_where_the_pods_run_and_nowhere_else() {
    let objects = with_host_log(
        MOUNTED,
        &[
            "spec: {nodeName: W-1}",
            "spec: {nodeName: w-1}",
            "spec: {nodeName: 10.0.0.4}, status: {phase: Running}",
            "spec: {nodeName: w-9}, status: {phase: Failed}",
            "spec: {}",
        ],
    );
    let asked = Rancher::AuditLog.questions_by_node(&objects, &inventory());
    let asked: Vec<(&str, &Question)> = asked
        .iter()
        .map(|(node, question)| (node.as_str(), question))
        .collect();
    let log = Question::Attributes(LOG.to_owned());

    assert_eq!(asked, [("10.0.0.4", &log), ("w-1", &log), ("w-1", &log)]);
    assert_eq!(Rancher::AuditLog.kinds_after(&objects), Some(Kind::Pod));
    let off = MOUNTED.replace("'1'", "'0'");
    for without in [
        with_host_log(&off, &["spec: {nodeName: w-1}"]),
        deployed("{name: rancher}, {name: rancher-audit-log}"),
    ] {
        assert_eq!(Rancher::AuditLog.kinds_after(&without), None);
        assert_eq!(
            Rancher::AuditLog.questions_by_node(&without, &inventory()),
            []
        );
    }
}

#[test]
fn only_a_file_that_was_seen_is_a_log() {
    let on_one = with_host_log(MOUNTED, &["spec: {nodeName: w-1}"]);
    let seen = |log| {
        let nodes = BTreeMap::from([("w-1".to_owned(), node_with(log))]);
        seen_on_hosts(&on_one, &nodes).remove("on w-1").unwrap()
    };

    assert!(matches!(
        seen(Observed::Present(File::new_regular())),
        Seen::Met(_)
    ));
    let directory = File {
        kind: FileKind::Directory,
        ..File::new_regular()
    };
    assert!(matches!(seen(Observed::Present(directory)), Seen::Unmet(_)));
    assert!(matches!(seen(Observed::Absent), Seen::Unmet(_)));
    assert!(matches!(seen(Observed::unread("denied")), Seen::Unread(_)));
}

#[test]
fn a_host_that_nobody_knows_or_reached_leaves_the_log_unread() {
    let pods = ["spec: {nodeName: w-1}", "spec: {nodeName: elsewhere}"];
    let objects = with_host_log(MOUNTED, &pods);

    let unselected = seen_on_hosts(&objects, &BTreeMap::new());
    let silent = BTreeMap::from([("w-1".to_owned(), Facts::silent("no route"))]);
    let silent = seen_on_hosts(&objects, &silent);
    let nowhere = seen_on_hosts(&with_host_log(MOUNTED, &[]), &BTreeMap::new());
    let mut unlisted = with_host_log(MOUNTED, &pods);
    unlisted
        .lists
        .insert(Kind::Pod, Observed::unread("forbidden"));
    let unlisted = seen_on_hosts(&unlisted, &BTreeMap::new());

    let why = |seen: &Seen| match seen {
        Seen::Unread(why) => why.clone(),
        other => panic!("{other:?}"),
    };
    assert!(why(&unselected["on w-1"]).contains("--on"));
    assert!(why(&unselected["on elsewhere"]).contains("no node of the inventory"));
    assert_eq!(why(&silent["on w-1"]), "no route");
    assert!(why(&nowhere[""]).contains("no pod"));
    assert_eq!(why(&unlisted[""]), "forbidden");
}

#[test]
fn a_log_beside_the_volume_stays_in_the_pod_and_is_no_log_of_the_host() {
    let pods = ["spec: {nodeName: w-1}"];
    let seen = |server: &str| seen_on_hosts(&with_host_log(server, &pods), &BTreeMap::new());
    let elsewhere = "env: [{name: AUDIT_LEVEL, value: '1'}, {name: AUDIT_LOG_PATH, value: /tmp/log}], \
         volumeMounts: [{name: audit-log, mountPath: /var/log/auditlog}]";
    let unmounted = "env: [{name: AUDIT_LEVEL, value: '1'}]";

    for server in [elsewhere, unmounted] {
        assert!(matches!(seen(server)[""], Seen::Unmet(_)), "{server}");
    }
}
