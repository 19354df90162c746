# SAGA's everyday commands; `make` lists them.
PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV := .venv
TORCH ?= torch==2.13.0
BIN := $(VENV)/bin
INSTALL := $(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt

.DEFAULT_GOAL := help
.PHONY: help setup demo server server-stop test test-slow faults soak overheads lint format benchmark lock-stages clean

help: ## List the commands
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

setup: $(VENV)/.dev ## Make the virtual environment, with the tools for development

demo: $(VENV)/.runtime ## Run the whole pipeline on the embedded Norwegian demo (some minutes)
	$(BIN)/saga run demo

server: $(VENV)/.runtime ## Start a Prefect server here, with database, store and workers, and deploy (docs/server.md)
	$(BIN)/python -m deployments.local start

server-stop: ## End what `make server` started
	$(BIN)/python -m deployments.local stop

test: $(VENV)/.dev ## Run the fast tests
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 --dist loadfile -m "not slow and not benchmark"

test-slow: $(VENV)/.dev ## Run the slow tests
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 --dist loadfile -m "slow and not benchmark"

faults: $(VENV)/.dev ## Kill a run on a real S3 server at random points, resume it elsewhere, print what was lost
	PYTHONPATH=.:tests OMP_NUM_THREADS=1 $(BIN)/python -m faults.kills
	PYTHONPATH=.:tests $(BIN)/python -m faults.outages

overheads: $(VENV)/.dev ## Measure on a server what dispatch and runs with nothing to do cost, and two workers against one
	PYTHONPATH=.:tests:tests/e2e OMP_NUM_THREADS=1 $(BIN)/python -m benchmarks.overheads

soak: $(VENV)/.dev ## Send a server 200 runs with nothing to do and 20 small ones; is anything lost, does anything grow?
	PYTHONPATH=.:tests:tests/e2e OMP_NUM_THREADS=1 $(BIN)/python -m benchmarks.soak $(SOAK)

lint: $(VENV)/.dev ## Check style and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: $(VENV)/.dev ## Put the code into form
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

benchmark: $(VENV)/.dev ## Print the benchmarks' figures
	$(BIN)/python -m pytest tests/benchmarks -m benchmark -s

lock-stages: $(VENV)/.dev ## Record the stages' code after raising a VERSION
	$(BIN)/python -m tests.stage_lock

clean: ## Remove the virtual environment and the demo's store
	rm -rf $(VENV) saga-store

# torch comes first and pinned, so that no later request chooses another. Which build this takes is the index's choice; on
# a machine without a GPU `make TORCH="torch==2.13.0+cpu --extra-index-url=…"` asks for the small one.
$(VENV)/.runtime: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(INSTALL) $(TORCH)
	$(INSTALL) -e .
	touch $@

$(VENV)/.dev: $(VENV)/.runtime
	$(INSTALL) -e '.[dev]'
	touch $@
