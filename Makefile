# `make demo` and `make test` need a python3 of any version, or uv; everything is installed into $(VENV).
VENV ?= .venv
PYTHON ?= python3
BIN := $(VENV)/bin

.PHONY: demo quick test test-all lint perf clean

demo:
	@.ci/environment '$(VENV)' train '$(PYTHON)'
	'$(BIN)/python' -W 'ignore:xarray subclass' examples/demo.py

test:
	@.ci/environment '$(VENV)' dev '$(PYTHON)'
	'$(BIN)/python' -m pytest

lint:
	@.ci/environment '$(VENV)' dev '$(PYTHON)'
	'$(BIN)/ruff' check .
	'$(BIN)/ruff' format --check .
	'$(BIN)/mypy'
	'$(BIN)/lint-imports'

perf:
	@.ci/environment '$(VENV)' dev '$(PYTHON)'
	'$(BIN)/python' perf/stock_metrics.py

clean:
	rm -rf '$(VENV)' build dist *.egg-info
