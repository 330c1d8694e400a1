# The two commands are `make run` and `make test`; both do all the set-up. `make help` lists the rest.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PORT ?= 8501
WORKERS ?= 2

.PHONY: run dev test check bench train-saes help
.DEFAULT_GOAL := help

help:
	@echo "make run          set up, fetch the default model once, start the dashboard on 127.0.0.1:$(PORT)"
	@echo "make test         set up, fetch the default model once, run every test, in WORKERS=2 processes"
	@echo "make check        ruff and pyright"
	@echo "make bench        every benchmark; bench-start, -attention, -response, -patching, -features, -architecture"
	@echo "make train-saes   train the SAEs that ship, on CPU or GPU; killed at any time, it goes on when called again"
	@echo "make dev          like run, and watches the files"

$(VENV)/.run: requirements.txt constraints.txt
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Hookscope needs Python 3.11 or newer: make PYTHON=python3.11 run")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip==26.3
	$(BIN)/python -m pip install --progress-bar on -r requirements.txt
	$(BIN)/python -m pip install --quiet --no-deps -e .
	@touch $@

$(VENV)/.dev: $(VENV)/.run pyproject.toml
	$(BIN)/python -m pip install --quiet --group dev -c constraints.txt
	@touch $@

run: $(VENV)/.run
	$(BIN)/python -m interp_core fetch
	$(BIN)/streamlit run app.py --server.port $(PORT)

dev: $(VENV)/.run
	$(BIN)/python -m interp_core fetch
	$(BIN)/streamlit run app.py --server.port $(PORT) --server.fileWatcherType auto --client.showErrorDetails full

test: $(VENV)/.dev
	$(BIN)/python -m interp_core fetch
	$(BIN)/python -m pytest -n $(WORKERS) --dist loadfile

check: $(VENV)/.dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/pyright

bench: bench-start bench-attention bench-response bench-patching bench-features bench-architecture

# Threads that wait asleep: on a shared machine, seconds of CPU would else count waiting as work.
bench-%: $(VENV)/.dev
	$(BIN)/python -m interp_core fetch
	OMP_WAIT_POLICY=passive $(BIN)/python -m benchmarks.$* $(ARGS)

# ARGS="--model ... --layers ... --out ..." trains others; python -m interp_core train-saes --help lists all.
train-saes: $(VENV)/.run
	$(BIN)/python -m interp_core train-saes --out data/saes $(ARGS)
