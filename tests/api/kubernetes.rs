//! Lists are read whole or not at all, and every cause has its name.

use std::collections::BTreeSet;
use std::fs;
use std::net::TcpListener;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering;
use std::time::Duration;
use std::time::Instant;

use harden::facts::Observed;
use harden::facts::object::Kind;
use harden::facts::object::Objects;
use harden::https::Patience;
use harden::kube::Api;
use harden::kube::KubeError;
use harden_lab::https::Authority;
use harden_lab::https::Reply;
use serde_json::json;

use crate::site::IMPATIENCE;
use crate::site::PATIENCE;
use crate::site::Site;
use crate::site::ok;
use crate::site::status;
use crate::site::table;

fn groups(names: &[&str]) -> Reply {
    let group = |name: &&str| json!({ "versions": [{ "groupVersion": name }] });
    ok(json!({ "groups": names.iter().map(group).collect::<Vec<_>>() }))
}

fn named(name: &str) -> serde_json::Value {
    json!({ "metadata": { "name": name } })
}

fn ask(site: &Site, kinds: &[Kind], patience: Patience) -> Result<Objects, KubeError> {
    let kinds: BTreeSet<Kind> = kinds.iter().copied().collect();
    Api::open(&site.kubeconfig(), patience)?.objects(&kinds)
}

#[track_caller]
fn why(asked: Result<Objects, KubeError>) -> String {
    asked.unwrap_err().to_string()
}

