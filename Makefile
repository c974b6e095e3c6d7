# `make demo` and `make test` need a python3 of any version, or uv; everything is installed into $(VENV).
VENV ?= .venv
PYTHON ?= python3
BIN := $(VENV)/bin

# Each needs near 2 GB of memory and has the tests of a whole file.
WORKERS ?= --numprocesses 2 --dist loadfile --no-loadscope-reorder

.PHONY: demo quick pure test test-all lint docs lock audit perf clean

demo:
	@.ci/environment '$(VENV)' demo '$(PYTHON)'
	'$(BIN)/python' -W 'ignore:xarray subclass' examples/demo.py

# Lint beside the tests, which run in one process: a second one would take longer to start than it saves.
quick:
	@.ci/environment '$(VENV)' dev '$(PYTHON)'
	$(MAKE) -j2 lint pure

pure:
	'$(BIN)/python' -m pytest -m 'not (slow or seconds or process or network)'

test:
	@.ci/environment '$(VENV)' dev '$(PYTHON)'
	'$(BIN)/python' -m pytest -m 'not slow' $(WORKERS)

test-all:
	@.ci/environment '$(VENV)' dev '$(PYTHON)'
	'$(BIN)/python' -m pytest $(WORKERS)

lint:
	@.ci/environment '$(VENV)' dev '$(PYTHON)'
	'$(BIN)/ruff' check .
	'$(BIN)/ruff' format --check .
	'$(BIN)/python' .ci/as_installed.py mypy
	'$(BIN)/python' .ci/as_installed.py lint-imports
	'$(BIN)/python' -W ignore -m m2m_benchmarks.benchmarks.registry --check
	'$(BIN)/python' .ci/audit.py

# Warnings, such as links to missing pages and sections, are errors; addresses outside are not requested.
docs:
	@.ci/environment '$(VENV)' docs '$(PYTHON)'
	'$(BIN)/python' -m sphinx -W --keep-going -q -E -b html -d build/doctrees docs build/docs
	@echo 'built: build/docs/index.html'

# What setup.py names, and what that needs, in the latest versions, with their hashes.
lock:
	PATH="$$PATH:$(BIN)" uv pip compile setup.py .ci/tools.in --extra dev --universal --python-version 3.11 --upgrade \
		--generate-hashes --no-annotate --no-header --quiet --output-file .ci/requirements.lock

audit:
	@.ci/environment '$(VENV)' dev '$(PYTHON)'
	'$(BIN)/python' .ci/audit.py

perf:
	@.ci/environment '$(VENV)' dev '$(PYTHON)'
	'$(BIN)/python' perf/side_by_side.py

clean:
	rm -rf '$(VENV)' build dist *.egg-info
