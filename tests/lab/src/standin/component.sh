#!/bin/sh
# Stands in for the programs of a Kubernetes 1.11 node: refuses what they refuse, else serves until told to stop.
#
#   component.sh NAME [FLAG...]
#
# It is /opt/rke-tools/entrypoint.sh of the containers in the container lab. For a simulated node it runs with
# LAB_ROOT, the node's directory: it looks for files and kernel values there, judges, and exits at once.
# The last line on stderr is the reason, in the words of the program it stands in for.
set -u
LC_ALL=C
export LC_ALL

name=${1:?component.sh NAME [FLAG...]}
shift
root=${LAB_ROOT:-}

die() { printf '%s\n' "$*" >&2; exit 1; }

# ---- which flags a program knows ----------------------------------------------------------------

logging_flags='alsologtostderr help log-backtrace-at log-dir log-flush-frequency logtostderr stderrthreshold v version vmodule'

apiserver_flags='admission-control admission-control-config-file advertise-address allow-privileged anonymous-auth
apiserver-count audit-log-batch-buffer-size audit-log-batch-max-size audit-log-batch-max-wait
audit-log-batch-throttle-burst audit-log-batch-throttle-enable audit-log-batch-throttle-qps audit-log-format
audit-log-maxage audit-log-maxbackup audit-log-maxsize audit-log-mode audit-log-path audit-log-truncate-enabled
audit-log-truncate-max-batch-size audit-log-truncate-max-event-size audit-log-version audit-policy-file
audit-webhook-batch-buffer-size audit-webhook-batch-max-size audit-webhook-batch-max-wait audit-webhook-config-file
audit-webhook-initial-backoff audit-webhook-mode audit-webhook-version authentication-token-webhook-cache-ttl
authentication-token-webhook-config-file authorization-mode authorization-policy-file
authorization-webhook-cache-authorized-ttl authorization-webhook-cache-unauthorized-ttl
authorization-webhook-config-file basic-auth-file bind-address cert-dir client-ca-file cloud-config cloud-provider
contention-profiling cors-allowed-origins default-not-ready-toleration-seconds
default-unreachable-toleration-seconds default-watch-cache-size delete-collection-workers
disable-admission-plugins enable-admission-plugins enable-aggregator-routing enable-bootstrap-token-auth
enable-garbage-collector enable-logs-handler enable-swagger-ui endpoint-reconciler-type etcd-cafile etcd-certfile
etcd-compaction-interval etcd-count-metric-poll-period etcd-keyfile etcd-prefix etcd-servers
etcd-servers-overrides event-ttl experimental-encryption-provider-config external-hostname feature-gates
http2-max-streams-per-connection insecure-bind-address insecure-port kubelet-certificate-authority
kubelet-client-certificate kubelet-client-key kubelet-https kubelet-preferred-address-types
kubelet-read-only-port kubelet-timeout kubernetes-service-node-port max-connection-bytes-per-sec
max-mutating-requests-inflight max-requests-inflight min-request-timeout oidc-ca-file oidc-client-id
oidc-groups-claim oidc-groups-prefix oidc-issuer-url oidc-required-claim oidc-signing-algs oidc-username-claim
oidc-username-prefix profiling proxy-client-cert-file proxy-client-key-file repair-malformed-updates
request-timeout requestheader-allowed-names requestheader-client-ca-file requestheader-extra-headers-prefix
requestheader-group-headers requestheader-username-headers runtime-config secure-port
service-account-api-audiences service-account-issuer service-account-key-file service-account-lookup
service-account-max-token-expiration service-account-signing-key-file service-cluster-ip-range
service-node-port-range ssh-keyfile ssh-user storage-backend storage-media-type storage-versions target-ram-mb
tls-cert-file tls-cipher-suites tls-min-version tls-private-key-file tls-sni-cert-key token-auth-file watch-cache
watch-cache-sizes'

