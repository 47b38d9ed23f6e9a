//! Node drivers that a playbook asks to be deactivated: planned, written down, done, proved, undone.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::Mutex;

use harden_lab::Role;
use harden_lab::https::Authority;
use harden_lab::https::Reply;
use harden_lab::https::Request;
use harden_lab::https::Server;
use serde_json::Value;
use serde_json::json;

use crate::lab::Lab;
use crate::lab::Said;

const TOKEN: &str = "token-q1w2e:3r4t5z";
const OURS: [&str; 3] = ["inventory.yml", "--playbook", "ours.yml"];

/// What a server knows: each driver and whether it is active, and who will not be switched.
#[derive(Default)]
struct Drivers {
    active: BTreeMap<String, bool>,
    stuck: Option<(String, u16)>,
    switched: Vec<String>,
}

impl Drivers {
    fn answer(&mut self, request: &Request) -> Reply {
        let list = |data: Value| Reply::Json(200, json!({ "data": data }));
        let driver = |id: &str, active| json!({ "id": id, "name": id, "active": active });
        let is_known = request.token.as_deref() == Some(TOKEN);
        let id = request.path.strip_prefix("/v3/nodeDrivers/");
        match (request.path.as_str(), id) {
            ("/v3-public/localProviders/local", _) => Reply::Json(401, json!({})),
            _ if !is_known => Reply::Json(401, json!({})),
            ("/v3/nodeDrivers", _) => {
                let all = self.active.iter();
                list(all.map(|(id, active)| driver(id, *active)).collect())
            }
            (_, Some(id)) if request.method == "POST" => self.switch(id, request.asked("action")),
            (_, Some(id)) => match self.active.get(id) {
                Some(active) => Reply::Json(200, driver(id, *active)),
                None => Reply::Json(404, json!({})),
            },
            ("/v3/authConfigs", _) => list(json!([{ "id": "github", "enabled": true }])),
            ("/v3/users" | "/v3/globalRoles" | "/v3/globalRoleBindings", _) => list(json!([])),
            _ => Reply::Json(404, json!({})),
        }
    }

    fn switch(&mut self, id: &str, action: Option<&str>) -> Reply {
        self.switched.push(format!("{} {id}", action.unwrap()));
        match &self.stuck {
            Some((stuck, code)) if stuck == id => return Reply::Json(*code, json!({})),
            _ => {}
        }
        self.active
            .insert(id.to_owned(), action == Some("activate"));
        Reply::Json(200, json!({}))
    }
}

/// A cluster, and a Rancher server that has more active drivers than the playbook wants.
struct Site {
    lab: Lab,
    drivers: Arc<Mutex<Drivers>>,
    _server: Server,
}

impl Site {
    fn new(rancher: &str) -> Self {
        let drivers = Arc::new(Mutex::new(Drivers::default()));
        for (id, active) in [("amazonec2", true), ("azure", true), ("exoscale", false)] {
            drivers.lock().unwrap().active.insert(id.to_owned(), active);
        }
        drivers
            .lock()
            .unwrap()
            .active
            .insert("vmwarevsphere".to_owned(), true);
        let authority = Authority::fresh().unwrap();
        let leaf = authority.server("127.0.0.1").unwrap();
        let asked = Arc::clone(&drivers);
        let answer = move |request: &Request| asked.lock().unwrap().answer(request);
        let server = Server::start(&leaf, &authority, answer).unwrap();
        let lab = Lab::with(|fleet| {
            fleet
                .nodes(1, &[Role::ControlPlane, Role::Etcd])
                .nodes(1, &[Role::Worker])
        });
        lab.write("ca.pem", authority.pem());
        lab.write("token", TOKEN);
        let playbook = format!(
            "playbook: ours\nprofile: rancher-2.1\nrancher:\n  url: {}\n  ca: ca.pem\n  token_file: token\n  \
             admins: []\n  node_drivers: [vmwarevsphere]\n{rancher}",
            server.url()
        );
        lab.write("ours.yml", &playbook);
        Self {
            lab,
            drivers,
            _server: server,
        }
    }

    fn mended() -> Self {
        Self::new("  mend: [node_drivers]\n")
    }

    fn refuses(&self, driver: &str, code: u16) {
        self.drivers.lock().unwrap().stuck = Some((driver.to_owned(), code));
    }

    /// Runs a command for the one control that matters here.
    fn harden(&self, command: &[&str]) -> Said {
        let only = ["--control", "guide:3.4.1"];
        self.lab
            .harden(&[&command[..1], &OURS, &command[1..], &only].concat())
    }

    fn active(&self) -> Vec<String> {
        let drivers = self.drivers.lock().unwrap();
        let active = drivers.active.iter().filter(|(_, active)| **active);
        active.map(|(id, _)| id.clone()).collect()
    }

    /// What the server was told to switch, in order; forgotten then.
    fn switched(&self) -> Vec<String> {
        std::mem::take(&mut self.drivers.lock().unwrap().switched)
    }

    /// The directories of all runs, the latest last.
    fn runs(&self) -> Vec<PathBuf> {
        let entries = fs::read_dir(self.lab.path("harden-runs")).unwrap();
        let paths = entries.map(|entry| entry.unwrap().path());
        let mut runs: Vec<PathBuf> = paths.filter(|path| path.is_dir()).collect();
        runs.sort();
        runs
    }

    fn journal(&self) -> String {
        fs::read_to_string(self.runs()[0].join("journal.json")).unwrap()
    }
}

