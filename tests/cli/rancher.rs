//! The guide's items on the Rancher server, from a playbook to a report.

use harden_lab::Role;
use harden_lab::https::Authority;
use harden_lab::https::Reply;
use harden_lab::https::Request;
use harden_lab::https::Server;
use serde_json::Value;
use serde_json::json;

use crate::lab::Lab;

const TOKEN: &str = "token-q1w2e:3r4t5z";

fn answer(request: &Request) -> Reply {
    let list = |data: Value| Reply::Json(200, json!({ "data": data }));
    let is_known = request.token.as_deref() == Some(TOKEN);
    match request.path.as_str() {
        "/v3-public/localProviders/local" => Reply::Json(401, json!({})),
        _ if !is_known => Reply::Json(401, json!({})),
        "/v3/authConfigs" => list(json!([{ "id": "github", "enabled": true }])),
        "/v3/nodeDrivers" => list(json!([{ "id": "azure", "active": true }])),
        "/v3/users" => list(json!([{ "id": "user-1", "username": "ann" }])),
        "/v3/globalRoles" => list(json!([{ "id": "admin", "name": "Admin" }])),
        "/v3/globalRoleBindings" => list(json!([{ "userId": "user-1", "globalRoleId": "admin" }])),
        _ => Reply::Json(404, json!({})),
    }
}

/// The verdicts on the items 3.x of the guide, and everything that was said.
fn verdicts(lab: &Lab, arguments: &[&str]) -> (Vec<(String, String)>, String) {
    let (_, report) = lab.report(arguments);
    let text = report.to_string();
    let findings = report["findings"].as_array().unwrap().iter();
    let of_rancher = findings.filter_map(|finding| {
        let id = finding["control"].as_str()?.strip_prefix("guide:3.")?;
        Some((id.to_owned(), finding["verdict"].as_str()?.to_owned()))
    });
    (of_rancher.collect(), text)
}

#[test]
fn a_server_in_the_playbook_is_asked_and_its_token_is_shown_nowhere() {
    let authority = Authority::fresh().unwrap();
    let leaf = authority.server("127.0.0.1").unwrap();
    let server = Server::start(&leaf, &authority, answer).unwrap();
    let mut lab = Lab::with(|fleet| fleet.nodes(1, &[Role::ControlPlane, Role::Etcd]));
    lab.write("ca.pem", authority.pem());
    let playbook = |more: &str| {
        format!(
            "playbook: ours\nprofile: rancher-2.1\nlevel: 2\nrancher:\n  url: {}\n  ca: ca.pem\n  admins: [ann]\n  node_drivers: []\n{more}",
            server.url()
        )
    };
    let check = ["check", "inventory.yml", "--playbook", "ours.yml"];
    let expected = [
        ("1.1", "pass"),
        ("1.2", "unknown"),
        ("2.1", "pass"),
        ("2.2", "pass"),
        ("3.1", "pass"),
        ("4.1", "fail"),
    ];
    let expected = expected.map(|(id, verdict)| (id.to_owned(), verdict.to_owned()));

    lab.write("token", &format!("{TOKEN}\n"));
    lab.write("ours.yml", &playbook("  token_file: token\n"));
    let (seen, text) = verdicts(&lab, &check);
    assert_eq!(seen, expected);
    assert!(!text.contains(TOKEN));

    lab.write("ours.yml", &playbook(""));
    lab.set("RANCHER_TOKEN", TOKEN);
    assert_eq!(verdicts(&lab, &check).0, expected);
}

#[test]
fn without_a_server_the_items_are_for_a_person_with_the_steps() {
    let lab = Lab::with(|fleet| fleet.nodes(1, &[Role::ControlPlane, Role::Etcd]));

    let (seen, text) = verdicts(&lab, &["check", "inventory.yml", "--level", "2"]);

    assert_eq!(seen.len(), 6);
    assert!(
        seen.iter().all(|(_, verdict)| verdict == "manual"),
        "{seen:?}"
    );
    assert!(text.contains("helm upgrade rancher"));
}

#[test]
fn a_token_file_that_is_missing_is_named_before_anybody_is_asked() {
    let lab = Lab::with(|fleet| fleet.nodes(1, &[Role::ControlPlane, Role::Etcd]));
    let playbook = "playbook: ours\nprofile: rancher-2.1\nrancher: {url: 'https://127.0.0.1:1', token_file: nobody}\n";
    lab.write("ours.yml", playbook);

    lab.harden(&["check", "inventory.yml", "--playbook", "ours.yml"])
        .expect(2)
        .says(&["nobody", "token"]);

    assert_eq!(lab.node("cp-1").counts().connections, 0);
}