controller_flags='address allocate-node-cidrs allow-untagged-cloud attach-detach-reconcile-sync-period bind-address
cert-dir cidr-allocator-type cloud-config cloud-provider cluster-cidr cluster-name cluster-signing-cert-file
cluster-signing-key-file concurrent-deployment-syncs concurrent-endpoint-syncs concurrent-gc-syncs
concurrent-namespace-syncs concurrent-rc-syncs concurrent-replicaset-syncs concurrent-resource-quota-syncs
concurrent-service-syncs concurrent-serviceaccount-token-syncs configure-cloud-routes contention-profiling
controller-start-interval controllers enable-dynamic-provisioning enable-garbage-collector
enable-hostpath-provisioner enable-taint-manager experimental-cluster-signing-duration feature-gates
flex-volume-plugin-dir horizontal-pod-autoscaler-sync-period kube-api-burst kube-api-content-type kube-api-qps
kubeconfig large-cluster-size-threshold leader-elect leader-elect-lease-duration leader-elect-renew-deadline
leader-elect-retry-period master min-resync-period namespace-sync-period node-cidr-mask-size
node-eviction-rate node-monitor-grace-period node-monitor-period node-startup-grace-period
pod-eviction-timeout port profiling resource-quota-sync-period root-ca-file route-reconciliation-period
secondary-node-eviction-rate secure-port service-account-private-key-file service-cluster-ip-range
terminated-pod-gc-threshold tls-cert-file tls-cipher-suites tls-min-version tls-private-key-file
unhealthy-zone-threshold use-service-account-credentials'

scheduler_flags='address algorithm-provider config contention-profiling feature-gates kube-api-burst
kube-api-content-type kube-api-qps kubeconfig leader-elect leader-elect-lease-duration
leader-elect-renew-deadline leader-elect-retry-period lock-object-name lock-object-namespace master
policy-config-file policy-configmap policy-configmap-namespace port profiling scheduler-name
use-legacy-policy-config'

kubelet_flags='address allow-privileged allowed-unsafe-sysctls anonymous-auth application-metrics-count-limit
authentication-token-webhook authentication-token-webhook-cache-ttl authorization-mode
authorization-webhook-cache-authorized-ttl authorization-webhook-cache-unauthorized-ttl bootstrap-kubeconfig
cadvisor-port cert-dir cgroup-driver cgroup-root cgroups-per-qos client-ca-file cloud-config cloud-provider
cluster-dns cluster-domain cni-bin-dir cni-conf-dir config container-runtime container-runtime-endpoint
containerized contention-profiling cpu-cfs-quota cpu-manager-policy docker-endpoint dynamic-config-dir
enable-controller-attach-detach enable-debugging-handlers enable-server enforce-node-allocatable event-burst
event-qps eviction-hard eviction-max-pod-grace-period eviction-minimum-reclaim
eviction-pressure-transition-period eviction-soft eviction-soft-grace-period exit-on-lock-contention
experimental-allocatable-ignore-eviction fail-swap-on feature-gates file-check-frequency hairpin-mode
healthz-bind-address healthz-port hostname-override http-check-frequency image-gc-high-threshold
image-gc-low-threshold image-pull-progress-deadline image-service-endpoint iptables-drop-bit
iptables-masquerade-bit keep-terminated-pod-volumes kube-api-burst kube-api-content-type kube-api-qps
kube-reserved kube-reserved-cgroup kubeconfig kubelet-cgroups lock-file make-iptables-util-chains manifest-url
manifest-url-header master-service-namespace max-open-files max-pods minimum-image-ttl-duration network-plugin
network-plugin-mtu node-ip node-labels node-status-max-images node-status-update-frequency
non-masquerade-cidr oom-score-adj pod-cidr pod-infra-container-image pod-manifest-path pod-max-pids
pods-per-core port protect-kernel-defaults provider-id read-only-port really-crash-for-testing
redirect-container-streaming register-node register-schedulable register-with-taints registry-burst
registry-qps resolv-conf root-dir rotate-certificates runonce runtime-cgroups runtime-request-timeout seccomp-profile-root
serialize-image-pulls streaming-connection-idle-timeout sync-frequency system-cgroups system-reserved
system-reserved-cgroup tls-cert-file tls-cipher-suites tls-min-version tls-private-key-file volume-plugin-dir
volume-stats-agg-period'

