//! The API server of a node, as one reaches it from the node itself.

use std::fs;

use tokio::net::TcpStream;

use crate::fault::Fault;
use crate::machine::Machine;

/// Port on which every API server of RKE serves.
const PORT: u32 = 6443;

/// A connection to what runs as `kube-apiserver` on `machine`; nothing where nobody listens.
pub(crate) async fn of(machine: &Machine, host: &str, port: u32) -> Option<TcpStream> {
    let inspected = fs::read_to_string(machine.dir.join("docker/kube-apiserver.json")).ok()?;
    let is_up = inspected.contains("\"Status\": \"running\"");
    if !is_up || port != PORT || !["127.0.0.1", "localhost"].contains(&host) {
        return None;
    }
    let fleet = machine.dir.parent()?.parent()?;
    let name = if machine.faults().contains(&Fault::ApiIll) {
        "port-ill"
    } else {
        "port"
    };
    let port = fs::read_to_string(fleet.join("kubernetes").join(name)).ok()?;
    let connected = TcpStream::connect(("127.0.0.1", port.trim().parse().ok()?)).await;
    connected.ok()
}
