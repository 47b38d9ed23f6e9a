#!/bin/sh
# Makes sure that a Docker daemon answers, and stops the one it started.
#
#   engine.sh start DIR   uses the daemon that answers, else starts one; DIR remembers which it was
#   engine.sh stop DIR    stops the daemon that DIR remembers as started here, and no other
#
# The daemon needs no iptables: ports are published by Docker's own proxy process.
set -eu

die() { echo "lab: engine: $*" >&2; exit 1; }
[ $# = 2 ] || die "usage: engine.sh start|stop DIR"
dir=$2
pid_file=$dir/dockerd.pid
log=$dir/dockerd.log

answers() { docker info >/dev/null 2>&1; }

is_ours() {
    [ -s "$pid_file" ] && [ "$(cat "/proc/$(cat "$pid_file")/comm" 2>/dev/null)" = dockerd ]
}

start() {
    command -v docker >/dev/null || die "no docker here (Debian: apt-get install docker.io)"
    answers && return
    [ "$(id -u)" = 0 ] || die "no Docker daemon answers, and only root can start one"
    command -v dockerd >/dev/null || die "no dockerd here (Debian: apt-get install docker.io)"
    mkdir -p "$dir"
    # A file left by a daemon that was killed would keep the next one from starting.
    rm -f /var/run/docker.pid
    setsid dockerd --iptables=false --ip6tables=false >"$log" 2>&1 </dev/null &
    echo $! >"$pid_file"
    for _ in $(seq 120); do
        answers && return
        is_ours || break
        sleep 0.5
    done
    tail -n 20 "$log" >&2
    stop
    die "dockerd did not come up; its log is $log"
}

stop() {
    is_ours || { rm -f "$pid_file"; return 0; }
    pid=$(cat "$pid_file")
    kill "$pid"
    for _ in $(seq 120); do
        is_ours || break
        sleep 0.5
    done
    is_ours && die "dockerd ($pid) does not stop"
    rm -f "$pid_file"
}

case $1 in
start) start ;;
stop) stop ;;
*) die "unknown command $1" ;;
esac