proxy_flags='bind-address cleanup cleanup-ipvs cluster-cidr config config-sync-period conntrack-max
conntrack-max-per-core conntrack-min conntrack-tcp-timeout-close-wait conntrack-tcp-timeout-established
feature-gates healthz-bind-address healthz-port hostname-override iptables-masquerade-bit
iptables-min-sync-period iptables-sync-period ipvs-exclude-cidrs ipvs-min-sync-period ipvs-scheduler
ipvs-sync-period kube-api-burst kube-api-content-type kube-api-qps kubeconfig masquerade-all master
metrics-bind-address nodeport-addresses oom-score-adj profiling proxy-mode proxy-port-range resource-container
udp-timeout write-config-to'

boolean_flags='anonymous-auth profiling repair-malformed-updates service-account-lookup protect-kernel-defaults
make-iptables-util-chains authentication-token-webhook allow-privileged leader-elect fail-swap-on'

number_flags='audit-log-maxage audit-log-maxbackup audit-log-maxsize terminated-pod-gc-threshold event-qps
event-burst secure-port insecure-port read-only-port cadvisor-port'

duration_flags='streaming-connection-idle-timeout node-monitor-grace-period pod-eviction-timeout request-timeout'

plugins='AlwaysAdmit AlwaysDeny AlwaysPullImages DefaultStorageClass DefaultTolerationSeconds DenyEscalatingExec
DenyExecOnPrivileged EventRateLimit ExtendedResourceToleration ImagePolicyWebhook Initializers
LimitPodHardAntiAffinityTopology LimitRanger MutatingAdmissionWebhook NamespaceAutoProvision NamespaceExists
NamespaceLifecycle NodeRestriction OwnerReferencesPermissionEnforcement PersistentVolumeClaimResize
PersistentVolumeLabel PodNodeSelector PodPreset PodSecurityPolicy PodTolerationRestriction Priority ResourceQuota
SecurityContextDeny ServiceAccount StorageObjectInUseProtection ValidatingAdmissionWebhook'

flags_of() {
    case $1 in
    kube-apiserver) echo "$apiserver_flags" ;;
    kube-controller-manager) echo "$controller_flags" ;;
    kube-scheduler) echo "$scheduler_flags" ;;
    kubelet) echo "$kubelet_flags" ;;
    kube-proxy) echo "$proxy_flags" ;;
    esac
    echo "$logging_flags"
}

# Is the word $1 in the list $2?
is_in() {
    case " $(echo $2) " in
    *" $1 "*) return 0 ;;
    esac
    return 1
}

# ---- flags --------------------------------------------------------------------------------------

given=
check_flags() {
    known=$(flags_of "$name")
    for argument; do
        case $argument in
        --*) ;;
        *) continue ;;
        esac
        flag=${argument#--}
        flag=${flag%%=*}
        is_in "$flag" "$known" || die "unknown flag: --$flag"
        given="$given $flag"
        case $argument in
        *=*) check_value "$flag" "${argument#*=}" ;;
        esac
    done
}

check_value() {
    if is_in "$1" "$boolean_flags"; then
        is_in "$2" '1 t T TRUE true True 0 f F FALSE false False' ||
            die "invalid argument \"$2\" for \"--$1\" flag: strconv.ParseBool: parsing \"$2\": invalid syntax"
    elif is_in "$1" "$number_flags"; then
        printf '%s\n' "$2" | grep -Eq '^-?[0-9]+$' ||
            die "invalid argument \"$2\" for \"--$1\" flag: strconv.ParseInt: parsing \"$2\": invalid syntax"
    elif is_in "$1" "$duration_flags"; then
        printf '%s\n' "$2" | grep -Eq '^(0|([0-9]+(\.[0-9]+)?(h|m|s|ms|us|ns))+)$' ||
            die "invalid argument \"$2\" for \"--$1\" flag: time: missing unit in duration $2"
    fi
}

