//! A login that is refused by the right one, lists to their last page, and a token that goes nowhere else.

use std::collections::BTreeSet;
use std::fs;
use std::sync::Mutex;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering;

use harden::facts::Observed;
use harden::facts::rancher::Answers;
use harden::facts::rancher::Driver;
use harden::facts::rancher::Grant;
use harden::facts::rancher::Login;
use harden::facts::rancher::Right;
use harden::facts::rancher::Subject;
use harden::https::Patience;
use harden::rancher::Access;
use harden::rancher::Server;
use harden::secret::Secret;
use harden_lab::https::Authority;
use harden_lab::https::Reply;
use harden_lab::https::Request;
use serde_json::Value;
use serde_json::json;

use crate::site::IMPATIENCE;
use crate::site::PATIENCE;
use crate::site::Site;
use crate::site::ok;
use crate::site::table;

const TOKEN: &str = "token-abcde:secret";
const LOGIN: &str = "/v3-public/localProviders/local";

fn access(site: &Site) -> Access {
    let ca = site.dir.path().join("ca.pem");
    fs::write(&ca, site.authority.pem()).unwrap();
    Access {
        url: site.server.url(),
        ca: Some(ca),
        token: Some(Secret::from(format!("{TOKEN}\n"))),
    }
}

fn ask(site: &Site, patience: Patience) -> Answers {
    Server::open(&access(site), patience).unwrap().facts()
}

fn refused(code: u16) -> Reply {
    Reply::Json(code, json!({ "type": "error", "status": code.to_string() }))
}

fn list(data: impl Into<Value>) -> Reply {
    let data: Value = data.into();
    ok(json!({ "type": "collection", "data": data }))
}

#[track_caller]
fn why<T: std::fmt::Debug>(observed: &Observed<T>) -> &str {
    match observed {
        Observed::Unread { why } => why,
        other => panic!("{other:?}"),
    }
}

#[test]
fn only_a_401_of_the_local_provider_is_a_refusal() {
    let login = |reply: Reply| {
        let site = Site::start(table([(LOGIN, reply)]));
        let answers = ask(&site, PATIENCE);
        let asked = site.asked();
        let tried: Vec<&Request> = asked.iter().filter(|one| one.path == LOGIN).collect();
        assert_eq!(tried.len(), 1);
        assert_eq!(tried[0].method, "POST");
        assert_eq!(tried[0].asked("action"), Some("login"));
        assert_eq!(tried[0].token, None, "the operator's token went along");
        answers.default_login
    };

    assert_eq!(login(refused(401)), Observed::Present(Login::Refused));
    for code in [302, 403, 404, 422, 500, 503] {
        assert!(why(&login(refused(code))).contains(&code.to_string()));
    }
    why(&login(Reply::Drop));
    why(&login(Reply::Text(200, "<html>Welcome</html>".into())));
    why(&login(ok(json!({ "type": "token" }))));
}

#[test]
fn a_login_that_succeeds_fails_the_audit_and_its_token_is_revoked_at_once() {
    let accepted = || Reply::Json(201, json!({ "token": "token-x:y" }));
    let revoked = |reply: Reply| {
        let site = Site::start(table([(LOGIN, accepted()), ("/v3/tokens", reply)]));
        let answers = ask(&site, PATIENCE);
        let asked = site.asked();
        let position = asked.iter().position(|one| one.path == LOGIN).unwrap();
        let next = &asked[position + 1];
        assert_eq!(
            (next.path.as_str(), next.asked("action")),
            ("/v3/tokens", Some("logout"))
        );
        assert_eq!(next.token.as_deref(), Some("token-x:y"));
        answers.default_login
    };

    let done = revoked(Reply::Text(200, String::new()));
    assert_eq!(done, Observed::Present(Login::Accepted { left: None }));
    let Observed::Present(Login::Accepted { left: Some(left) }) = revoked(refused(500)) else {
        panic!("nothing is said of what is left");
    };
    assert!(left.contains("could not be revoked"), "{left}");
    assert!(!left.contains("token-x"), "{left}");
}

