# The only door: plain `make` prints what there is. Needs Python 3.11 or newer and nothing else.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PROFILE ?= embedded
.DEFAULT_GOAL := help
.PHONY: help run test quick format lint types map schemas tests bench faults faults-bite privacy lock clean

help: ## Print the targets
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

run: $(VENV)/.run ## Start the platform, tell the story, stay up (PROFILE=kafka, ONCE=1, DATA=folder, PORT=n)
	@$(BIN)/shouwang run --profile $(PROFILE) --seed demo --story $(if $(ONCE),--once) $(if $(DATA),--data $(DATA)) $(if $(PORT),--port $(PORT))

test: format lint types map schemas tests ## Everything a change must pass
quick: lint types ## A two-minute cut: lint, types, and tests that need no Kafka
	@$(BIN)/python -m pytest -m "not slow" -x

format: $(VENV)/.dev ## Is the code formatted
	@$(BIN)/ruff format --check .
lint: $(VENV)/.dev ## Does it pass all lint rules
	@$(BIN)/ruff check .
types: $(VENV)/.dev ## Are the types right, tests included
	@$(BIN)/mypy schemas services infra shouwang bench tests
map: $(VENV)/.dev ## Does every import follow the map
	@$(BIN)/lint-imports --no-cache
schemas: $(VENV)/.dev ## Are the exported schemas those of the code
	@$(BIN)/python -m schemas.export --check
tests: $(VENV)/.dev ## All tests, on real PostgreSQL and real Kafka
	@$(BIN)/python -m pytest

privacy: $(VENV)/.dev ## The tests of privacy with their full counts, write bench/results/privacy.json (QUICK=1: the suite's, write nothing)
	@$(BIN)/python -m tests.privacy $(if $(QUICK),--quick)

bench: $(VENV)/.dev ## Measure against peers in the same run, write bench/results (QUICK=1: small sizes, write nothing)
	@$(BIN)/python -m bench $(if $(QUICK),--quick)
	@$(if $(QUICK),,$(BIN)/python -m bench.as_known && $(BIN)/python -m bench.candidates && $(BIN)/python -m bench.table)

faults: $(VENV)/.dev ## Break everything, check that nothing is lost, doubled, skipped or misordered, write bench/results
	@$(BIN)/python -m tests.faults --out bench/results/faults.json $(if $(SCENARIO),--scenario $(SCENARIO)) $(if $(SEED),--seed $(SEED))
faults-bite: $(VENV)/.dev ## Plant bugs one by one: does the quick cut of each scenario find its own
	@$(BIN)/python -m tests.faults --bite

lock: $(VENV)/.dev ## Make the lock files anew
	@$(BIN)/uv pip compile -q --upgrade --generate-hashes --no-emit-index-url --universal --python-version 3.11 requirements.in -o requirements.lock
	@$(BIN)/uv pip compile -q --upgrade --generate-hashes --no-emit-index-url --universal --python-version 3.11 requirements-dev.in -o requirements-dev.lock

clean: ## Remove the environment; data folders stay
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis

$(VENV)/.venv:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "需要 Python 3.11 或更高版本 · Python 3.11 or newer is needed: make PYTHON=python3.11"; exit 3; }
	@$(PYTHON) -c 'import venv, ensurepip' 2>/dev/null || { echo "缺少 venv 模块,请安装(Debian: apt install python3-venv) · The venv module is missing: install it (Debian: apt install python3-venv)"; exit 3; }
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/python -c 'import os, site; open(os.path.join(site.getsitepackages()[0], "shouwang.pth"), "w").write(os.getcwd())'
	@printf '#!/bin/sh\nexec "%s/python" -m shouwang "$$@"\n' "$(CURDIR)/$(BIN)" > $(BIN)/shouwang && chmod +x $(BIN)/shouwang
	@touch $@

$(VENV)/.run: requirements.lock | $(VENV)/.venv
	@echo "安装依赖 · Installing what it needs"
	@$(BIN)/python -m pip install -q --disable-pip-version-check --require-hashes -r requirements.lock
	@touch $@

$(VENV)/.dev: requirements-dev.lock | $(VENV)/.venv
	@$(BIN)/python -m pip install -q --disable-pip-version-check --require-hashes -r requirements-dev.lock
	@touch $@ $(VENV)/.run
