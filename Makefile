# Two commands matter: `make run` and `make test`; both set up what is missing first.

SHELL := /bin/sh
VENV := .venv
BIN := $(VENV)/bin
PROVING_HOME ?= $(CURDIR)/workspace
RUST_NEEDED := $(shell sed -n 's/^rust-version = "\(.*\)"/\1/p' Cargo.toml)
PYTHON ?= $(shell for p in python3 python3.14 python3.13 python3.12 python3.11; do \
	$$p -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null \
	&& { echo $$p; break; }; done)
ENGINE_SOURCES := Cargo.toml Cargo.lock pyproject.toml \
	$(shell find engine_rs -name '*.rs' -o -name Cargo.toml)
PYTEST := $(BIN)/python -m pytest
# A file of tests stays on one worker, as its tests share a home; the long ones come first. On two
# cores the third worker fills the time in which the one with the browser waits for Dagster's clock.
PARALLEL := --numprocesses=3 --dist=loadfile --no-loadscope-reorder

export PROVING_HOME
.PHONY: help setup run test test-faults test-scale dev check format bench bench-rust batch count \
	scale calibrate golden fuzz lock browser tools clean

help: ## List the targets
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/\1\t\2/p' $(MAKEFILE_LIST) | expand -t 12

setup: $(VENV)/.engine ## Prepare .venv with the engine built in release mode

run: setup ## Run the light campaign to its verdict, headless
	@$(BIN)/proving run c1-light

test: setup browser check ## Run every test
	cargo test --locked --quiet --package proving_core
	$(PYTEST) $(PARALLEL) --durations=15

test-faults: setup ## Kill, starve and mislead our own infrastructure, at length
	PROVING_KILL_ROUNDS=200 $(PYTEST) -s tests/faults tests/faults/killed_runs.py \
		tests/faults/lost_processes.py

test-scale: .venv-scale/.engine ## Two workers, Postgres, a bucket and the manifests
	@.venv-scale/bin/python -m tests.scale.install
	.venv-scale/bin/python -m pytest tests/scale

dev: setup ## Open Dagster's UI with everything loaded
	@$(BIN)/proving init
	@$(BIN)/python -m pipelines.dev

check: setup ## Lint, types, import rules; what pre-commit runs
	cargo fmt --check
	cargo clippy --locked --quiet --workspace --all-targets -- -D warnings
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: setup ## Put every file into its one form
	cargo fmt
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: setup .venv-bench/.engine ## Measure against peers, as ratios in one run
	@.venv-bench/bin/python -m tests.bench

bench-rust: ## Time the Rust parts alone
	cargo bench --locked --package proving_core --bench hot_loops

batch: setup ## Four campaigns, 27 scenarios and 50 strategies in one backfill, measured
	@$(BIN)/python -m tests.batches

# A later change is compared by instructions, whatever else the machine does meanwhile. A sweep runs
# on a thread of its own, so all is counted there: the difference is that of forty settings.
count: ## Count the instructions of the two hot loops (needs valgrind)
	@cargo bench --locked --quiet --package proving_core --bench count --no-run
	@counted() { found=$$(valgrind --tool=callgrind --callgrind-out-file=/dev/null "$$@" 2>&1 \
			| sed -n 's/.*Collected : //p'); \
		test "$${found:-0}" -gt 0 || { echo "nothing was counted by: $$*" >&2; exit 1; }; \
		echo "$$found"; }; \
	count=$$(ls -t target/release/deps/count-* | grep -v '\.' | head -n 1); \
	year=$$(counted --toggle-collect='*measured::run*' $$count backtest) || exit 1; \
	few=$$(counted $$count sweep 40) || exit 1; many=$$(counted $$count sweep 80) || exit 1; \
	echo "one backtest, a year: $$year"; \
	echo "one setting, 50,000 bars: $$(( (many - few) / 40 ))"

scale: .venv-scale/.engine ## Measure what a second worker brings
	@.venv-scale/bin/python -m tests.scale.install
	@.venv-scale/bin/python -m tests.scale

