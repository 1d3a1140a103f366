# Every target sets up what it needs; `make` alone says what there is.
.DEFAULT_GOAL := help
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

# Other Pythons and the lowest versions are tried on the rooms that know other packages.
OTHER := .venv-other
OTHERS := VIRTUAL_ENV=$(CURDIR)/$(OTHER) $(BIN)/uv --quiet
TESTERS := pytest hypothesis polars pytest-xdist
ROOMS := $(addprefix tests/test_,$(addsuffix .py,artifacts boxes campaign config destinations engine features house labels \
  measuring model ranking segments snapshot tables))

help: ## Say what can be made
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | awk -F'\t' '{printf "  make %-12s %s\n", $$1, $$2}'

setup: $(READY) ## Make the environment, from the locked requirements

$(READY): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 14))' \
	  || { echo "clm-ml needs Python 3.11 to 3.13; name one: make PYTHON=python3.11"; exit 1; }
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check uv
	VIRTUAL_ENV=$(CURDIR)/$(VENV) $(BIN)/uv pip install --quiet --compile-bytecode --require-hashes -r requirements.lock \
	  || $(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --editable .
	@$(BIN)/python -c 'import lightgbm' \
	  || { echo "LightGBM needs the OpenMP library; on Debian and Ubuntu: apt-get install libgomp1"; exit 1; }
	@touch $(READY)

demo: $(READY) ## Train, score and list the shop that ships with the package, into demo/
	$(BIN)/clm-ml demo demo

# Two processes share the cores: what waits for work in them is to sleep.
PYTEST := OPENBLAS_NUM_THREADS=1 OMP_WAIT_POLICY=passive $(BIN)/pytest -q -n 2 --dist loadgroup --no-loadscope-reorder

test: $(READY) ## Run the fast tests and the examples in docstrings
	$(PYTEST) -m "not slow"

test-slow: $(READY) ## Run the tests that take longer
	$(PYTEST) -m slow

test-all: $(READY) ## Run all tests, those that take longer among them
	$(PYTEST)

test-python: $(READY) ## Run the fast tests of most rooms on another Python: make test-python PYTHON=python3.13
	$(OTHERS) venv --clear --python $(PYTHON) $(OTHER)
	$(OTHERS) pip install --editable '.[tune]' $(TESTERS)
	$(OTHER)/bin/pytest -q -m "not slow" -p no:cacheprovider $(ROOMS)

test-lowest: $(READY) ## Run them with the lowest versions that pyproject.toml allows
	$(OTHERS) venv --clear --python $(PYTHON) $(OTHER)
	$(OTHERS) pip install --resolution lowest-direct --editable '.[tune]'
	$(OTHERS) pip install $(TESTERS)
	$(OTHER)/bin/pytest -q -m "not slow" -p no:cacheprovider $(ROOMS)

licences: $(READY) ## Write the licences of a base install
	$(BIN)/python docs/licences.py > docs/licences.md

check: $(READY) ## Lint, types, and who may import whom
	$(BIN)/ruff check clm_ml tests benchmarks notebooks docs
	$(BIN)/ruff format --check clm_ml tests benchmarks docs
	$(BIN)/mypy clm_ml
	$(BIN)/lint-imports

docs: $(READY) ## Build the site into build/docs; a broken link is an error
	$(BIN)/sphinx-build -E -a -W --keep-going -n -q -b html docs build/docs
	@echo "the site begins at build/docs/index.html"

notebooks: $(READY) ## Write each notebook's .ipynb from its .py, and run it
	$(BIN)/jupytext --quiet --update --to ipynb notebooks/*.py
	$(BIN)/pytest -q tests/test_notebooks.py -m ""

bench: bench-speed bench-quality ## Run the benchmarks

bench-quality: $(READY) ## Judge models and peers forward in time on public logs (CLM_BENCH_DATA=folder of them)
	$(BIN)/python benchmarks/quality.py

bench-speed: $(READY) ## Time features, scoring and peers against a plain scan (BENCH_CUSTOMERS=50000)
	$(BIN)/python benchmarks/speed.py --customers $(or $(BENCH_CUSTOMERS),50000) --peers

clean: ## Remove what was made, but for models/, scores and lists
	rm -rf $(VENV) $(OTHER) demo build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

.PHONY: help setup demo test test-slow test-all test-python test-lowest licences check docs notebooks bench bench-speed \
  bench-quality clean
