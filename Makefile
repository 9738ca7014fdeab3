# `make demo` and `make test` need nothing but Python 3.11 or newer and, the first time, a network.
# What they install goes into .venv; later calls find it there and begin at once.

PYTHON ?= $(shell for name in python3 python3.13 python3.12 python3.11; do \
	$$name -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$name && break; done)
VENV := .venv
BIN := $(VENV)/bin
# Compiling every file of torch and its kin at once takes 45 s of processor time; Python compiles what it imports, once.
# Unless it is told to keep nothing: then it would spend 3 s on torch at every start, and all is compiled now instead.
PIP := $(BIN)/pip install --quiet --quiet --no-compile --disable-pip-version-check --constraint constraints.txt
COMPILE := $(if $(PYTHONDONTWRITEBYTECODE),$(BIN)/python -m compileall -q -j 0 $(VENV)/lib src/equipoise >/dev/null || true,:)

.PHONY: demo test test-long lint golden clean

demo: $(VENV)/ready
	@$(BIN)/equipoise demo

test: lint
	@$(BIN)/pytest --numprocesses 2 --dist worksteal -m "not long"

test-long: $(VENV)/ready-dev
	@$(BIN)/pytest -m long

lint: $(VENV)/ready-dev
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-logo

golden: $(VENV)/ready-dev
	@$(BIN)/python -m equipoise.recipes
	@$(BIN)/python -m equipoise.doctor

clean:
	rm -rf $(VENV) dist .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis

$(VENV)/ready: pyproject.toml constraints.txt | $(BIN)/pip
	@echo "installing equipoise into $(VENV), some minutes the first time"
	@$(PIP) --editable .
	@$(COMPILE)
	@touch $@

$(VENV)/ready-dev: pyproject.toml constraints.txt | $(BIN)/pip
	@echo "installing equipoise and its development tools into $(VENV), some minutes the first time"
	@$(PIP) --editable '.[dev]'
	@$(COMPILE)
	@touch $@ $(VENV)/ready

$(BIN)/pip:
	@test -n "$(PYTHON)" || { echo "no Python 3.11 or newer was found; install one, or say make PYTHON=/path/to/python"; exit 1; }
	@$(PYTHON) -m venv $(VENV)
