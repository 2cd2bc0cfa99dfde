# The commands of the house; a bare `make` lists them.
.DEFAULT_GOAL := help
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed

# Without it every program that a test starts would compile the whole house anew.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help run up tools test quick lint bench clean

help: ## list the commands
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## /\1\t/' | expand -t 10

$(STAMP): pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[dev]'
	@touch $(STAMP)

run: $(STAMP) ## show the economy at work: a small living world, its ranking and its grants
	@$(BIN)/scidex demo

up: $(STAMP) ## start the economy of your home and serve HTTP until Ctrl-C
	@$(BIN)/scidex up

tools: ## install what the tests use: hledger, PostgreSQL 15 and Chromium (Debian 12, as root)
	command -v hledger && command -v chromium && test -x /usr/lib/postgresql/15/bin/postgres || { \
	apt-get update --quiet && \
	apt-get install --yes --quiet --no-install-recommends hledger postgresql-15 chromium; }

test: $(STAMP) ## everything that CI runs: linters, types, import contracts, tests
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/python -m pytest --numprocesses 2 --dist loadfile

quick: $(STAMP) ## the tests without the slow ones
	$(BIN)/python -m pytest -m "not slow"

bench: $(STAMP) ## measure all figures beside their yardsticks (BENCH=--quick, --only NAME, --assert)
	@$(BIN)/python -m bench $(BENCH)

clean: ## remove what was built
	rm -rf $(VENV) build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis
