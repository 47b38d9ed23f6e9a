//! One plane on all its hosts: containers created, recreated or left alone, then health checks.

use std::thread;

use anyhow::anyhow;
use anyhow::bail;
use serde_json::Value;

use super::cluster::Node;
use super::component;
use super::container::Container;
use super::fault::Faults;
use super::log;
use super::machine::Health;
use super::machine::Machine;
use super::machine::Result;

/// How many hosts are worked on at once.
const WIDTH: usize = 32;

/// A node that answers.
pub struct Host {
    pub node: Node,
    pub machine: Box<dyn Machine>,
}

/// Etcd, the control plane, or the workers.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Plane {
    Etcd,
    Control,
    Worker,
}

impl Plane {
    /// Deploys the containers of this plane on its hosts.
    ///
    /// All hosts are changed at once and none waits for another's health (section 3.5); only the hosts
    /// of etcd take turns.
    ///
    /// # Errors
    ///
    /// The first failure, in RKE's words; the other hosts are changed all the same.
    pub fn deploy<F>(self, hosts: &[&Host], faults: &Faults, containers: F) -> Result<()>
    where
        F: Fn(&Node) -> Vec<Container> + Sync,
    {
        let on_host = |host: &&Host| self.on_host(host, faults, &containers(&host.node));
        let results: Vec<Result<()>> = if self == Self::Etcd {
            hosts.iter().map(on_host).collect()
        } else {
            at_once(hosts, &on_host)
        };
        let result: Result<()> = results.into_iter().collect();
        result.map_err(|error| anyhow!("{}: {error:#}", self.failure()))
    }

    fn on_host(self, host: &Host, faults: &Faults, containers: &[Container]) -> Result<()> {
        if self != Self::Etcd {
            host.renew_sidekick()?;
        }
        for container in containers {
            self.bring_up(host, container)?;
            host.check_health(container.name, faults)?;
            self.link_log(host);
        }
        Ok(())
    }

    /// Section 3.4: a difference recreates, a container that does not run is started again.
    fn bring_up(self, host: &Host, container: &Container) -> Result<()> {
        let (name, address) = (container.name, &host.node.address);
        let done = match host.machine.inspect(name)? {
            None => {
                host.machine.create(container)?;
                "started"
            }
            Some(running) if container.differs_from(&running) => {
                host.machine.create(container)?;
                "updated"
            }
            Some(running) if !is_running(&running) => {
                host.machine.restart(name)?;
                return Ok(());
            }
            Some(_) => return Ok(()),
        };
        let tag = self.tag();
        log::info(&format!(
            "[{tag}] Successfully {done} [{name}] container on host [{address}]"
        ));
        Ok(())
    }

    fn link_log(self, host: &Host) {
        let (tag, address) = (self.tag(), &host.node.address);
        log::info(&format!(
            "[{tag}] Successfully started [rke-log-linker] container on host [{address}]"
        ));
        log::info(&format!(
            "[remove/rke-log-linker] Successfully removed container on host [{address}]"
        ));
    }

    fn tag(self) -> &'static str {
        match self {
            Self::Etcd => "etcd",
            Self::Control => "controlplane",
            Self::Worker => "worker",
        }
    }

    fn failure(self) -> &'static str {
        match self {
            Self::Etcd => "[etcd] Failed to bring up Etcd Plane",
            Self::Control => "[controlPlane] Failed to bring up Control Plane",
            Self::Worker => "[workerPlane] Failed to bring up Worker Plane",
        }
    }
}

impl Host {
    fn renew_sidekick(&self) -> Result<()> {
        let sidekick = component::sidekick();
        if self.machine.inspect(sidekick.name)?.is_some() {
            self.machine.remove(sidekick.name)?;
            let address = &self.node.address;
            log::info(&format!(
                "[remove/{}] Successfully removed container on host [{address}]",
                sidekick.name
            ));
        }
        self.machine.create(&sidekick)
    }

    fn check_health(&self, service: &str, faults: &Faults) -> Result<()> {
        let Some(url) = endpoint(service) else {
            return Ok(());
        };
        let address = &self.node.address;
        log::info(&format!(
            "[healthcheck] Start Healthcheck on service [{service}] on host [{address}]"
        ));
        let health = if faults.unhealthy.as_deref() == Some(service) {
            Health::Failing {
                last_line: "told to fail".to_owned(),
            }
        } else {
            self.machine.health(service)?
        };
        if let Health::Failing { last_line } = health {
            bail!(unhealthy(service, address, url, &last_line));
        }
        log::info(&format!(
            "[healthcheck] service [{service}] on host [{address}] is healthy"
        ));
        Ok(())
    }
}

/// RKE's sentence; the reason is the last line of the container's log (section 3.2).
fn unhealthy(service: &str, host: &str, url: &str, last_line: &str) -> String {
    let port = url
        .trim_end_matches("/healthz")
        .rsplit('/')
        .next()
        .unwrap_or_default();
    format!(
        "Failed to verify healthcheck: Failed to check {url} for service [{service}] on host [{host}]: Get \"{url}\": \
         Unable to access the service on {port}. The service might be still starting up. \
         Error: ssh: rejected: connect failed (Connection refused), log: {last_line}"
    )
}

/// Where RKE asks a service for its health; it does not ask the others.
fn endpoint(service: &str) -> Option<&'static str> {
    match service {
        "kube-apiserver" => Some("https://localhost:6443/healthz"),
        "kube-controller-manager" => Some("http://localhost:10252/healthz"),
        "kube-scheduler" => Some("http://localhost:10251/healthz"),
        "kubelet" => Some("https://localhost:10250/healthz"),
        "kube-proxy" => Some("http://localhost:10256/healthz"),
        _ => None,
    }
}

fn is_running(document: &Value) -> bool {
    document.pointer("/State/Status").and_then(Value::as_str) == Some("running")
}

fn at_once<T, F>(hosts: &[&Host], work: &F) -> Vec<Result<T>>
where
    T: Send,
    F: Fn(&&Host) -> Result<T> + Sync,
{
    let mut results = Vec::new();
    for group in hosts.chunks(WIDTH) {
        thread::scope(|scope| {
            let workers: Vec<_> = group
                .iter()
                .map(|host| scope.spawn(move || work(host)))
                .collect();
            for worker in workers {
                results.push(
                    worker
                        .join()
                        .unwrap_or_else(|_| Err(anyhow!("a worker panicked"))),
                );
            }
        });
    }
    results
}
