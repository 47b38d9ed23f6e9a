//! The lines of RKE's log behind which this stand-in does nothing.

use super::log;

/// A cluster that is not built yet gets its certificates.
pub fn new_certificates(etcd_names: &[&str]) {
    log::info(
        "[certificates] Attempting to recover certificates from backup on [etcd,controlPlane] hosts",
    );
    for name in etcd_names {
        log::info(&format!(
            "[certificates] Successfully started [cert-fetcher] container on host [{name}]"
        ));
    }
    for line in [
        "No Certificate backup found on [etcd,controlPlane] hosts",
        "Generating CA kubernetes certificates",
        "Generating Kubernetes API server certificates",
        "Generating Kube Controller certificates",
        "Generating Kube Scheduler certificates",
        "Generating Kube Proxy certificates",
        "Generating Node certificate",
        "Generating admin certificates and kubeconfig",
    ] {
        log::info(&format!("[certificates] {line}"));
    }
    for name in etcd_names {
        log::info(&format!(
            "[certificates] Generating etcd-{name} certificate and key"
        ));
    }
    for line in [
        "[certificates] Generating Kubernetes API server aggregation layer requestheader client CA certificates",
        "[certificates] Generating Kubernetes API server proxy client certificates",
        "[certificates] Temporarily saving certs to [etcd,controlPlane] hosts",
        "[certificates] Saved certs to [etcd,controlPlane] hosts",
        "[reconcile] Reconciling cluster state",
        "[reconcile] This is newly generated cluster",
    ] {
        log::info(line);
    }
}

/// A cluster that exists gives its state away.
pub fn known_state() {
    for line in [
        "[state] Found local kube config file, trying to get state from cluster",
        "[state] Fetching cluster state from Kubernetes",
        "[state] Successfully Fetched cluster state to Kubernetes ConfigMap: cluster-state",
        "[certificates] Getting Cluster certificates from Kubernetes",
        "[certificates] Successfully fetched Cluster certificates from Kubernetes",
        "[reconcile] Reconciling cluster state",
        "[reconcile] Check etcd hosts to be deleted",
        "[reconcile] Check etcd hosts to be added",
        "[reconcile] Rebuilding and updating local kube config",
    ] {
        log::info(line);
    }
}

/// Between the control plane and the workers.
pub fn authorization(pod_security_policy: bool) {
    for line in [
        "[authz] Creating rke-job-deployer ServiceAccount",
        "[authz] rke-job-deployer ServiceAccount created successfully",
        "[authz] Creating system:node ClusterRoleBinding",
        "[authz] system:node ClusterRoleBinding created successfully",
    ] {
        log::info(line);
    }
    if pod_security_policy {
        for line in [
            "[authz] Applying default PodSecurityPolicy",
            "[authz] Default PodSecurityPolicy applied successfully",
            "[authz] Applying default PodSecurityPolicy Role and RoleBinding",
            "[authz] Default PodSecurityPolicy Role and RoleBinding applied successfully",
        ] {
            log::info(line);
        }
    }
    for line in [
        "[certificates] Save kubernetes certificates as secrets",
        "[certificates] Successfully saved certificates as kubernetes secret [k8s-certs]",
        "[state] Saving cluster state to Kubernetes",
        "[state] Successfully Saved cluster state to Kubernetes ConfigMap: cluster-state",
    ] {
        log::info(line);
    }
}

/// RKE's own addons, all of which come up here.
pub fn system_addons(has_ingress: bool) {
    log::info("[sync] Syncing nodes Labels and Taints");
    log::info("[sync] Successfully synced nodes Labels and Taints");
    log::info("[network] Setting up network plugin: canal");
    deploy_job("rke-network-plugin");
    log::info("[addons] Setting up KubeDNS");
    deploy_job("rke-kubedns-addon");
    log::info("[addons] KubeDNS deployed successfully..");
    log::info("[addons] Setting up Metrics Server");
    deploy_job("rke-metrics-addon");
    log::info("[addons] KubeDNS deployed successfully..");
    if has_ingress {
        log::info("[ingress] Setting up nginx ingress controller");
        deploy_job("rke-ingress-controller");
        log::info("[ingress] ingress controller nginx is successfully deployed");
    } else {
        log::info("[ingress] ingress controller is not defined, skipping ingress controller");
    }
}

/// One addon is stored and its job started.
pub fn deploy_job(config_map: &str) {
    log::info("[addons] Saving addon ConfigMap to Kubernetes");
    log::info(&format!(
        "[addons] Successfully Saved addon to Kubernetes ConfigMap: {config_map}"
    ));
    log::info("[addons] Executing deploy job..");
}
