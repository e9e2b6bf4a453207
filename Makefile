# Everything a user or contributor types. Each target sets up .venv first where it is missing:
# plain `python3 -m venv` and the hashed lock, nothing else is assumed beyond Python >= 3.11 and make.

PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
STAMP  := $(VENV)/.installed
OUT    ?= ldt-report
JOBS   ?= 2

# Tests start hundreds of processes: where compiled modules are not kept, each of them compiles all of ours anew.
export PYTHONDONTWRITEBYTECODE :=

.DEFAULT_GOAL := help
.PHONY: help setup demo test check bench soak lock clean

help:            ## list the targets
	@grep -E '^[a-z]+: .*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 10

setup: $(STAMP)  ## make .venv from the hashed lock

$(STAMP): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "Python 3.11 or newer is needed, this is " + sys.version.split()[0] + ". Try: make PYTHON=python3.12 $(MAKECMDGOALS)")'
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV) || { echo "python3 -m venv failed. On Debian and Ubuntu: apt-get install python3-venv"; exit 1; }
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $(STAMP)

demo: $(STAMP)   ## the whole journey: twin up, conformance checked, short load, report and badge written
	$(BIN)/python tools/demo.py --out $(OUT)

test: $(STAMP)   ## every test that this machine can run; says which it left out and why
	$(BIN)/python -m pytest -n $(JOBS) --dist loadgroup

check: $(STAMP)  ## what must be green at every commit: ruff, mypy --strict, import rules, tests
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(MAKE) --no-print-directory test

bench: $(STAMP)  ## ratios within one run, printed; never a pass or fail
	$(BIN)/python -m benchmarks

soak: $(STAMP)   ## what is too long for CI
	$(BIN)/python -m pytest --soak -m soak -n $(JOBS) --dist loadgroup --timeout 3600

lock: $(STAMP)   ## renew requirements.lock and the image's lock from pyproject.toml (needs uv: pip install uv)
	uv pip compile --quiet --universal --generate-hashes --python-version 3.11 --extra dev --no-annotate --no-header \
	  --no-emit-package ldt-harness pyproject.toml --output-file requirements.lock
	uv pip compile --quiet --generate-hashes --python-version 3.11 --python-platform x86_64-manylinux_2_28 --extra stack \
	  --no-annotate --no-header --no-emit-package ldt-harness --constraint requirements.lock pyproject.toml \
	  --output-file reference-stack/images/dependencies/requirements.lock

clean:           ## remove what these targets made
	rm -rf $(VENV) $(OUT) dist build .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
