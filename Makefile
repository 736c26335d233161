# `make demo` and `make test` each work as the first command in a clean clone.
# PYTHON chooses the interpreter the .venv is made from (3.11 to 3.13).
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
UV     := $(BIN)/uv
STAMP  := $(VENV)/.installed
DEMO_HOME ?= .demo
EVAL_HOME ?= .evals
# Falls of a gated figure that are smaller are let pass: other processors, other last digits.
MARGIN ?= 0.05
# Compiled modules are kept whatever the environment says: the tests start hundreds of processes.
export PYTHONDONTWRITEBYTECODE :=
PEERS := .venv-peers
PEERS_OUT ?= .peers

.DEFAULT_GOAL := help
.PHONY: help setup weights demo test test-fast check format bench bench-ingest bench-search eval peers lock clean

help: ## what can be made
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16

$(UV):
	@$(PYTHON) -c 'import sys; v = sys.version_info[:2]; sys.exit(0 if (3, 11) <= v <= (3, 13) else "Python 3.11, 3.12 or 3.13 is needed, %s is %d.%d. Name another: make PYTHON=python3.12 ..." % (("$(PYTHON)",) + v))'
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check 'uv>=0.9'

# llama.cpp is compiled once (some minutes). pip installs it, since pip keeps the wheel that it
# built; uv keeps one only where the package index lets it cache the source, and some do not.
$(STAMP): requirements/dev.lock pyproject.toml | $(UV)
	@echo "Installing locked dependencies into $(VENV) (the first time compiles llama.cpp: 3 to 9 minutes) ..."
	@awk '/^[a-z]/ { wanted = /^llama-cpp-python==/ } wanted' requirements/dev.lock > $(VENV)/llama.lock
	@$(BIN)/python -m pip install --disable-pip-version-check --no-deps --require-hashes -r $(VENV)/llama.lock
	@$(UV) pip install --python $(BIN)/python --quiet --require-hashes -r requirements/dev.lock
	@$(UV) pip install --python $(BIN)/python --quiet --no-deps --no-build-isolation -e .
	@touch $@

setup: $(STAMP) ## a .venv with the locked dependencies and this project in it

weights: $(STAMP) ## the default model weights (hash-checked, cached outside the project)
	@$(BIN)/curator models pull

demo: weights ## the whole path on the sample library: add, tldr, tag, digest, ask
	@CURATOR_BIN=$(BIN)/curator DEMO_HOME=$(DEMO_HOME) bash samples/demo.sh

# First those without a model, two at a time; then those with one, which needs both cores.
test: weights ## every test, those with the real local model too
	@$(BIN)/pytest -m "not model" -n 2 --dist worksteal -o tmp_path_retention_count=1
	@$(BIN)/pytest -m model -o tmp_path_retention_count=1

test-fast: $(STAMP) ## the unit tests: nothing with a model, a killed process, a browser, a whole evaluation
	@$(BIN)/pytest -m "not model and not slow" -n 2 --dist worksteal -o tmp_path_retention_count=1

check: $(STAMP) ## formatting, lint, types
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy

format: $(STAMP) ## rewrites the code in the project's format
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

bench: weights ## ingest rate, search latency, model speed, as ratios measured in one run
	@$(BIN)/python -m evals.bench

# A large file at once, in how much memory, and killed ten times; needs ../shared.
bench-ingest: $(STAMP) ## 100,000 papers: records a second, peak memory, ten kills
	@$(BIN)/python -m evals.ingest

# Builds libraries of up to 500,000 papers in .evals/search: some 7 GB, and the first time two to
# three hours on two cores, most of it for 100,000 vectors. Stopped, it goes on; needs ../shared.
bench-search: weights ## search among 100,000 papers: quality, latency, filters, growth, cold start
	@$(BIN)/python -m evals.search

# The quick suites on our own data; every figure, and whether one fell below the baseline's.
eval: weights ## measures answers, tags, summaries, digests, retrieval and the check; stops if worse
	@$(BIN)/curator --home $(EVAL_HOME) eval
	@$(BIN)/curator --home $(EVAL_HOME) eval gate --baseline evals/baseline.json --margin $(MARGIN)

$(PEERS)/.installed: evals/peers/requirements.lock $(STAMP)
	@$(UV) venv --quiet --allow-existing --python $(BIN)/python $(PEERS)
	@$(UV) pip install --python $(PEERS)/bin/python --quiet --require-hashes -r evals/peers/requirements.lock
	@touch $@

peers: weights $(PEERS)/.installed ## our answers beside paper-qa's and a plain baseline's
	@$(BIN)/python -m evals.peers --data ../shared/data --limit 20 --sample-seed 0 --systems ours,stuffed,paper-qa --out $(PEERS_OUT)

lock: | $(UV) ## resolves the dependencies anew
	@$(UV) pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url pyproject.toml --extra evals --group dev -o requirements/dev.lock
	@$(UV) pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url pyproject.toml -c requirements/dev.lock -o requirements/runtime.lock

clean: ## removes the demo library and caches, keeps the .venv
	@rm -rf $(DEMO_HOME) .pytest_cache .mypy_cache .ruff_cache
