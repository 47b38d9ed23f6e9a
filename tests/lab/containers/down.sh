#!/bin/sh
# Stops the container lab of DIR: its nodes with all they contain, and the Docker daemon if up.sh started it.
#
#   down.sh DIR
set -eu

[ $# = 1 ] || { echo "usage: down.sh DIR" >&2; exit 2; }
here=$(cd "$(dirname "$0")" && pwd)
[ -d "$1" ] || exit 0
dir=$(cd "$1" && pwd)

if docker info >/dev/null 2>&1; then
    containers=$(docker ps --all --quiet --filter "label=harden-lab=$dir")
    # shellcheck disable=SC2086 # one word per container
    [ -z "$containers" ] || docker rm --force --volumes $containers >/dev/null
fi
"$here/engine.sh" stop "$dir"
rm -f "$dir/inventory.yml" "$dir/known_hosts"
