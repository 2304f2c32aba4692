# Jangbu. `make help` lists what there is. Nothing but Python (3.11 or newer, with pip or venv) and make is needed.
.DEFAULT_GOAL := help
VENV := .venv
BIN  := $(VENV)/bin
ONCE ?=
ONLY ?=
# One process a core, each with a PostgreSQL of its own; TESTERS=0 runs all tests in one process, in the order of files.
TESTERS ?= auto
PYTEST := $(BIN)/python -m pytest -q

.PHONY: help setup demo test test-fast check fix planted bench docs docs-check clean

help: ## show this list
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | awk -F '\t' '{printf "  make %-12s %s\n", $$1, $$2}'

$(BIN)/jangbu: uv.lock pyproject.toml scripts/bootstrap
	@sh scripts/bootstrap

setup: $(BIN)/jangbu ## install everything, pinned by the lock file, into .venv

demo: setup ## start it all on a local PortOne and take 100 payments (ONCE=1: then stop)
	@$(BIN)/jangbu demo $(if $(ONCE),--once)

test: setup ## every test; CI=true raises the budgets
	@$(PYTEST) -n $(TESTERS) --maxprocesses 4

test-fast: setup ## rules and services only, no processes, no browser
	@$(PYTEST) -n $(TESTERS) --maxprocesses 4 -m "not kill and not browser"

check: setup ## format, lint, types, house rules
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(PYTEST) tests/test_house.py tests/test_docs.py

fix: setup ## let ruff mend what it can
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

planted: setup ## plant each bug of tests/planted alone and see that a test catches it (ONLY=F35 for some)
	@$(BIN)/python tests/planted/run.py $(ONLY)

bench: setup ## measure, as ratios within one run
	@$(BIN)/python -m bench

docs: setup ## write the generated reference pages
	@$(BIN)/python scripts/generate_docs.py

docs-check: setup ## fail when a generated page is stale
	@$(BIN)/python scripts/generate_docs.py --check

clean: ## remove the environment and the demo's data
	rm -rf $(VENV) .tools .jangbu .pytest_cache .mypy_cache .ruff_cache