# The value of a flag; the last one wins.
value_of() {
    wanted=$1
    shift
    found=
    for argument; do
        case $argument in
        "--$wanted="*) found=${argument#*=} ;;
        esac
    done
    printf '%s' "$found"
}

# ---- files --------------------------------------------------------------------------------------

# Says what keeps a file from being YAML at all; nothing if nothing was found.
yaml_mistake() {
    awk '
        /^ *\t/ { printf "yaml: line %d: found character that cannot start any token\n", NR; found = 1; exit }
        /^[^][ {}#-]/ && !/^[^:]+:( |$)/ && !/^\.\.\.$/ {
            printf "yaml: line %d: could not find expected %c:%c\n", NR, 39, 39; found = 1; exit
        }
        {
            line = $0
            gsub(/"[^"]*"/, "", line); gsub(/\047[^\047]*\047/, "", line); sub(/(^| )#.*/, "", line)
            open += gsub(/[[{]/, "", line); open -= gsub(/[]}]/, "", line)
        }
        END { if (!found && open != 0) print "yaml: did not find expected node content" }
    ' "$1"
}

# Does a file say `kind: $2` (YAML or JSON)?
is_kind() {
    grep -Eq "^[[:space:]{]*\"?kind\"?:[[:space:]]*\"?$2\"?[[:space:],]*\$" "$1"
}

has_key() {
    grep -Eq "^[[:space:]{-]*\"?$2\"?:" "$1"
}

check_encryption() {
    file=$1
    [ -e "$root$file" ] ||
        die "error opening encryption provider configuration file \"$file\": stat $file: no such file or directory"
    mistake=$(yaml_mistake "$root$file")
    [ -z "$mistake" ] || die "error while parsing encryption provider configuration file \"$file\": $mistake"
    is_kind "$root$file" EncryptionConfig ||
        die "error while parsing encryption provider configuration file \"$file\": no kind \"EncryptionConfig\""
    has_key "$root$file" providers || die "error while parsing file: resources: Required value"
    sed -n 's/^[[:space:]-]*"\{0,1\}secret"\{0,1\}:[[:space:]]*//p' "$root$file" | tr -d '"'\'', ' | while read -r secret; do
        bytes=$(printf '%s' "$secret" | base64 -d 2>/dev/null | wc -c | tr -d ' ')
        is_in "$bytes" '16 24 32' || die "could not obtain secret for named key: illegal base64 data or key size $bytes"
    done || exit 1
}

check_audit_policy() {
    file=$1
    [ -e "$root$file" ] ||
        die "loading audit policy file: failed to read file path \"$file\": open $file: no such file or directory"
    mistake=$(yaml_mistake "$root$file")
    [ -z "$mistake" ] || die "loading audit policy file: failed decoding file \"$file\": $mistake"
    is_kind "$root$file" Policy || die "loading audit policy file: failed decoding file \"$file\": no kind \"Policy\""
    grep -Eq 'audit\.k8s\.io/v1(alpha1|beta1)"?,?$' "$root$file" ||
        die "loading audit policy file: failed decoding file \"$file\": no kind \"Policy\" is registered for its version"
    has_key "$root$file" rules || die "loading audit policy file: loaded illegal policy with 0 rules from file $file"
}

