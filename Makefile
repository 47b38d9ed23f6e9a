# Everything a person or a machine runs here. `make demo` and `make test` need nothing done before.

CARGO ?= cargo
BIN = $(CURDIR)/target/debug

.PHONY: demo test prepare lint supply unit matrix build bench peers clean

# The main job on a simulated fleet; needs a Rust toolchain and Linux, nothing else.
demo: build
	rm -rf target/demo
	$(BIN)/harden-lab up --dir $(CURDIR)/target/demo --controlplane 2 --etcd 1 --worker 3 -- \
		sh tests/lab/demo.sh $(BIN)

# All tests; as root it installs the Debian packages that they need.
test: prepare lint supply unit

prepare:
	tests/prepare

lint:
	$(CARGO) fmt --all --check
	$(CARGO) clippy --locked --workspace --all-targets -- -D warnings

# Licences, bans, sources and advisories of every crate in Cargo.lock.
supply:
	tests/supply

unit:
	$(CARGO) test --locked --workspace
	$(CARGO) test --locked --workspace --test containers -- --ignored

# Every fault at every step on every kind of node: docs/fault-matrix.md. HARDEN_MATRIX='disk full' narrows it.
matrix:
	$(CARGO) test --locked --workspace --test cli matrix::

build:
	$(CARGO) build --locked --workspace

# Beside other tools on real OpenSSH servers of this machine, as root: `make bench N='10 100' ROUNDS=1`.
# What is not installed is left out; `make peers` brings it into target/peers.
N ?= 10 100 200
ROUNDS ?= 3

bench:
	$(CARGO) build --release --package harden --package harden-bench
	N='$(N)' ROUNDS='$(ROUNDS)' tests/bench/run

peers:
	python3 -m venv target/peers
	target/peers/bin/pip install --quiet parallel-ssh ClusterShell pyinfra

clean:
	$(CARGO) clean