#[test]
fn administrators_are_found_on_every_page_and_under_every_name() {
    let site = Site::start(|request| match request.path.as_str() {
        "/v3/users" => list(json!([
            { "id": "user-1", "username": "ann" },
            { "id": "u-2", "username": "", "name": "Bob B." },
        ])),
        "/v3/globalRoles" => list(json!([
            { "id": "admin", "name": "Admin" },
            { "id": "user", "name": "User" },
            { "id": "gr-1", "name": "Harmless", "rules": [
                { "apiGroups": ["*"], "resources": ["*"], "verbs": ["*"] } ] },
            { "id": "gr-2", "name": "Clerk", "rules": [
                { "apiGroups": ["*"], "resources": ["catalogs"], "verbs": ["*"] } ] },
        ])),
        "/v3/globalRoleBindings" => match request.asked("marker") {
            None => ok(json!({
                "pagination": { "next": "https://elsewhere.example.com/v3/globalRoleBindings?marker=m%3A1&limit=200" },
                "data": [
                    { "userId": "user-1", "globalRoleId": "admin" },
                    { "userId": "u-2", "globalRoleId": "user" },
                ],
            })),
            Some("m:1") => list(json!([
                { "userId": "u-2", "globalRoleId": "gr-1" },
                { "userId": null, "groupPrincipalId": "github_team://7", "globalRoleId": "gr-2" },
            ])),
            Some(other) => panic!("{other}"),
        },
        _ => refused(404),
    });

    let Observed::Present(grants) = ask(&site, PATIENCE).grants else {
        panic!("they were not read");
    };

    let user = |name: &str, id: &str| Subject::User {
        name: name.into(),
        id: id.into(),
    };
    let group = Subject::Group {
        principal: "github_team://7".into(),
    };
    let grant = |subject, role: &str, right| Grant {
        subject,
        role: role.into(),
        right,
    };
    let expected = [
        grant(user("ann", "user-1"), "Admin", Right::Everything),
        grant(user("Bob B.", "u-2"), "User", Right::Usual),
        grant(user("Bob B.", "u-2"), "Harmless", Right::Everything),
        grant(group, "Clerk", Right::Other),
    ];
    assert_eq!(grants, expected);
    let listed = site.asked();
    let mut lists = listed.iter().filter(|one| one.path.starts_with("/v3/"));
    assert!(lists.all(|one| one.token.as_deref() == Some(TOKEN)));
}

#[test]
fn providers_drivers_and_the_local_cluster_are_read() {
    let site = Site::start(table([
        (
            "/v3/authConfigs",
            list(json!([{ "id": "local", "enabled": true }, { "id": "github" }])),
        ),
        (
            "/v3/nodeDrivers",
            list(json!([{ "id": "azure", "name": "azure", "active": true }])),
        ),
    ]));

    let answers = ask(&site, PATIENCE);

    let Observed::Present(providers) = answers.providers else {
        panic!("they were not read");
    };
    let on: Vec<bool> = providers.iter().map(|one| one.is_enabled).collect();
    assert_eq!(on, [true, false]);
    let azure = Driver {
        id: "azure".into(),
        name: "azure".into(),
        is_active: true,
    };
    assert_eq!(answers.drivers, Observed::Present(vec![azure]));
    assert_eq!(answers.local_cluster, Observed::Absent);

    let site = Site::start(table([(
        "/v3/clusters/local",
        ok(json!({ "id": "local" })),
    )]));
    assert_eq!(ask(&site, PATIENCE).local_cluster, Observed::Present(()));
}

#[test]
fn a_list_that_could_not_be_read_says_why_and_is_not_empty() {
    for (code, word) in [(401, "401"), (403, "403"), (404, "404"), (500, "500")] {
        let site = Site::start(move |_| refused(code));
        let answers = ask(&site, PATIENCE);

        assert!(why(&answers.providers).contains(word));
        assert!(why(&answers.grants).contains(word));
        assert!(why(&answers.drivers).contains(word));
    }
    let site = Site::start(|_| Reply::Drop);
    why(&ask(&site, PATIENCE).drivers);
    let endless = json!({ "pagination": { "next": "/v3/nodeDrivers?marker=1" }, "data": [] });
    let site = Site::start(table([("/v3/nodeDrivers", ok(endless))]));
    assert!(why(&ask(&site, PATIENCE).drivers).contains("more pages"));
}

#[test]
fn a_server_that_throttles_is_asked_again_and_a_silent_one_is_left() {
    let throttled = AtomicBool::new(false);
    let site = Site::start(move |request| match request.path.as_str() {
        "/v3/nodeDrivers" if !throttled.swap(true, Ordering::SeqCst) => Reply::Throttle(0),
        "/v3/nodeDrivers" => list(json!([])),
        _ => refused(401),
    });
    assert_eq!(ask(&site, PATIENCE).drivers, Observed::Present(vec![]));

    let site = Site::start(|_| Reply::Silence);
    let answers = ask(&site, IMPATIENCE);
    assert!(why(&answers.default_login).contains("in time"));
    assert!(why(&answers.drivers).contains("in time"));
}

