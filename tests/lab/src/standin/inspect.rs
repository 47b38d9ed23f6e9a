//! `docker inspect` of a simulated container: the genuine document of its kind with new values in it.

use std::hash::BuildHasher;
use std::hash::RandomState;

use anyhow::Context;
use jiff::Timestamp;
use serde_json::Value;
use serde_json::json;

use super::component::SIDEKICK;
use super::container::Container;
use super::machine::Result;

const GENUINE: &str = include_str!("../../../fixtures/rke-v0.1.11/inspect-default.json");

/// Describes a container that was just created on a node and not started.
///
/// `volume` is the name of the sidekick's volume.
///
/// # Errors
///
/// The genuine document is not what this program was written for.
pub fn created(container: &Container, hostname: &str, volume: &str) -> Result<Value> {
    let mut document = template(container.name)?;
    let id = random_id();
    let (path, args) = container.command();
    let log = format!("/var/lib/docker/containers/{id}");
    let mut set = |pointer: &str, value: Value| put(&mut document, pointer, value);
    set("/Id", json!(id));
    set("/Created", json!(Timestamp::now().to_string()));
    set("/Path", json!(path));
    set("/Args", json!(args));
    set("/Name", json!(format!("/{}", container.name)));
    set("/Config/Image", json!(container.image));
    set("/Config/Entrypoint", list(&container.entrypoint));
    set("/Config/Cmd", list(&container.cmd));
    set("/Config/Env", json!(container.full_env()));
    set(
        "/Config/Labels",
        json!({"io.rancher.rke.container.name": container.name}),
    );
    set("/HostConfig/Binds", list(&container.binds));
    set("/Mounts", json!(mounts(container, volume)));
    if container.name == SIDEKICK {
        set("/Config/Hostname", json!(id[..12]));
    } else {
        set("/Config/Hostname", json!(hostname));
        set("/HostnamePath", json!(format!("{log}/hostname")));
        set("/HostsPath", json!(format!("{log}/hosts")));
        set("/LogPath", json!(format!("{log}/{id}-json.log")));
        set("/NetworkSettings/SandboxID", json!(random_id()));
        set(
            "/NetworkSettings/Networks/host/EndpointID",
            json!(random_id()),
        );
    }
    Ok(document)
}

/// Enters into the document that the container was started and serves.
pub fn serve(document: &mut Value) {
    state(document, "running", false, 0);
    put(document, "/RestartCount", json!(0));
}

/// Enters that the container was started and ends over and over (section 4).
pub fn crash_loop(document: &mut Value) {
    state(document, "restarting", true, 1);
    put(
        document,
        "/State/FinishedAt",
        json!(Timestamp::now().to_string()),
    );
    put(document, "/RestartCount", json!(5));
}

/// Sixty-four random hexadecimal digits, as Docker names things.
pub fn random_id() -> String {
    let dice = RandomState::new();
    let [a, b, c, d] = [0, 1, 2, 3].map(|part| dice.hash_one(part));
    format!("{a:016x}{b:016x}{c:016x}{d:016x}")
}

fn state(document: &mut Value, status: &str, restarting: bool, exit_code: i32) {
    let id = document["Id"].as_str().unwrap_or_default();
    let pid = if restarting {
        0
    } else {
        1000 + RandomState::new().hash_one(id) % 30_000
    };
    let values = json!({
        "Status": status, "Running": true, "Paused": false, "Restarting": restarting,
        "OOMKilled": false, "Dead": false, "Pid": pid, "ExitCode": exit_code, "Error": "",
        "StartedAt": Timestamp::now().to_string(), "FinishedAt": "0001-01-01T00:00:00Z",
    });
    put(document, "/State", values);
}

/// The genuine document of a container; nginx-proxy was not on that node and is made from another.
fn template(name: &str) -> Result<Value> {
    let genuine: Vec<Value> = serde_json::from_str(GENUINE)?;
    let model = if name == "nginx-proxy" {
        "/kube-scheduler"
    } else {
        &format!("/{name}")
    };
    let mut document = genuine
        .into_iter()
        .find(|document| document["Name"] == model)
        .with_context(|| format!("no genuine inspect document of {model}"))?;
    if name == "nginx-proxy" {
        put(&mut document, "/HostConfig/VolumesFrom", Value::Null);
    }
    Ok(document)
}

fn mounts(container: &Container, volume: &str) -> Vec<Value> {
    let mut mounts: Vec<Value> = container.binds.iter().map(|bind| mount(bind)).collect();
    if container.has_sidekick || container.name == SIDEKICK {
        mounts.push(json!({
            "Type": "volume", "Name": volume,
            "Source": format!("/var/lib/docker/volumes/{volume}/_data"),
            "Destination": "/opt/rke-tools", "Driver": "local", "Mode": "", "RW": true, "Propagation": "",
        }));
    }
    mounts
}

fn mount(bind: &str) -> Value {
    let mut parts = bind.splitn(3, ':');
    let source = parts.next().unwrap_or_default();
    let destination = parts.next().unwrap_or_default();
    let mode = parts.next().unwrap_or_default();
    let has = |option: &str| mode.split(',').any(|own| own == option);
    let propagation = ["shared", "rshared", "slave", "rslave"]
        .into_iter()
        .find(|option| has(option))
        .unwrap_or("rprivate");
    json!({
        "Type": "bind", "Source": source, "Destination": destination.trim_end_matches('/'),
        "Mode": mode, "RW": !has("ro"), "Propagation": propagation,
    })
}

/// Docker shows an empty list as null.
fn list(items: &[String]) -> Value {
    if items.is_empty() {
        Value::Null
    } else {
        json!(items)
    }
}

fn put(document: &mut Value, pointer: &str, value: Value) {
    if let Some(place) = document.pointer_mut(pointer) {
        *place = value;
    }
}
