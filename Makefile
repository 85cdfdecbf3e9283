# The commands of the project. `make help` lists them.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
UV := $(BIN)/uv
export VIRTUAL_ENV := $(CURDIR)/$(VENV)
export UV_NO_PROGRESS := 1
unexport PYTHONPATH

.PHONY: run test check docs coverage mutants bench audit calibrate accuracy judge api-prices lock format help clean
.DEFAULT_GOAL := help

help: ## list the commands
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 12

run: $(VENV)/run.stamp ## install, migrate, load the shipped prices and serve on http://127.0.0.1:8000
	@$(BIN)/inferencebench up

test: check ## install what the tests need and run all of them
	@bash tools/need.sh chromium nginx openssl bwrap redis-server varnishd ps dovecot postgres
	$(BIN)/python -m pytest -n auto --maxprocesses 4 --dist loadfile --no-loadscope-reorder $(ARGS)

check: $(VENV)/test.stamp ## lint, format, types and the direction of imports
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	@$(BIN)/lint-imports --no-logo || { $(BIN)/lint-imports; exit 1; }
	@$(BIN)/inferencebench policy check

docs: $(VENV)/run.stamp ## write the pages of docs/ that are made from the code
	$(BIN)/python -m tools.docs

coverage: $(VENV)/test.stamp ## how much of the code the tests run; fails below the floor in pyproject.toml, and raises it
	@bash tools/need.sh chromium nginx openssl bwrap redis-server varnishd ps dovecot postgres
	$(BIN)/coverage erase
	$(BIN)/coverage run -m pytest -n auto --maxprocesses 4 --dist loadfile --no-loadscope-reorder $(ARGS)
	$(BIN)/coverage combine -q
	$(BIN)/coverage report --skip-covered
	$(BIN)/python -m tools.coverage_floor

mutants: $(VENV)/test.stamp ## break the code that keeps each promise, and see the tests notice (ARGS="--only P-8b" for one)
	@bash tools/need.sh chromium nginx openssl
	$(BIN)/python -m tools.mutants $(ARGS)

bench: $(VENV)/test.stamp ## the benchmark harness: ratios, not only absolute times
	@bash tools/need.sh chromium nginx wrk node postgres
	$(BIN)/python -m tools.bench $(ARGS)

calibrate: $(VENV)/data.stamp ## refit the estimator's constants from the measured rows (COMMUNITY=FILE.csv adds reported ones) and print its errors
	COMMUNITY=$(COMMUNITY) $(BIN)/python -m tools.calibrate

api-prices: $(VENV)/data.stamp ## write the prices of token APIs anew from the library that keeps them
	$(BIN)/python -m tools.make_api_prices

judge: $(VENV)/test.stamp ## the formulas for real traffic against a simulated engine on 500 random loads; writes what /methodology tells
	$(BIN)/python -m tools.judge

accuracy: $(VENV)/run.stamp ## the estimator's errors on rows it was not fitted on; fails past a limit
	$(BIN)/python -m tools.accuracy

audit: $(VENV)/audit.stamp ## known faults and licences of the locked dependencies; writes the bill of materials to dist/sbom.json
	$(BIN)/python -m tools.audit

format: $(VENV)/test.stamp ## let the formatter and the linter's fixes run
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

lock: $(VENV)/uv.stamp ## lock the dependencies anew, with hashes
	$(UV) pip compile -q --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-annotate --no-header pyproject.toml tools/build.in -o requirements.lock
	$(UV) pip compile -q --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-annotate --no-header --extra test -c requirements.lock pyproject.toml tools/build.in -o requirements-test.lock
	$(UV) pip compile -q --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-annotate --no-header --extra data -c requirements.lock pyproject.toml tools/build.in -o requirements-data.lock
	$(UV) pip compile -q --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-annotate --no-header --extra audit -c requirements.lock pyproject.toml tools/build.in -o requirements-audit.lock

clean: ## remove the virtual environment and caches
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .hypothesis

$(VENV)/uv.stamp: tools/uv.lock
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install -q --disable-pip-version-check --require-hashes -r tools/uv.lock
	@touch $@

$(VENV)/run.stamp: $(VENV)/uv.stamp requirements.lock pyproject.toml
	@$(UV) pip install -q --require-hashes -r requirements.lock
	@$(UV) pip install -q --no-deps --no-build-isolation -e .
	@touch $@

$(VENV)/test.stamp: $(VENV)/run.stamp requirements-test.lock
	@$(UV) pip install -q --require-hashes -r requirements-test.lock
	@touch $@

$(VENV)/data.stamp: $(VENV)/run.stamp requirements-data.lock
	@$(UV) pip install -q --require-hashes -r requirements-data.lock
	@touch $@

$(VENV)/audit.stamp: $(VENV)/run.stamp requirements-audit.lock
	@$(UV) pip install -q --require-hashes -r requirements-audit.lock
	@touch $@