check_admission() {
    file=$1
    [ -e "$root$file" ] || die "failed to read plugin config: unable to read admission control configuration from \"$file\" [open $file: no such file or directory]"
    mistake=$(yaml_mistake "$root$file")
    [ -z "$mistake" ] || die "failed to read plugin config: $mistake"
    is_kind "$root$file" AdmissionConfiguration || die "failed to read plugin config: no kind \"AdmissionConfiguration\" in \"$file\""
    sed -n 's/^[[:space:]-]*"\{0,1\}path"\{0,1\}:[[:space:]]*//p' "$root$file" | tr -d '"'\'', ' | while read -r path; do
        check_plugin_configuration "$path" "$(dirname "$file")"
    done || exit 1
}

# A path in an admission configuration counts from the directory of that file.
check_plugin_configuration() {
    [ -n "$1" ] || return 0
    case $1 in
    /*) plugin_file=$1 ;;
    *) plugin_file=$2/$1 ;;
    esac
    [ -e "$root$plugin_file" ] || die "failed to read plugin config: open $plugin_file: no such file or directory"
    mistake=$(yaml_mistake "$root$plugin_file")
    [ -z "$mistake" ] || die "couldn't init admission plugin \"EventRateLimit\": $mistake"
    has_key "$root$plugin_file" limits || die "couldn't init admission plugin \"EventRateLimit\": limits: Required value"
}

# ---- programs -----------------------------------------------------------------------------------

check_plugins() {
    for plugin in $(printf '%s' "$2" | tr ',' ' '); do
        is_in "$plugin" "$plugins" || die "$1 plugin \"$plugin\" is unknown"
    done
}

check_apiserver() {
    old=$(value_of admission-control "$@")
    enabled=$(value_of enable-admission-plugins "$@")
    if is_in admission-control "$given"; then
        ! is_in enable-admission-plugins "$given" && ! is_in disable-admission-plugins "$given" ||
            die "admission-control and enable-admission-plugins/disable-admission-plugins flags are mutually exclusive"
    fi
    check_plugins admission-control "$old"
    check_plugins enable-admission-plugins "$enabled"
    encryption=$(value_of experimental-encryption-provider-config "$@")
    [ -z "$encryption" ] || check_encryption "$encryption"
    policy=$(value_of audit-policy-file "$@")
    [ -z "$policy" ] || check_audit_policy "$policy"
    admission=$(value_of admission-control-config-file "$@")
    [ -z "$admission" ] || check_admission "$admission"
    case ",$old,$enabled," in
    *,EventRateLimit,*) [ -n "$admission" ] || die "couldn't init admission plugin \"EventRateLimit\": limits: Required value" ;;
    esac
}

kernel_value() {
    cat "${root:-/run/lab}/proc/$1" 2>/dev/null || cat "/proc/sys/$(echo "$1" | tr . /)"
}

check_kubelet() {
    case $(value_of protect-kernel-defaults "$@") in
    1 | t | T | TRUE | true | True) ;;
    *) return ;;
    esac
    wrong=
    for pair in vm.overcommit_memory=1 vm.panic_on_oom=0 kernel.panic=10 kernel.panic_on_oops=1 \
        kernel.keys.root_maxkeys=1000000 kernel.keys.root_maxbytes=25000000; do
        key=${pair%%=*}
        actual=$(kernel_value "$key")
        [ "$actual" = "${pair#*=}" ] ||
            wrong="$wrong${wrong:+, }Invalid kernel flag: $(echo "$key" | tr . /), expected value: ${pair#*=}, actual value: $actual"
    done
    [ -z "$wrong" ] || die "Failed to start ContainerManager [$wrong]"
}

serve() {
    echo "$name is serving" >&2
    trap 'exit 0' TERM INT
    while :; do
        sleep 3600 &
        wait $!
    done
}

case $name in
kube-apiserver | kube-controller-manager | kube-scheduler | kubelet | kube-proxy) check_flags "$@" ;;
esac
case $name in
kube-apiserver) check_apiserver "$@" ;;
kubelet) check_kubelet "$@" ;;
esac
[ -n "$root" ] || serve
