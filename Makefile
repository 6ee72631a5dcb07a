# Everything a person or CI runs. Needs git, make and Python 3.11 or newer; works with the make that macOS ships (3.81).
#   make PYTHON=/path/to/python3.12 …   uses that Python for a new .venv
#   make test ARGS='-k journal -x'      passes arguments on to pytest

PYTHON ?= python3
ARGS ?=
BIN := .venv/bin
STAMP := .venv/installed
SLOW := cluster or chaos or browser or gpu
# As many tests at once as there are cores, eight at most; ARGS='-n 0' runs them one by one, in one process.
PYTEST := $(BIN)/python -m pytest -n logical --maxprocesses 8 --dist worksteal
FINDINGS = $(or $(ARGS:%=findings/%.sh),$(wildcard findings/*.sh))

.DEFAULT_GOAL := help
.PHONY: help install demo docs measured-edits test test-slow examples check bench attack-matrix findings clean

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

install: $(STAMP) ## make .venv and install into it (done by the others when needed)

demo: $(STAMP) ## a real campaign on two CPU cores, about three minutes; no GPU, key or download
	@$(BIN)/autoswarm demo

test: $(STAMP) ## the fast suites
	@$(PYTEST) -m 'not ($(SLOW))' $(ARGS)

test-slow: $(STAMP) ## the marked suites: cluster, chaos, browser, gpu
	@$(PYTEST) -m '$(SLOW)' $(ARGS)

examples: $(STAMP) ## the example tasks, each with its good edit and its cheat
	@$(PYTEST) -m 'cluster or not cluster' --durations=0 tests/examples $(ARGS)

check: $(STAMP) ## ruff, mypy --strict, import-linter
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-logo

docs: $(STAMP) ## write what is made from the code: docs/cli.md, the table of files, the schema, the dashboard
	@$(BIN)/python -m deploy.docs

measured-edits: $(STAMP) ## the demo task's baseline, σ, good and bad edits, measured on this machine
	@$(BIN)/python -m trainer.tasks.demo.measured_edits $(or $(ARGS),--size ci --seeds 2)

bench: $(STAMP) ## occupancy, the coordinator's and the judge's cost, measured on this machine; ARGS=trust: one part
	@$(BIN)/python -m deploy.bench $(ARGS)

attack-matrix: $(STAMP) ## attacks × sandbox tiers, kept in docs/trust.md; half an hour or more
	@$(BIN)/python -m tests.attacks.matrix --write $(ARGS)

findings: ## surprises about others' software, each tried again: held or changed; half an hour, downloads
	@log=$$(mktemp); bad=0; for script in $(FINDINGS); do \
	  "$$script" >"$$log" 2>&1; case $$? in \
	    0) echo "held       $$script" ;; \
	    2) echo "not tried  $$script"; tail -n 3 "$$log"; bad=1 ;; \
	    *) echo "changed    $$script"; cat "$$log"; bad=1 ;; \
	  esac; done; rm -f "$$log"; exit $$bad

clean: ## remove .venv and caches; campaigns and data stay
	rm -rf .venv .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis dist
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# A .venv that is there is kept, and pip leaves alone what fits already. The stamp comes last: an interrupted install is taken up again.
$(STAMP): pyproject.toml
	@command -v git >/dev/null || { \
	  echo "error: git is not installed; autoswarm keeps every variant as a commit" >&2; \
	  echo "  do: apt-get install git   (macOS: xcode-select --install)" >&2; exit 1; }
	@$(BIN)/python -c 'import pip' 2>/dev/null || { \
	  for python in $(PYTHON) python3.13 python3.12 python3.11; do \
	    "$$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && break; python=; \
	  done; \
	  [ -n "$$python" ] || { \
	    echo "error: autoswarm needs Python 3.11 or newer; $(PYTHON) is $$($(PYTHON) --version 2>&1)" >&2; \
	    echo "  do: install one, or say where it is: make PYTHON=/path/to/python3.12" >&2; exit 1; }; \
	  echo "Making .venv with $$("$$python" --version)"; \
	  "$$python" -m venv --clear .venv || { \
	    echo "error: $$python cannot make a virtual environment" >&2; \
	    echo "  do: apt-get install python3-venv   (Debian and Ubuntu keep it apart)" >&2; exit 1; }; }
	@echo "Installing autoswarm into .venv: about 2 GB and a minute or two the first time"
	@$(BIN)/python -m pip install -q --disable-pip-version-check -e '.[dev]'
	@touch $@
