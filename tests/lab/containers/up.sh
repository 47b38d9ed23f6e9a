#!/bin/sh
# Starts the container lab: three real nodes, each with OpenSSH, sudo and a Docker engine.
#
#   up.sh DIR
#
# DIR then holds inventory.yml, known_hosts and the client key id_ed25519. Nodes are reached at 127.0.1.N,
# port LAB_PORT (22 unless told). LAB_CACHE keeps the built Debian (DIR/cache unless told).
# What is started here is stopped by down.sh DIR.
set -eu

[ $# = 1 ] || { echo "usage: up.sh DIR" >&2; exit 2; }
here=$(cd "$(dirname "$0")" && pwd)
mkdir -p "$1"
dir=$(cd "$1" && pwd)
port=${LAB_PORT:-22}
cache=${LAB_CACHE:-$dir/cache}
step="reading arguments"

# name, user, roles; the N-th line is the node at 127.0.1.N
nodes='cp-1 root controlplane,etcd
cp-2 ubuntu controlplane,etcd
worker-1 ubuntu worker'

said() { echo "lab: $*" >&2; }
failed() {
    status=$?
    [ $status = 0 ] && return
    said "failed at: $step"
    "$here/down.sh" "$dir" >&2 || true
    exit $status
}
trap failed EXIT
trap 'exit 130' INT TERM

# Runs a command until it succeeds, at most 60 seconds.
eventually() {
    for _ in $(seq 120); do
        "$@" >/dev/null 2>&1 && return
        sleep 0.5
    done
    said "gave up on: $*"
    "$@"
}

start_node() {
    docker run --detach --init --name "harden-lab-$2" --hostname "$2" \
        --label harden-lab="$dir" --label harden-lab.address="127.0.1.$1" --label harden-lab.port="$port" \
        --cap-add ALL --cap-drop SYS_RESOURCE \
        --security-opt seccomp=unconfined --security-opt apparmor=unconfined \
        --volume /var/lib/docker --volume /sys/fs/cgroup:/sys/fs/cgroup:rw \
        --publish "127.0.1.$1:$port:22" \
        --env LAB_USER="$3" --env LAB_KEY="$(cat "$dir/id_ed25519.pub")" \
        "$image" /opt/lab/node.sh >/dev/null
}

is_ready() { docker exec "harden-lab-$1" test -e /run/lab/ready; }

wait_for_node() {
    eventually is_ready "$1" || { docker logs --tail 20 "harden-lab-$1" >&2; return 1; }
}

host_keys() {
    host=127.0.1.$1
    [ "$port" = 22 ] || host="[$host]:$port"
    docker exec "harden-lab-$2" sh -c 'cat /etc/ssh/ssh_host_*_key.pub' | cut -d' ' -f1,2 | sed "s/^/$host /"
}

inventory_head() {
    printf 'cluster_name: lab\nkubernetes_version: v1.11.3-rancher1-1\nssh_key_path: %s/id_ed25519\nnodes:\n' "$dir"
}

inventory_node() {
    internal=$(docker inspect --format '{{.NetworkSettings.IPAddress}}' "harden-lab-$2")
    printf -- '- address: 127.0.1.%s\n  port: "%s"\n  internal_address: %s\n  hostname_override: %s\n  user: %s\n  role: [%s]\n' \
        "$1" "$port" "$internal" "$2" "$3" "$(echo "$4" | sed 's/,/, /g')"
}

answers() {
    ssh -o BatchMode=yes -o ConnectTimeout=5 -o UserKnownHostsFile="$dir/known_hosts" -o StrictHostKeyChecking=yes \
        -o IdentitiesOnly=yes -i "$dir/id_ed25519" -p "$port" "$2@127.0.1.$1" true
}

# Calls a function with number, name, user and roles of each node.
for_each_node() {
    number=0
    echo "$nodes" | while read -r name user roles; do
        number=$((number + 1))
        "$1" "$number" "$name" "$user" "$roles" </dev/null || exit 1
    done
}

step_start() { step="starting node $2"; said "$step"; start_node "$@"; }
step_wait() { wait_for_node "$2"; }
step_answers() { eventually answers "$1" "$3"; }

step="clearing what an earlier lab left"
"$here/down.sh" "$dir"

step="Docker daemon on this machine"
"$here/engine.sh" start "$dir"

step="image of the nodes"
said "$step (the first time takes some minutes)"
image=$("$here/image.sh" "$cache")

step="client key"
[ -s "$dir/id_ed25519" ] || ssh-keygen -q -t ed25519 -N '' -C harden-lab -f "$dir/id_ed25519"

step="starting the nodes"
for_each_node step_start

step="waiting for Docker in the nodes"
said "$step"
for_each_node step_wait

step="writing inventory.yml and known_hosts"
{ inventory_head; for_each_node inventory_node; } >"$dir/inventory.yml"
for_each_node host_keys >"$dir/known_hosts"

step="logging in to the nodes"
for_each_node step_answers

said "ready: $dir/inventory.yml"