#[test]
fn nothing_is_switched_unless_the_playbook_asks_for_it() {
    let site = Site::new("");

    site.harden(&["apply", "--yes"])
        .expect(3)
        .says(&["guide:3.4.1", "amazonec2, azure active"]);

    assert_eq!(site.switched(), Vec::<String>::new());
}

#[test]
fn a_check_shows_what_an_apply_deactivates_and_the_second_apply_has_nothing_to_do() {
    let site = Site::mended();
    let [amazon, azure] = ["amazonec2", "azure"]
        .map(|id| format!("deactivate node driver {id} of the Rancher server (guide:3.4.1)"));

    site.harden(&["check"]).expect(3).says(&[&amazon, &azure]);
    assert_eq!(site.switched(), Vec::<String>::new());

    site.harden(&["apply", "--yes"])
        .expect(0)
        .says(&["deactivated node driver azure of the Rancher server"]);
    assert_eq!(site.active(), ["vmwarevsphere"]);
    let switched = ["deactivate amazonec2", "deactivate azure"];
    assert_eq!(site.switched(), switched);
    let journal = site.journal();
    assert!(journal.contains(r#""kind":"node-driver""#), "{journal}");
    assert!(!journal.contains(TOKEN), "{journal}");

    site.harden(&["apply", "--yes"]).expect(0);
    assert_eq!(site.switched(), Vec::<String>::new());
    assert_eq!(
        site.runs().len(),
        1,
        "nothing was done, so nothing is written"
    );
}

#[test]
fn one_driver_that_fails_is_named_and_the_others_are_deactivated() {
    let site = Site::mended();
    site.refuses("amazonec2", 403);

    let said = site
        .harden(&["apply", "--yes", "--format", "json"])
        .expect(5);

    let report: Value = serde_json::from_str(&said.stdout).unwrap();
    let drivers = report["done"]["drivers"].as_array().unwrap();
    let ends: Vec<(&str, &str)> = drivers
        .iter()
        .map(|one| {
            (
                one["driver"].as_str().unwrap(),
                one["outcome"].as_str().unwrap(),
            )
        })
        .collect();
    assert_eq!(ends, [("amazonec2", "failed"), ("azure", "changed")]);
    assert!(drivers[0]["why"].as_str().unwrap().contains("403"));
    assert_eq!(site.active(), ["amazonec2", "vmwarevsphere"]);
    assert!(!format!("{}{}", said.stdout, said.stderr).contains(TOKEN));
}

#[test]
fn after_a_token_that_is_not_accepted_no_other_driver_is_tried() {
    let site = Site::mended();
    site.refuses("amazonec2", 401);

    site.harden(&["apply", "--yes"]).expect(5).says(&[
        "node driver amazonec2 of the Rancher server was not deactivated",
        "(401)",
        "node driver azure of the Rancher server was not deactivated: an earlier failure came first",
    ]);

    assert_eq!(site.switched(), ["deactivate amazonec2"]);
}

#[test]
fn with_some_nodes_only_the_server_is_left_alone() {
    let site = Site::mended();

    site.harden(&["apply", "--yes", "--on", "cp-1"])
        .expect(3)
        .says(&["left out: node drivers of the Rancher server"]);

    assert_eq!(site.switched(), Vec::<String>::new());
}

#[test]
fn a_whole_apply_ends_with_the_drivers_and_leaves_nothing_to_do() {
    let site = Site::mended();
    let rancher = json!({
        "kind": "Deployment",
        "metadata": { "namespace": "cattle-system", "name": "rancher" },
        "spec": { "template": { "spec": { "containers": [
            { "name": "rancher", "env": [{ "name": "AUDIT_LEVEL", "value": "1" }] },
            { "name": "rancher-audit-log" },
        ] } } },
    });
    let state = json!({ "objects": [rancher] }).to_string();
    fs::write(site.lab.fleet.state_file(), state).unwrap();
    let whole = ["apply", "inventory.yml", "--playbook", "ours.yml", "--yes"];

    site.lab.harden(&whole).expect(0).says(&["rke: done"]);
    assert_eq!(site.active(), ["vmwarevsphere"]);
    let journal = site.journal();
    let (rke, driver) = (journal.find("rke-up"), journal.find("node-driver"));
    assert!(rke.unwrap() < driver.unwrap(), "{journal}");

    site.lab
        .harden(&whole)
        .expect(0)
        .says(&["apply would change nothing"]);
}

#[test]
fn an_undo_activates_what_the_run_deactivated_and_nothing_else() {
    let site = Site::mended();
    site.harden(&["apply", "--yes"]).expect(0);
    let run = site.runs()[0].clone();
    let run = run.to_str().unwrap();
    site.switched();
    // Somebody else needs one of them again already.
    site.drivers
        .lock()
        .unwrap()
        .active
        .insert("amazonec2".to_owned(), true);

    let undo = ["undo", run, "inventory.yml", "--yes"];
    let ours = [&undo[..], &OURS[1..]].concat();
    site.lab
        .harden(&ours)
        .expect(0)
        .says(&["activated node driver azure"]);

    assert_eq!(site.switched(), ["activate azure"]);
    assert_eq!(site.active(), ["amazonec2", "azure", "vmwarevsphere"]);
}

#[test]
fn an_undo_without_the_server_says_what_stays() {
    let site = Site::mended();
    site.harden(&["apply", "--yes"]).expect(0);
    let run = site.runs()[0].clone();

    let said = site
        .lab
        .harden(&["undo", run.to_str().unwrap(), "inventory.yml", "--yes"]);

    said.expect(3)
        .says(&["node driver azure", "names no Rancher server"]);
    assert_eq!(site.active(), ["vmwarevsphere"]);
}