calibrate: setup ## How often the promotion gate errs, measured; writes docs/calibration.md
	@$(BIN)/python -m pipelines.calibrate

golden: setup ## Write the golden files anew; review the diff
	PROVING_GOLDEN=write $(PYTEST) tests/golden tests/contract/test_strategy_schema.py \
		tests/contract/test_versions.py tests/unit/test_data_dictionary.py

fuzz: setup ## Hostile programs and documents, longer than in `make test`
	PROVING_FUZZ_CASES=200000 cargo test --locked --release --package proving_core --test fuzz_programs
	PROVING_FUZZ_CASES=100000 $(PYTEST) -s tests/property/test_strategy_fuzz.py

lock: ## Resolve the dependencies anew
	UV_CUSTOM_COMPILE_COMMAND="make lock" $(BIN)/uv pip compile pyproject.toml --group dev \
		--universal --python-version 3.11 --generate-hashes --no-annotate --no-strip-extras \
		--no-emit-index-url --no-emit-find-links --quiet --output-file requirements.lock
	UV_CUSTOM_COMPILE_COMMAND="make lock" $(BIN)/uv pip compile pyproject.toml --group bench \
		--constraint requirements.lock \
		--universal --python-version 3.11 --generate-hashes --no-annotate --no-strip-extras \
		--no-emit-index-url --no-emit-find-links --quiet --output-file requirements-bench.lock
	@# Versions as above, but for the one that Postgres needs older.
	@sed -n 's/^\([a-z][^ ]*==.*\) \\$$/\1/p' requirements.lock | grep -v '^sqlalchemy==' > .scale-constraints
	UV_CUSTOM_COMPILE_COMMAND="make lock" $(BIN)/uv pip compile pyproject.toml --group scale \
		--extra s3 --extra scale --extra kubernetes --constraint .scale-constraints \
		--universal --python-version 3.11 --generate-hashes --no-annotate --no-strip-extras \
		--no-emit-index-url --no-emit-find-links --quiet --output-file requirements-scale.lock
	@rm .scale-constraints

browser: setup ## Make sure a Chromium is there for the browser tests
	@$(BIN)/python -m tests.browser.install

tools:
	@test -n "$(PYTHON)" || { echo "Python 3.11 or newer with venv is missing: install python3 and python3-venv (Debian), or python.org's installer."; exit 1; }
	@command -v cargo >/dev/null 2>&1 || { echo "Rust is missing: install rustc and cargo $(RUST_NEEDED) or newer, for example with rustup (rustup.rs)."; exit 1; }
	@printf '%s\n%s\n' "$(RUST_NEEDED)" "$$(cargo --version | cut -d' ' -f2)" | sort -CV || { echo "cargo is $$(cargo --version | cut -d' ' -f2), $(RUST_NEEDED) or newer is needed: run rustup update."; exit 1; }
	@command -v cc >/dev/null 2>&1 || { echo "A C compiler is missing: install build-essential (Debian), or Xcode's command line tools (macOS)."; exit 1; }

$(VENV)/.dependencies: requirements.lock | tools
	@echo "Setting up $(VENV) ..."
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	@touch $@

$(VENV)/.engine: $(VENV)/.dependencies $(ENGINE_SOURCES) | tools
	@echo "Building the engine ..."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

.venv-bench/.engine: requirements-bench.lock $(VENV)/.engine
	@echo "Setting up .venv-bench ..."
	@test -x .venv-bench/bin/python || $(PYTHON) -m venv .venv-bench
	@.venv-bench/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-bench.lock
	@.venv-bench/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

.venv-scale/.engine: requirements-scale.lock $(VENV)/.engine
	@echo "Setting up .venv-scale ..."
	@test -x .venv-scale/bin/python || $(PYTHON) -m venv .venv-scale
	@.venv-scale/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-scale.lock
	@.venv-scale/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

clean: ## Remove what was built, not what was measured
	rm -rf $(VENV) .venv-bench .venv-scale target dist simcore/_engine*.so
