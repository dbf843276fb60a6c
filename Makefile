# What a newcomer runs; each target sets up what it needs in .venv/ (Python >= 3.11, git and make are enough).
# Environment variables pass through: KUBELAPSE_PORT=7200 make demo. More arguments: make demo ARGS="--no-browser".

VENV  := .venv
BIN   := $(VENV)/bin
READY := $(VENV)/.ready
ARGS  ?=
UI    := query/_ui/index.html
UI_SOURCES := $(shell git ls-files query/ui docs/sql.md 2>/dev/null)
# The first Python that is new enough; PYTHON=... chooses another.
NEW_ENOUGH := import sys; sys.exit(sys.version_info < (3, 11))
PYTHON ?= $(shell for p in python3 python3.13 python3.12 python3.11; do \
	$$p -c '$(NEW_ENOUGH)' 2>/dev/null && echo $$p && break; done)
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check
UV ?= $(shell command -v uv || echo $(BIN)/uv)

.DEFAULT_GOAL := help
.PHONY: help demo test check ui lab chaos bench screenshots venv lock format truth referee audit sbom

help: ## this list
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/  make \1	\2/p' Makefile

demo: $(READY) ## no cluster needed: a recorded incident, three questions with their answers, then the page
	@$(MAKE) --no-print-directory $(UI) || echo "going on without the web interface: the plain page shows changes" >&2
	$(BIN)/kubelapse demo $(ARGS)

test: $(READY) $(UI) ## all tests that this machine can run (the first time it builds a control plane: 14 minutes)
	$(BIN)/pytest $(ARGS)

check: $(READY) $(UI) ## format, lint, types, layers, docs, and the web interface's own tests
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache
	query/ui/npm run --silent test -- --reporter=dot
	$(BIN)/pytest -q tests/test_architecture.py tests/test_docs.py tests/test_packaging.py

ui: $(UI) ## build the web interface (DEV=1: hot reload on port 5173 against a running kubelapse, KUBELAPSE_SERVER=URL)
	$(if $(DEV),query/ui/npm run dev)

$(UI): $(UI_SOURCES) | $(READY)
	@query/ui/npm ci --no-audit --no-fund --silent
	@query/ui/npm run --silent build

lab: $(READY) ## a real control plane on loopback; prints KUBECONFIG, runs until Ctrl-C
	@$(BIN)/python -m tests.controlplane.lab $(ARGS)

chaos: $(READY) ## capture in virtual time under seeded faults: SEEDS=0:10000, or one seed; ROUGH=1: rougher terrain
	@$(BIN)/python -m tests.simulation.$(if $(ROUGH),rough,run) --seeds $(or $(SEEDS),0:1000) $(ARGS)

bench: $(READY) ## benchmarks, one JSON line each
	@$(BIN)/python -m tests.bench $(ARGS)

screenshots: $(READY) $(UI) ## pictures of every page for docs/screenshots/ (needs Chromium)
	@$(BIN)/python -m tests.ui.screenshots $(ARGS)

truth: $(READY) ## the long proofs: 5,000 writes, 30 kills of one recorder and of two clusters through Kafka, a zombie, claims, canaries
	KUBELAPSE_TEST_WRITES=5000 KUBELAPSE_TEST_KILLS=30 KUBELAPSE_TEST_FROZEN=30 KUBELAPSE_TEST_CANARIES=1 $(BIN)/pytest $(ARGS) \
		tests/e2e/test_truth.py tests/e2e/test_distributed.py tests/e2e/test_distributed_claims.py tests/e2e/test_zombie.py \
		tests/e2e/test_canaries_kafka.py

referee: $(READY) ## brute force over 10,000 random changes: states, diffs, blame, drift, searches, 25 questions each
	KUBELAPSE_REFEREE_CHANGES=10000 KUBELAPSE_REFEREE_QUESTIONS=25 $(BIN)/pytest $(ARGS) --timeout 3600 \
		tests/query/test_referee_history.py tests/query/test_snapshots.py tests/query/test_blame.py tests/query/test_search.py

audit: $(READY) ## known weaknesses of what is in the locks (asks osv.dev and npm; 2 when they cannot be reached)
	@$(BIN)/python -m tests.audit $(ARGS)

sbom: $(READY) ## what the product is made of, as CycloneDX: sbom.json, and sbom-ui.json for the web interface
	$(BIN)/cyclonedx-py requirements --pyproject pyproject.toml --output-reproducible --of JSON -o sbom.json \
		requirements.runtime.lock
	query/ui/npm sbom --silent --sbom-format cyclonedx --omit dev --package-lock-only > sbom-ui.json

format: $(READY) ## let ruff format and mend what it can
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

venv: $(READY) ## the environment alone

# Everything with hashes from the lock; then this checkout itself, editable, with nothing fetched.
$(READY): requirements.lock pyproject.toml
	@test -n "$(PYTHON)" || { echo "Python >= 3.11 is needed (PYTHON=/path/to/python3 make ...)" >&2; exit 1; }
	@echo "setting up $(VENV)/ (about 320 MB of packages, once)" >&2
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(PIP) --require-hashes -r requirements.lock
	@$(PIP) --no-deps --no-build-isolation -e .
	@touch $(READY)

lock: ## write requirements.lock (and that of the image) anew from pyproject.toml (needs uv); UPGRADE=1 takes newer versions
	$(UV) pip compile pyproject.toml --group dev --universal --python-version 3.11 --generate-hashes \
		--no-emit-index-url --no-annotate --custom-compile-command 'make lock' $(if $(UPGRADE),--upgrade) \
		--quiet -o requirements.lock
	$(UV) pip compile pyproject.toml --constraint requirements.lock --universal --python-version 3.11 \
		--generate-hashes --no-emit-index-url --no-annotate --custom-compile-command 'make lock' \
		--quiet -o requirements.runtime.lock
