# `make help` lists what there is to do. Everything is installed into .venv; no service needs to be running.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
ARGS ?=
# The tests start hundreds of processes; where this is set, each of them would compile all of Kamado anew.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help demo test lint format fuzz bench test-real compare-heat chaos clean test-cluster

help: ## List the commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

$(VENV)/bin/python:
	@$(PYTHON) -m venv $(VENV) || { \
	  echo "python3 cannot make environments: install Debian's python3-venv (apt-get install python3-venv)" >&2; \
	  rm -rf $(VENV); exit 1; }
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --upgrade 'pip>=25.1'

$(VENV)/.installed: pyproject.toml | $(VENV)/bin/python
	@echo "Installing Kamado into $(VENV) …"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable .
	@touch $@

$(VENV)/.test-installed: pyproject.toml $(VENV)/.installed
	@echo "Installing what the tests need into $(VENV) …"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable . --group test
	@touch $@

demo: $(VENV)/.installed ## Start Kamado with its own little cloud, create a first stack, keep serving
	@$(BIN)/kamado demo $(ARGS)

test: $(VENV)/.test-installed lint ## Everything that must hold: lint, types, import contracts, the whole suite
	$(BIN)/python -m pytest -n 2 --dist loadgroup $(ARGS)

lint: $(VENV)/.test-installed ## ruff, mypy --strict and the import contracts
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo

format: $(VENV)/.test-installed ## Put the code into its canonical shape
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

fuzz: $(VENV)/.test-installed ## Feed the parser changed templates for a while (ARGS="--seconds 1800")
	$(BIN)/python -m tests.template.fuzz $(ARGS)

bench: $(VENV)/.test-installed ## Measure the budgets on this machine, on SQLite and on PostgreSQL with two engines (ARGS=--write: into the docs)
	$(BIN)/python -m benchmarks --both $(ARGS)

test-real: $(VENV)/.test-installed ## Run the walk-through and the three-tier stack against a real OpenStack
	tests/real/run $(ARGS)

compare-heat: $(VENV)/.test-installed ## Put the language's tables and the cases of tests/real/cases to Kamado and to a real Heat on the same cloud
	tests/real/run --heat $(ARGS)

chaos: $(VENV)/.test-installed ## Kill every scenario at each of its points, live through 500 random schedules (ARGS="live 1-5000")
	$(BIN)/python -m tests.simulation $(ARGS)

test-cluster: $(VENV)/.test-installed ## Several APIs and engines over PostgreSQL, MariaDB and RabbitMQ, killed, paused, cut off
	$(BIN)/python -m pytest -m "cluster or servers" -n 2 tests/cluster $(ARGS)

clean: ## Remove the environment and every cache
	rm -rf $(VENV) build dist .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis src/*.egg-info
