# Everything a person or a machine runs here. `make demo` and `make test` need nothing done before.

CARGO ?= cargo
BIN = $(CURDIR)/target/debug

.PHONY: demo test prepare lint supply unit build clean

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

build:
	$(CARGO) build --locked --workspace

clean:
	$(CARGO) clean
