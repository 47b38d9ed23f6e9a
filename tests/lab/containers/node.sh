#!/bin/sh
# The first program of a lab node: private kernel values, a Docker engine, and then sshd for good.
#
# LAB_USER is who may log in, LAB_KEY is that user's public key. /run/lab/ready appears when all is up.
set -eu

values='vm.overcommit_memory=0
vm.panic_on_oom=0
kernel.panic=0
kernel.panic_on_oops=0
kernel.keys.root_maxkeys=1000000
kernel.keys.root_maxbytes=25000000'

# Each node has kernel values of its own: the kernel is shared, so a private file lies over each.
kernel_values() {
    mkdir -p /run/lab/proc
    echo "$values" | while IFS='=' read -r name value; do
        echo "$value" >"/run/lab/proc/$name"
        mount --bind "/run/lab/proc/$name" "/proc/sys/$(echo "$name" | tr . /)"
    done
}

login() {
    home=$(getent passwd "$LAB_USER" | cut -d: -f6)
    mkdir -p -m 0700 "$home/.ssh"
    echo "$LAB_KEY" >"$home/.ssh/authorized_keys"
    chown -R "$LAB_USER:" "$home/.ssh"
    mkdir -p /run/sshd
    ssh-keygen -A
}

engine() {
    setsid dockerd --iptables=false --ip6tables=false --bridge=none >/var/log/dockerd.log 2>&1 </dev/null &
    for _ in $(seq 120); do
        docker info >/dev/null 2>&1 && return
        sleep 0.5
    done
    tail -n 20 /var/log/dockerd.log >&2
    echo "lab: node: dockerd did not come up" >&2
    exit 1
}

images() {
    path='ENV PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'
    docker import --change "$path" /opt/lab/inner.tar rancher/hyperkube:v1.11.3-rancher1
    docker tag rancher/hyperkube:v1.11.3-rancher1 rancher/coreos-etcd:v3.2.18
    docker tag rancher/hyperkube:v1.11.3-rancher1 rancher/rke-tools:v0.1.15
}

# The binds of a kubelet ask for shared propagation.
mount --make-rshared /
kernel_values
login
engine
images
touch /run/lab/ready
exec /usr/sbin/sshd -D -e