#[test]
fn a_stranger_gets_neither_the_token_nor_the_default_password() {
    let site = Site::start(|_| refused(401));
    let stranger = Authority::fresh().unwrap();
    let ca = site.dir.path().join("other.pem");
    fs::write(&ca, stranger.pem()).unwrap();
    let access = Access {
        ca: Some(ca),
        ..access(&site)
    };

    let answers = Server::open(&access, PATIENCE).unwrap().facts();

    assert!(why(&answers.default_login).contains("unknown authority"));
    assert!(why(&answers.drivers).contains("unknown authority"));
    assert!(site.asked().is_empty());
    assert!(!format!("{access:?}").contains("secret"));
}

#[test]
fn without_a_token_the_login_is_tried_all_the_same() {
    let site = Site::start(|_| refused(401));
    let access = Access {
        token: None,
        ..access(&site)
    };

    let answers = Server::open(&access, PATIENCE).unwrap().facts();

    assert_eq!(answers.default_login, Observed::Present(Login::Refused));
    assert!(why(&answers.drivers).contains("no token"));
    assert_eq!(site.asked().len(), 1);
}

/// A server whose drivers `azure` and `nd-x1` are active until `deactivate` says otherwise.
fn drivers(deactivate: impl Fn(&str) -> Reply + Send + Sync + 'static) -> Site {
    let inactive = Mutex::new(BTreeSet::new());
    Site::start(move |request| {
        let Some(id) = request.path.strip_prefix("/v3/nodeDrivers/") else {
            return refused(404);
        };
        let id = id.to_owned();
        if request.method == "POST" {
            assert_eq!(request.asked("action"), Some("deactivate"));
            let reply = deactivate(&id);
            if matches!(reply, Reply::Json(200, _) | Reply::Drop) {
                inactive.lock().unwrap().insert(id);
            }
            return reply;
        }
        let active = !inactive.lock().unwrap().contains(&id);
        ok(json!({ "id": id, "name": id, "active": active }))
    })
}

fn deactivated(site: &Site, id: &str) -> Result<(), String> {
    let server = Server::open(&access(site), PATIENCE).unwrap();
    let switched = server.switch_driver(id, false);
    switched.map_err(|error| error.to_string())
}

#[test]
fn a_driver_is_deactivated_by_its_id_and_read_back() {
    let site = drivers(|_| ok(json!({})));

    assert_eq!(deactivated(&site, "nd-x1"), Ok(()));

    let asked = site.asked();
    let asked: Vec<(&str, &str)> = asked
        .iter()
        .map(|one| (one.method.as_str(), one.path.as_str()))
        .collect();
    let path = "/v3/nodeDrivers/nd-x1";
    assert_eq!(asked, [("POST", path), ("GET", path)]);
    let is_token = |one: &Request| one.token.as_deref() == Some(TOKEN);
    assert!(site.asked().iter().all(is_token));
}

#[test]
fn a_driver_that_stays_active_was_not_deactivated_whatever_the_server_said() {
    for code in [401, 403, 404, 409, 500, 503] {
        let why = deactivated(&drivers(move |_| refused(code)), "azure").unwrap_err();
        assert!(why.contains(&code.to_string()), "{why}");
        assert!(!why.contains("secret"), "{why}");
    }
    let said = drivers(|_| Reply::Json(202, json!({})));
    let why = deactivated(&said, "azure").unwrap_err();
    assert!(why.contains("as it was"), "{why}");
}

#[test]
fn what_the_server_says_of_the_driver_afterwards_counts() {
    // It was done, and the connection broke before the answer.
    assert_eq!(deactivated(&drivers(|_| Reply::Drop), "azure"), Ok(()));

    let throttled = AtomicBool::new(false);
    let busy = drivers(move |_| {
        if throttled.swap(true, Ordering::SeqCst) {
            ok(json!({}))
        } else {
            Reply::Throttle(0)
        }
    });
    assert_eq!(deactivated(&busy, "azure"), Ok(()));

    let silent = drivers(|_| Reply::Silence);
    let server = Server::open(&access(&silent), IMPATIENCE).unwrap();
    let why = server.switch_driver("azure", false).unwrap_err();
    assert!(why.to_string().contains("in time"), "{why}");
    assert!(why.is_of_server());
}

#[test]
fn an_id_that_leads_elsewhere_is_not_asked_for() {
    let site = drivers(|_| ok(json!({})));

    for id in ["../users/u-1", "azure?action=remove", ""] {
        let why = deactivated(&site, id).unwrap_err();
        assert!(why.contains("no id of a driver"), "{why}");
    }
    assert!(site.asked().is_empty());
}
