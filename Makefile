# Everything runs in .venv, which the first target you call makes. `make help` tells what there is.

PYTHON ?= python3
BIN := .venv/bin
STAMP := .venv/installed
COMPILED := .venv/compiled
UV := .venv/uv

.PHONY: help install demo test check compiled test-compiled test-containers test-faults bench lock clean
.DEFAULT_GOAL := help

help: ## Show this
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-16s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

install: $(STAMP) ## Make .venv with the CLI at .venv/bin/ascua, and fetch Kafka's jars

$(STAMP): requirements-dev.lock pyproject.toml shared/embedded/kafka-jars.lock
	@$(PYTHON) -c 'import ensurepip, sys, venv; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || \
	  { echo "Ascua needs Python 3.11 or newer with venv; name one, as in: make install PYTHON=python3.12" >&2; exit 1; }
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	$(BIN)/python -m shared.embedded install
	@touch $@

demo: install ## Start everything, play a simulated day, and show it in the browser
	@$(BIN)/ascua demo

test: install ## Run everything that needs no Docker, on real Kafka
	$(BIN)/pytest -m "not containers" -n 2 --dist loadfile

check: install ## Lint, formatting, types, import contracts, and generated files
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo
	$(BIN)/python -m shared.events.schemas check

compiled: install ## Make the wheel in which what is done for every fact is compiled, and lay it out in .venv/compiled
	@rm -rf dist $(COMPILED)
	$(BIN)/python -m hatchling build -t sdist -d dist
	CFLAGS=-ffp-contract=off HATCH_BUILD_HOOKS_ENABLE=true \
	  $(BIN)/pip wheel --quiet --disable-pip-version-check --no-deps --no-build-isolation -w dist dist/*.tar.gz
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --target $(COMPILED) dist/*.whl

test-compiled: compiled ## Run the tests of scoring on that wheel
	$(ON_COMPILED) $(BIN)/python -c 'from services.scoring.processor import fold; assert fold.__file__.endswith(".so")'
	$(ON_COMPILED) $(BIN)/pytest -m "not containers" -n 2 --dist loadfile --import-mode=importlib \
	  tests/scoring tests/cli/lab

ON_COMPILED = PYTHONSAFEPATH=1 PYTHONPATH=$(CURDIR)/$(COMPILED):$(CURDIR)

test-containers: install ## Run the integration tests on containers, then the image and deploy/compose.yaml
	TESTCONTAINERS_RYUK_DISABLED=true $(BIN)/pytest --servers=containers tests/shared --ignore=tests/shared/embedded tests/gateway/test_live.py tests/e2e tests/containers

test-faults: install ## Kill processes at random moments, at length
	ASCUA_FAULTS=long $(BIN)/pytest -m faults

bench: install ## Measure, and write the tables under bench/results/
	$(BIN)/python -m bench

lock: install ## Resolve the dependencies anew; UPGRADE=1 also raises what is pinned
	@test -x $(UV)/bin/uv || { $(BIN)/python -m venv $(UV) && $(UV)/bin/pip install --quiet uv==0.13.9; }
	$(UV)/bin/uv pip compile $(LOCK) -o requirements.lock pyproject.toml
	$(UV)/bin/uv pip compile $(LOCK) --extra embedded --extra fit --extra dev -o requirements-dev.lock pyproject.toml

LOCK = --quiet --python-version 3.11 --generate-hashes --no-header --no-annotate $(if $(UPGRADE),--upgrade)

clean: ## Remove .venv and what tools left behind; .ascua/, where data lives, stays
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache dist
	find . -name __pycache__ -prune -exec rm -rf {} +