#[track_caller]
fn names(objects: &Objects, kind: Kind) -> Vec<String> {
    match objects.list(kind) {
        Observed::Present(list) => list.iter().map(|object| object.name.clone()).collect(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_long_list_is_read_to_its_last_page() {
    let site = Site::start(|request| match request.path.as_str() {
        "/apis" => groups(&[]),
        "/api/v1/namespaces" => match request.asked("continue") {
            None => ok(json!({ "metadata": { "continue": "a/b+c=" }, "items": [named("one")] })),
            Some("a/b+c=") => {
                ok(json!({ "metadata": { "continue": "" }, "items": [named("two")] }))
            }
            Some(other) => panic!("{other}"),
        },
        _ => status(404, ""),
    });

    let objects = ask(&site, &[Kind::Namespace], PATIENCE).unwrap();

    assert_eq!(names(&objects, Kind::Namespace), ["one", "two"]);
    assert!(site.asked().iter().all(|request| request.has_certificate));
    assert!(site.asked()[1].asked("limit").is_some());
}

#[test]
fn a_list_without_an_end_is_no_list() {
    let site = Site::start(|request| match request.path.as_str() {
        "/apis" => groups(&[]),
        _ => ok(json!({ "metadata": { "continue": "again" }, "items": [] })),
    });

    let objects = ask(&site, &[Kind::Namespace], PATIENCE).unwrap();

    let Observed::Unread { why } = objects.list(Kind::Namespace) else {
        panic!("it was read");
    };
    assert!(why.contains("pages"), "{why}");
}

#[test]
fn the_group_is_the_one_that_the_server_offers_and_that_has_the_kind() {
    let policies = |name: &str| ok(json!({ "items": [named(name)] }));
    let old = "/apis/extensions/v1beta1/podsecuritypolicies";
    let new = "/apis/policy/v1beta1/podsecuritypolicies";
    let found = |offered: &[&str], replies: Vec<(&'static str, Reply)>| {
        let replies = replies.into_iter().chain([("/apis", groups(offered))]);
        let site = Site::start(table(replies));
        ask(&site, &[Kind::PodSecurityPolicy], PATIENCE).unwrap()
    };

    let both = found(
        &["policy/v1beta1", "extensions/v1beta1"],
        vec![(new, policies("new")), (old, policies("old"))],
    );
    assert_eq!(names(&both, Kind::PodSecurityPolicy), ["new"]);
    let left = found(
        &["policy/v1beta1", "extensions/v1beta1"],
        vec![(old, policies("old"))],
    );
    assert_eq!(names(&left, Kind::PodSecurityPolicy), ["old"]);
    let older = found(
        &["extensions/v1beta1"],
        vec![(new, policies("new")), (old, policies("old"))],
    );
    assert_eq!(names(&older, Kind::PodSecurityPolicy), ["old"]);
    let none = found(&["apps/v1"], vec![]);
    assert_eq!(none.list(Kind::PodSecurityPolicy), Observed::Absent);
}

#[test]
fn what_is_forbidden_is_unread_with_the_reason_and_keeps_nothing_else_from_being_read() {
    let site = Site::start(table([
        ("/apis", groups(&["rbac.authorization.k8s.io/v1"])),
        (
            "/api/v1/namespaces",
            ok(json!({ "items": [named("default")] })),
        ),
        (
            "/apis/rbac.authorization.k8s.io/v1/roles",
            status(403, "User \"x\" cannot list roles"),
        ),
    ]));

    let objects = ask(&site, &[Kind::Namespace, Kind::Role], PATIENCE).unwrap();

    assert_eq!(names(&objects, Kind::Namespace), ["default"]);
    let Observed::Unread { why } = objects.list(Kind::Role) else {
        panic!("it was read");
    };
    assert!(
        why.contains("403") && why.contains("cannot list roles"),
        "{why}"
    );
}

#[test]
fn a_server_that_throttles_is_asked_again_and_one_that_says_never_is_not() {
    let times = AtomicUsize::new(0);
    let site = Site::start(move |request| match request.path.as_str() {
        "/apis" if times.fetch_add(1, Ordering::SeqCst) == 0 => Reply::Throttle(0),
        "/apis" => groups(&[]),
        _ => ok(json!({ "items": null })),
    });
    let objects = ask(&site, &[Kind::Namespace], PATIENCE).unwrap();
    assert_eq!(names(&objects, Kind::Namespace), Vec::<String>::new());

    let site = Site::start(|_| Reply::Throttle(3600));
    let start = Instant::now();
    assert!(why(ask(&site, &[Kind::Namespace], PATIENCE)).contains("left alone"));
    assert!(start.elapsed() < Duration::from_secs(20));
}

#[test]
fn a_server_that_says_nothing_is_not_waited_for_longer_than_was_agreed() {
    let site = Site::start(|_| Reply::Silence);
    let start = Instant::now();

    assert!(why(ask(&site, &[Kind::Namespace], IMPATIENCE)).contains("in time"));

    assert!(start.elapsed() < Duration::from_secs(15));
}

#[test]
fn half_an_answer_and_another_language_are_no_answers() {
    let replies = [
        Reply::Drop,
        Reply::Text(200, "<html>Please log in</html>".into()),
        ok(json!({ "groups": 7 })),
        status(404, "404 page not found"),
    ];
    for reply in replies {
        let site = Site::start(move |_| reply.clone());

        assert!(ask(&site, &[Kind::Namespace], PATIENCE).is_err());
    }
}

#[test]
fn every_refusal_has_its_own_cause() {
    let refused = |code, message: &'static str| {
        let site = Site::start(move |_| status(code, message));
        why(ask(&site, &[Kind::Namespace], PATIENCE))
    };

    assert!(refused(401, "Unauthorized").contains("does not know who asks"));
    assert!(refused(403, "not for you").contains("not for you"));
    assert!(refused(500, "etcd is gone").contains("answered 500 to /apis: etcd is gone"));
    assert!(refused(302, "").contains("answered 302"));
}

#[test]
fn an_expired_certificate_and_another_authority_are_told_apart() {
    let authority = Authority::fresh().unwrap();
    let old = authority.expired_server("127.0.0.1").unwrap();
    let site = Site::with(authority, &old, |_| groups(&[]));
    assert!(why(ask(&site, &[], PATIENCE)).contains("has expired"));
    assert!(site.asked().is_empty(), "something was sent all the same");

    let authority = Authority::fresh().unwrap();
    let elsewhere = authority.server("10.9.9.9").unwrap();
    let site = Site::with(authority, &elsewhere, |_| groups(&[]));
    assert!(why(ask(&site, &[], PATIENCE)).contains("another name"));

    let site = Site::start(|_| groups(&[]));
    let stranger = Authority::fresh().unwrap();
    let admin = site.authority.client("kube-admin").unwrap();
    let file = site.kubeconfig_of(&site.server.url(), stranger.pem(), &admin);
    let asked = Api::open(&file, PATIENCE)
        .unwrap()
        .objects(&BTreeSet::new());
    assert!(why(asked).contains("unknown authority"));
    assert!(site.asked().is_empty(), "something was sent all the same");
}

#[test]
fn a_401_is_explained_when_the_own_certificate_has_expired() {
    let site = Site::start(|_| status(401, "Unauthorized"));
    let admin = site.authority.expired_client("kube-admin").unwrap();
    let file = site.kubeconfig_of(&site.server.url(), site.authority.pem(), &admin);

    let asked = Api::open(&file, PATIENCE)
        .unwrap()
        .objects(&BTreeSet::new());

    let why = why(asked);
    assert!(why.contains("the certificate in kubeconfig"), "{why}");
    assert!(why.contains("has expired"), "{why}");
}

#[test]
fn a_missing_kubeconfig_and_a_closed_port_are_named() {
    let site = Site::start(|_| groups(&[]));
    let missing = Api::open(&site.dir.path().join("nobody"), PATIENCE).unwrap_err();
    assert!(missing.to_string().contains("no kubeconfig"), "{missing}");

    let closed = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("https://{}", closed.local_addr().unwrap());
    drop(closed);
    let admin = site.authority.client("kube-admin").unwrap();
    let file = site.kubeconfig_of(&url, site.authority.pem(), &admin);
    let asked = Api::open(&file, PATIENCE)
        .unwrap()
        .objects(&BTreeSet::new());
    assert!(why(asked).contains("refused"));
}

#[test]
fn a_key_that_is_not_the_certificates_is_an_error_and_shown_nowhere() {
    let site = Site::start(|_| groups(&[]));
    let mut admin = site.authority.client("kube-admin").unwrap();
    admin.key = site.authority.client("other").unwrap().key;
    let file = site.kubeconfig_of(&site.server.url(), site.authority.pem(), &admin);

    let error = Api::open(&file, PATIENCE).unwrap_err();

    assert!(error.to_string().contains("does not belong"), "{error}");
    let api = Api::open(&site.kubeconfig(), PATIENCE).unwrap();
    assert!(!format!("{api:?}").contains("PRIVATE"));
}

#[test]
fn the_line_with_which_an_addon_job_failed_is_found() {
    let pods = json!({ "items": [
        { "metadata": { "name": "job-old", "creationTimestamp": "2018-11-20T10:00:00Z" } },
        { "metadata": { "name": "job-new", "creationTimestamp": "2018-11-20T10:05:00Z" } },
    ]});
    let site = Site::start(move |request| match request.path.as_str() {
        "/api/v1/namespaces/kube-system/pods" => ok(pods.clone()),
        "/api/v1/namespaces/kube-system/pods/job-new/log" => match request.asked("previous") {
            None => status(400, "container is waiting to start"),
            Some(_) => Reply::Text(200, "role created\nerror: no matches for kind\n".into()),
        },
        _ => status(404, ""),
    });

    let api = Api::open(&site.kubeconfig(), PATIENCE).unwrap();
    let line = api.addon_failure().unwrap();

    assert_eq!(line.as_deref(), Some("error: no matches for kind"));
    let selector = site.asked()[0].asked("labelSelector").unwrap().to_owned();
    assert!(selector.contains("rke-user-addon-deploy-job"), "{selector}");
}

#[test]
fn a_kubeconfig_that_names_files_is_read_with_them_from_its_own_directory() {
    let site = Site::start(table([
        ("/apis", groups(&[])),
        ("/api/v1/namespaces", ok(json!({ "items": [named("one")] }))),
    ]));
    let admin = site.authority.client("kube-admin").unwrap();
    let pki = site.dir.path().join("pki");
    fs::create_dir(&pki).unwrap();
    fs::write(pki.join("ca.pem"), site.authority.pem()).unwrap();
    fs::write(pki.join("admin.pem"), &admin.certificate).unwrap();
    fs::write(pki.join("admin-key.pem"), &admin.key).unwrap();
    let file = site.dir.path().join("kubeconfig");
    let text = json!({
        "clusters": [{ "name": "c", "cluster":
            { "server": site.server.url(), "certificate-authority": "pki/ca.pem" } }],
        "users": [{ "name": "u", "user": {
            "client-certificate": "pki/admin.pem",
            "client-key": pki.join("admin-key.pem"),
        } }],
    });
    fs::write(&file, text.to_string()).unwrap();

    let api = Api::open(&file, PATIENCE).unwrap();
    let objects = api.objects(&BTreeSet::from([Kind::Namespace])).unwrap();

    assert_eq!(names(&objects, Kind::Namespace), ["one"]);
    assert!(site.asked().iter().all(|request| request.has_certificate));
}

const TEXT: &str = "/api/v1/namespaces/kube-system/configmaps/rke-user-addon";
const JOB: &str = "/apis/batch/v1/namespaces/kube-system/jobs/rke-user-addon-deploy-job";

#[test]
fn the_job_of_the_addons_is_known_by_its_text_and_its_end() {
    let text = || ok(json!({ "data": { "rke-user-addon": "kind: A\n" } }));
    let ended = |kind: &str, status: &str| {
        ok(json!({ "status": { "conditions": [{ "type": kind, "status": status }] } }))
    };
    let job = |replies: Vec<(&'static str, Reply)>| {
        let site = Site::start(table(replies));
        let api = Api::open(&site.kubeconfig(), PATIENCE).unwrap();
        let job = api.addon_job().unwrap();
        (job.would_run("kind: A\n"), job.would_run("kind: B\n"))
    };

    let complete = ended("Complete", "True");
    assert_eq!(job(vec![(TEXT, text()), (JOB, complete)]), (false, true));
    for other in [
        ended("Complete", "False"),
        ended("Failed", "True"),
        ok(json!({ "status": {} })),
    ] {
        assert_eq!(job(vec![(TEXT, text()), (JOB, other)]), (true, true));
    }
    assert_eq!(job(vec![(TEXT, text())]), (true, true));
    assert_eq!(job(vec![(JOB, ended("Complete", "True"))]), (true, true));
}

#[test]
fn a_job_that_cannot_be_read_says_why() {
    let job = |replies: Vec<(&'static str, Reply)>| {
        let site = Site::start(table(replies));
        let api = Api::open(&site.kubeconfig(), PATIENCE).unwrap();
        api.addon_job().unwrap_err().to_string()
    };

    assert!(job(vec![(TEXT, status(403, "configmaps is forbidden"))]).contains("is forbidden"));
    assert!(job(vec![(JOB, status(500, "etcd is away"))]).contains("etcd is away"));
    assert!(job(vec![(TEXT, Reply::Text(200, "<html>".into()))]).contains("something else"));
}
