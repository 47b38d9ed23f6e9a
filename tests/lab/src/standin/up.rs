//! `rke up`, in the order of section 3.5.

use std::fs;
use std::path::Path;
use std::path::PathBuf;

use anyhow::anyhow;
use anyhow::bail;

use super::addon;
use super::cluster::Cluster;
use super::cluster::Node;
use super::component;
use super::deposit;
use super::fault::Faults;
use super::fleet::Fleet;
use super::kubeconfig;
use super::log;
use super::machine::Result;
use super::plane::Host;
use super::plane::Plane;
use super::state::Job;
use super::state::Member;
use super::state::State;
use super::story;

/// Where RKE v0.1 leaves the whole config on every node, readable by all (fact 10).
const NODE_STATE: &str = "/etc/kubernetes/.tmp/cluster-state.yml";

/// Makes the cluster what the config says, and logs it as RKE does.
///
/// # Errors
///
/// The message of the last, fatal line; what was done until then stays done.
pub fn up(config: &Path, fleet: &Fleet, faults: &Faults) -> Result<()> {
    let text = read_config(config)?;
    log::info("Building Kubernetes cluster");
    faults.wait();
    let cluster = Cluster::parse(&text).map_err(|why| anyhow!(why))?;
    let mut run = Run {
        kubeconfig: kubeconfig::beside(config),
        state_file: fleet.state_file(config),
        state: State::read(&fleet.state_file(config))?,
        hosts: Vec::new(),
        skipped: Vec::new(),
        text,
        cluster,
        fleet,
        faults,
    };
    run.dial();
    run.check_hosts()?;
    run.prepare()?;
    run.remove_vanished_nodes()?;
    run.etcd_plane()?;
    run.control_plane()?;
    run.save_state()?;
    run.worker_plane()?;
    run.addons()?;
    run.finish()
}

struct Run<'a> {
    kubeconfig: PathBuf,
    state_file: PathBuf,
    state: State,
    hosts: Vec<Host>,
    skipped: Vec<String>,
    text: String,
    cluster: Cluster,
    fleet: &'a Fleet,
    faults: &'a Faults,
}

