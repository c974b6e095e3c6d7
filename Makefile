# `make demo` and `make test` need nothing but Python 3.11 or later; everything is installed into $(VENV).
VENV ?= .venv
PYTHON ?= python3
BIN := $(VENV)/bin

.PHONY: demo test lint perf clean

demo: $(VENV)/.installed
	$(BIN)/python -W 'ignore:xarray subclass' examples/demo.py

test: $(VENV)/.installed-dev
	$(BIN)/python -m pytest

lint: $(VENV)/.installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

perf: $(VENV)/.installed-dev
	$(BIN)/python perf/stock_metrics.py

# uv installs the same packages as pip, in a fraction of the time.
$(BIN)/uv:
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check uv

$(VENV)/.installed: setup.py pyproject.toml | $(BIN)/uv
	$(BIN)/uv pip install --quiet --python $(BIN)/python --editable '.[train]'
	touch $@

$(VENV)/.installed-dev: setup.py pyproject.toml | $(BIN)/uv
	$(BIN)/uv pip install --quiet --python $(BIN)/python --editable '.[dev]'
	touch $@

clean:
	rm -rf $(VENV) build dist *.egg-info
