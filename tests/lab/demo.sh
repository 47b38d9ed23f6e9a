#!/bin/sh
# The main job on a simulated fleet: check (fails), apply, check (passes), apply (nothing to do).
# Runs under `harden-lab up … -- sh tests/lab/demo.sh`; leaves everything in the fleet's directory.
set -eu
bin=$1
dir=$HARDEN_LAB_FLEET
cd "$dir"

step() { # expected exit code, name of the reports, arguments
	expected=$1 name=$2
	shift 2
	printf '\n$ harden %s\n' "$*"
	status=0
	"$bin/harden" "$@" --rke "$bin/rke" --output "json=$name.json" --output "html=$name.html" >"$name.txt" || status=$?
	cat "$name.txt"
	if [ "$status" -ne "$expected" ]; then
		echo "demo: expected exit code $expected and got $status" >&2
		exit 1
	fi
	echo "(exit code $status)"
}

"$bin/harden" nodes inventory.yml
step 3 check-before check inventory.yml
step 0 apply apply inventory.yml --yes
step 0 check-after check inventory.yml
step 0 apply-again apply inventory.yml --yes
cp harden-runs/*/rke.log rke.log
printf '\nLeft to look at in %s:\n' "$dir"
ls -1 inventory.yml cluster.yml check-* apply* rke.log
