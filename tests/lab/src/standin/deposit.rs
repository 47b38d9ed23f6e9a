//! What RKE and the pod network leave on a host beside containers, as far as anybody audits it.

/// Path and mode of every file on a host; `is_control` for the control plane. The modes are those
/// of v0.1 with newer tools: keys for root alone (section 3.3).
pub fn files(is_control: bool) -> impl Iterator<Item = (&'static str, u32)> {
    let everywhere = [
        ("/etc/kubernetes/ssl/kube-ca.pem", 0o644),
        ("/etc/kubernetes/ssl/kube-node.pem", 0o644),
        ("/etc/kubernetes/ssl/kube-node-key.pem", 0o600),
        ("/etc/kubernetes/ssl/kube-proxy.pem", 0o644),
        ("/etc/kubernetes/ssl/kube-proxy-key.pem", 0o600),
        ("/etc/kubernetes/ssl/kubecfg-kube-node.yaml", 0o644),
        ("/etc/kubernetes/ssl/kubecfg-kube-proxy.yaml", 0o644),
        ("/etc/cni/net.d/10-canal.conflist", 0o644),
        ("/etc/cni/net.d/calico-kubeconfig", 0o600),
    ];
    let control = [
        ("/etc/kubernetes/ssl/kube-apiserver.pem", 0o644),
        ("/etc/kubernetes/ssl/kube-apiserver-key.pem", 0o600),
        (
            "/etc/kubernetes/ssl/kubecfg-kube-controller-manager.yaml",
            0o644,
        ),
        ("/etc/kubernetes/ssl/kubecfg-kube-scheduler.yaml", 0o644),
    ];
    let here = usize::from(is_control) * control.len();
    everywhere.into_iter().chain(control.into_iter().take(here))
}