impl Run<'_> {
    /// A host that does not answer is dropped with a warning, and the run goes on without it.
    fn dial(&mut self) {
        for node in &self.cluster.nodes {
            let address = &node.address;
            log::info(&format!("[dialer] Setup tunnel for host [{address}]"));
            let is_faulty = self.faults.unreachable.contains(address);
            let machine = if is_faulty {
                None
            } else {
                self.fleet.machine(node)
            };
            if let Some(machine) = machine {
                self.hosts.push(Host {
                    node: node.clone(),
                    machine,
                });
                continue;
            }
            log::warning(&format!(
                "Failed to set up SSH tunneling for host [{address}]: Can't retrieve Docker Info: Cannot connect to \
                 the Docker daemon at unix:///var/run/docker.sock. Is the docker daemon running?"
            ));
            log::warning(&format!("Removing host [{address}] from node lists"));
            self.skipped.push(address.clone());
        }
    }

    fn check_hosts(&self) -> Result<()> {
        if !self.hosts.iter().any(|host| host.node.is("etcd")) {
            bail!(
                "Cluster must have at least one etcd plane host: failed to connect to the following etcd host(s) [{}]",
                self.skipped.join(" ")
            );
        }
        if self.cluster.services.kube_api.pod_security_policy && !self.cluster.has_rbac() {
            log::warning("PodSecurityPolicy can't be enabled with RBAC support disabled");
        }
        self.faults
            .fatal
            .as_ref()
            .map_or(Ok(()), |message| Err(anyhow!("{message}")))
    }

    /// State, certificates, kubeconfig and images; a missing kubeconfig means a new cluster (section 3.3).
    fn prepare(&self) -> Result<()> {
        if self.kubeconfig.exists() {
            story::known_state();
            self.write_kubeconfig()?;
            if let Some(host) = self.on("controlplane").first() {
                log::info(&format!(
                    "[reconcile] host [{}] is active master on the cluster",
                    host.node.address
                ));
            }
            log::info("[reconcile] Reconciled cluster state successfully");
        } else {
            let names: Vec<&str> = self
                .cluster
                .with_role("etcd")
                .map(|node| node.address.as_str())
                .collect();
            story::new_certificates(&names);
        }
        log::info("[certificates] Deploying kubernetes certificates to Cluster nodes");
        self.write_kubeconfig()?;
        for host in &self.hosts {
            for (path, mode) in deposit::files(host.node.is("controlplane")) {
                let content = format!("stands for {path} of {}\n", host.node.address);
                host.machine.write(path, &content, mode)?;
            }
            if host.node.is("etcd") {
                host.machine.write("/var/lib/etcd/db", "", 0o600)?;
            }
        }
        log::info("[certificates] Successfully deployed kubernetes certificates to Cluster nodes");
        log::info("Pre-pulling kubernetes images");
        log::info("Kubernetes images pulled successfully");
        Ok(())
    }

    /// RKE takes a node that is no longer in the file out of the cluster (section 3.5).
    fn remove_vanished_nodes(&self) -> Result<()> {
        for member in &self.state.nodes {
            if self
                .cluster
                .nodes
                .iter()
                .any(|node| Member::of(node) == *member)
            {
                continue;
            }
            let node = Node {
                address: member.address.clone(),
                port: member.port.clone(),
                role: vec!["worker".to_owned()],
                ..Node::default()
            };
            let address = &node.address;
            log::info(&format!(
                "[hosts] Deleting host [{address}] from the cluster"
            ));
            if let Some(machine) = self.fleet.machine(&node) {
                for name in component::NAMES {
                    machine.remove(name)?;
                    log::info(&format!(
                        "[remove/{name}] Successfully removed container on host [{address}]"
                    ));
                }
            }
            log::info(&format!(
                "[hosts] Successfully deleted host [{address}] from the cluster"
            ));
        }
        Ok(())
    }

    fn etcd_plane(&self) -> Result<()> {
        log::info("[etcd] Building up etcd plane..");
        Plane::Etcd.deploy(&self.on("etcd"), self.faults, |node| {
            vec![component::etcd(&self.cluster, node)]
        })?;
        log::info("[etcd] Successfully started etcd plane..");
        Ok(())
    }

    fn control_plane(&self) -> Result<()> {
        log::info("[controlplane] Building up Controller Plane..");
        Plane::Control.deploy(&self.on("controlplane"), self.faults, |_| {
            component::control_plane(&self.cluster).into()
        })?;
        log::info("[controlplane] Successfully started Controller Plane..");
        story::authorization(self.cluster.has_pod_security_policy());
        Ok(())
    }

    fn save_state(&mut self) -> Result<()> {
        log::info("[state] Saving cluster state to cluster nodes");
        for host in &self.hosts {
            host.machine.write(NODE_STATE, &self.text, 0o644)?;
            let address = &host.node.address;
            log::info(&format!(
                "[state] Successfully started [cluster-state-deployer] container on host [{address}]"
            ));
            log::info(&format!(
                "[remove/cluster-state-deployer] Successfully removed container on host [{address}]"
            ));
        }
        self.state.nodes = self.cluster.nodes.iter().map(Member::of).collect();
        self.state.write(&self.state_file)
    }

    fn worker_plane(&self) -> Result<()> {
        log::info("[worker] Building up Worker Plane..");
        let hosts: Vec<&Host> = self.hosts.iter().collect();
        Plane::Worker.deploy(&hosts, self.faults, |node| {
            component::worker_plane(&self.cluster, node)
        })?;
        log::info("[worker] Successfully started Worker Plane..");
        Ok(())
    }

    /// A failed user addon is a warning and nothing else (fact 6).
    fn addons(&mut self) -> Result<()> {
        story::system_addons(self.cluster.has_ingress());
        log::info("[addons] Setting up user addons");
        if self.cluster.addons.is_empty() && self.cluster.addons_include.is_empty() {
            log::info("[addons] no user addons defined");
            return Ok(());
        }
        match self.apply_addons() {
            Ok(()) => log::info("[addons] User addons deployed successfully"),
            Err(_) => log::warning(
                "Failed to deploy addon execute job [rke-user-includes-addons]: Failed to get job complete status: <nil>",
            ),
        }
        self.state.write(&self.state_file)
    }

    fn apply_addons(&mut self) -> Result<()> {
        let mut manifests = Vec::new();
        if !self.cluster.addons.is_empty() {
            manifests.push(("rke-user-addon", self.cluster.addons.clone()));
        }
        for path in &self.cluster.addons_include {
            manifests.push(("rke-user-includes-addons", fs::read_to_string(path)?));
        }
        for (config_map, manifest) in manifests {
            self.deploy_addon(config_map, manifest)?;
        }
        Ok(())
    }

    /// The job runs again when its text changed, or when it did not complete (section 2.2).
    fn deploy_addon(&mut self, config_map: &str, manifest: String) -> Result<()> {
        story::deploy_job(config_map);
        let last = self.state.jobs.get(config_map);
        if last.is_some_and(|job| job.is_complete && job.text == manifest) {
            return Ok(());
        }
        let applied = addon::apply(&manifest, self.cluster.has_ingress(), &mut self.state);
        let told = "Error from server (Forbidden): told to fail".to_owned();
        let refused = applied.err().map(|refused| refused.0);
        self.state.addon_log = refused.or(self.faults.addon.then_some(told));
        let job = Job {
            text: manifest,
            is_complete: self.state.addon_log.is_none(),
        };
        self.state.jobs.insert(config_map.to_owned(), job);
        if self.state.addon_log.is_some() {
            bail!("the job of {config_map} did not complete");
        }
        Ok(())
    }

    fn finish(&self) -> Result<()> {
        if !self.skipped.is_empty() {
            bail!(
                "Provisioning incomplete, host(s) [{}] skipped because they could not be contacted",
                self.skipped.join(",")
            );
        }
        log::info("Finished building Kubernetes cluster successfully");
        Ok(())
    }

    fn on(&self, role: &str) -> Vec<&Host> {
        self.hosts
            .iter()
            .filter(|host| host.node.is(role))
            .collect()
    }

    fn write_kubeconfig(&self) -> Result<()> {
        let master = self.cluster.with_role("controlplane").next();
        let server = master.map_or("", |node| &node.address);
        match self.fleet.kubeconfig() {
            Some(own) => kubeconfig::copy(&own, &self.kubeconfig)?,
            None => kubeconfig::write(&self.kubeconfig, server)?,
        }
        let path = self.kubeconfig.display();
        log::info(&format!(
            "Successfully Deployed local admin kubeconfig at [{path}]"
        ));
        Ok(())
    }
}

fn read_config(config: &Path) -> Result<String> {
    fs::read_to_string(config).map_err(|error| {
        anyhow!(
            "Failed to resolve cluster file: Can not find cluster configuration file: open {}: {error}",
            config.display()
        )
    })
}
