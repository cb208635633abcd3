# Everything runs from .venv, which is made from the hashed locks. Needs Python >= 3.11 and make, nothing else.
PYTHON ?= python3
BIN := .venv/bin
STAMP := .venv/.installed
DEV_STAMP := .venv/.installed-dev

.PHONY: run test acceptance chaos check format types contracts bench lock clean help

help:  ## what there is
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-10s %s\n", $$1, $$2}'

run: $(STAMP)  ## the store, the receiver, the dispatcher and the console in this terminal
	$(BIN)/consent-relay up

# What failed while other tests had the cores is run once more, alone: a fault of ours fails twice.
AGAIN := || $(BIN)/pytest --last-failed --last-failed-no-failures none
AROUND := tests/cluster tests/console tests/deploy tests/docs tests/outage tests/pages tests/workers

test: $(DEV_STAMP)  ## format, lint, types, import contracts, then the tests of the relay itself
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo
	$(BIN)/pytest -n auto $(AROUND:%=--ignore=%) $(AGAIN)

acceptance: $(DEV_STAMP)  ## what is around it: commands and console, Sentinel and Cluster, packages, documentation
	$(BIN)/pytest -n auto $(AROUND) $(AGAIN)

SEED ?= 3
chaos: $(DEV_STAMP)  ## two minutes of faults: kills, stops, resets, clock jumps; then every promise is checked
	$(BIN)/python -m tests.chaos.run --seed $(SEED) --events 9000 --faults 40 --minutes 1.2 --rate 75

check: test

format: $(DEV_STAMP)  ## rewrite the sources as ruff likes them
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

types: $(DEV_STAMP)
	$(BIN)/mypy

contracts: $(DEV_STAMP)
	$(BIN)/lint-imports

bench: $(DEV_STAMP)  ## ratios against bare aiohttp and others, in one run, and one table of them all
	$(BIN)/python -m bench

lock: $(DEV_STAMP)  ## resolve the dependencies again, with hashes and without an index host
	$(BIN)/uv pip compile $(LOCK_FLAGS) --group build pyproject.toml -o requirements.lock
	$(BIN)/uv pip compile $(LOCK_FLAGS) --group dev -c requirements.lock pyproject.toml -o requirements-dev.lock
LOCK_FLAGS := --quiet --upgrade --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header --extra embedded

.venv/bin/python:
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "consent-relay needs Python 3.11 or newer; name one: make PYTHON=python3.12 $(MAKECMDGOALS)")'
	$(PYTHON) -m venv .venv

# A lock names every package there is to install, so pip resolves nothing: it takes those, and says afterwards if one lacks.
# Left to resolve, it stops at a requirement with an extra as soon as a newer version of that package is out.
PIP_INSTALL := $(BIN)/pip install --quiet --disable-pip-version-check --no-deps

$(STAMP): .venv/bin/python requirements.lock pyproject.toml
	$(PIP_INSTALL) --require-hashes -r requirements.lock
	$(PIP_INSTALL) --no-build-isolation -e .
	$(BIN)/pip check --disable-pip-version-check
	@touch $@

$(DEV_STAMP): .venv/bin/python requirements-dev.lock pyproject.toml
	$(PIP_INSTALL) --require-hashes -r requirements-dev.lock
	$(PIP_INSTALL) --no-build-isolation -e .
	$(BIN)/pip check --disable-pip-version-check
	@touch $@ $(STAMP)

clean:
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis *.egg-info
