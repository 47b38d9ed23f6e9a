#!/bin/sh
# Builds the image of a lab node, where no image registry can be reached, and prints its name.
#
#   image.sh CACHE
#
# The slow part (debootstrap) is kept in CACHE; what the lab adds is laid over it each time it changes.
# LAB_SUITE and LAB_MIRROR choose another Debian. Away from Debian, debootstrap also needs debian-archive-keyring.
set -eu

die() { echo "lab: image: $*" >&2; exit 1; }
[ $# = 1 ] || die "usage: image.sh CACHE"
cache=$1
here=$(cd "$(dirname "$0")" && pwd)
component=$here/../src/standin/component.sh
suite=${LAB_SUITE:-bookworm}
mirror=${LAB_MIRROR:-http://deb.debian.org/debian}
packages=openssh-server,sudo,procps,docker.io,iproute2,busybox-static
base=$cache/base-$suite.tar

# The node's Debian, with its two users; nothing of the lab's own files.
build_base() {
    [ "$(id -u)" = 0 ] || die "debootstrap needs root"
    command -v debootstrap >/dev/null || die "no debootstrap here (Debian: apt-get install debootstrap)"
    root=$cache/rootfs.partial
    rm -rf "$root"
    debootstrap --variant=minbase --include="$packages" "$suite" "$root" "$mirror" >"$cache/debootstrap.log" 2>&1 || {
        tail -n 20 "$cache/debootstrap.log" >&2
        die "debootstrap failed; its log is $cache/debootstrap.log"
    }
    chroot "$root" useradd --create-home --shell /bin/bash --groups docker ubuntu
    echo 'ubuntu ALL=(ALL) NOPASSWD: ALL' >"$root/etc/sudoers.d/ubuntu"
    chmod 0440 "$root/etc/sudoers.d/ubuntu"
    rm -rf "$root"/var/cache/apt/archives/*.deb "$root"/var/lib/apt/lists/* "$root"/etc/ssh/ssh_host_*
    tar -C "$root" -cf "$base.partial" .
    mv "$base.partial" "$base"
    rm -rf "$root"
}

# The image of the containers inside a node: busybox and the stand-in for Kubernetes' components.
build_inner() {
    inner=$1
    mkdir -p "$inner/bin" "$inner/opt/rke-tools" "$inner/usr/local/bin" "$inner/etc" "$inner/proc" "$inner/sys" "$inner/dev" "$inner/tmp" "$inner/run" "$inner/var/run"
    # Where a Debian keeps its programs depends on its age.
    tar -xOf "$base" ./usr/bin/busybox >"$inner/bin/busybox" 2>/dev/null ||
        tar -xOf "$base" ./bin/busybox >"$inner/bin/busybox" || die "no busybox in $base"
    chmod 0755 "$inner/bin/busybox"
    for applet in sh cat chroot sleep ls test grep sed awk tr wc base64 basename dirname stat rm mkdir true; do
        ln -s busybox "$inner/bin/$applet"
    done
    install -m 0755 "$component" "$inner/opt/rke-tools/entrypoint.sh"
    for service in etcd nginx-proxy; do
        printf '#!/bin/sh\nexec /opt/rke-tools/entrypoint.sh %s "$@"\n' "$service" >"$inner/usr/local/bin/$service"
        chmod 0755 "$inner/usr/local/bin/$service"
    done
}

# The finished image: the base with the lab's own files over it.
build_node() {
    layer=$(mktemp -d "$cache/layer.XXXXXX")
    trap 'rm -rf "$layer"' EXIT
    mkdir -p "$layer/node/opt/lab"
    build_inner "$layer/inner"
    tar -C "$layer/inner" -cf "$layer/node/opt/lab/inner.tar" .
    install -m 0755 "$here/node.sh" "$layer/node/opt/lab/node.sh"
    cp "$base" "$layer/node.tar"
    tar -C "$layer/node" -rf "$layer/node.tar" ./opt/lab
    docker import "$layer/node.tar" "$image" >/dev/null || die "docker import failed"
}

# Images of earlier versions of the lab's files; one that is in use stays.
forget_older() {
    docker image ls --filter reference='harden-lab-node:*' --format '{{.Repository}}:{{.Tag}}' | while read -r name; do
        [ "$name" = "$image" ] || docker image rm "$name" >/dev/null 2>&1 || true
    done
}

mkdir -p "$cache"
[ -s "$base" ] || build_base
key=$({ cat "$0" "$here/node.sh" "$component"; stat -c '%s %Y' "$base"; } | sha256sum | cut -c1-12)
image=harden-lab-node:$suite-$key
docker image inspect "$image" >/dev/null 2>&1 || { build_node; forget_older; }
echo "$image"
