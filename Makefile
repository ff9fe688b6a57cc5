# The two commands: `make run` starts the service, `make test` runs every check there is.
# Needed: Rust, a C compiler, make. What else a check needs is named when it is skipped;
# REQUIRE=all makes a skip fail.

CARGO ?= cargo
REQUIRE ?=
export REQUIRE

SHELL := bash
.SHELLFLAGS := -o pipefail -c

.PHONY: run test fmt lint deny tests

run:
	$(CARGO) run --release --bin tickwire

# The tests come last, so that their summary is the last line.
test: fmt lint deny tests

fmt:
	$(CARGO) fmt --all --check

# All targets: benches and examples have to compile too.
lint:
	$(CARGO) clippy --locked --workspace --all-targets -- -D warnings

# Licences, sources and bans of the packages of all platforms; licences are a test too
# (tests/licences.rs), which needs nothing installed. Where CI is set, cargo-deny is made if it is
# missing: a minute of one processor, once for each target directory. Advisories need the network:
# they are for whoever has it (`cargo deny check advisories`).
DENY := cargo-deny@0.20.2
deny:
	@export PATH="$$PWD/target/tools/bin:$$PATH"; \
	if ! $(CARGO) deny --version >/dev/null 2>&1 && [ -n "$(CI)" ]; then \
		echo "making $(DENY) in target/tools"; \
		CARGO_TARGET_DIR=target/tools/build CARGO_PROFILE_DEV_DEBUG=0 timeout 900 \
			$(CARGO) install --quiet --locked --debug --root target/tools $(DENY); \
		rm -rf target/tools/build; \
	fi; \
	missing=; \
	if ! $(CARGO) deny --version >/dev/null 2>&1; then \
		missing="cargo-deny (cargo install --locked $(DENY))"; \
	elif ! $(CARGO) fetch --quiet --locked; then \
		missing="the packages of all platforms (cargo fetch --locked)"; \
	fi; \
	if [ -z "$$missing" ]; then \
		$(CARGO) deny --offline --locked check bans licenses sources; \
	elif [ "$(REQUIRE)" = all ]; then \
		echo "FAILED: needs $$missing, and REQUIRE=all"; exit 1; \
	else \
		echo "SKIPPED: needs $$missing"; \
	fi

# nextest gives each test its own process and runs no doctests; they go before it. What passing
# tests said they skipped is told at the end, which else would hide it.
tests:
	@mkdir -p target
	@if $(CARGO) nextest --version >/dev/null 2>&1; then \
		$(CARGO) test --locked --workspace --doc && \
		$(CARGO) nextest run --locked --workspace 2>&1 | tee target/tests.log; status=$$?; \
		grep -oh 'SKIPPED: [^<&]*' target/nextest/default/junit.xml | sort | uniq -c; \
		grep -h 'tests run:' target/tests.log | tail -n 1; \
		exit $$status; \
	else \
		$(CARGO) test --locked --workspace --no-fail-fast -- --show-output; \
	fi
