# make demo: a whole cluster on this machine, from nothing to loaded features.  make test: the tests.
# Both do all the set-up that they need.

PYTHON ?= python3.11
BIN := .venv/bin
ALERTS ?=
NO_REGISTRY = { echo "farm: the locked packages of $< could not be installed; is a PyPI mirror reachable from here?" >&2; exit 21; }

.PHONY: venv head demo test test-faults check fix docs lock bench clean
.DELETE_ON_ERROR:

venv: .venv/complete

.venv/complete: requirements/dev.txt pyproject.toml
	@$(PYTHON) -m farm.head_setup --no-lab
	@echo "making .venv" >&2
	@$(PYTHON) -m venv --clear .venv
	@$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r $< || $(NO_REGISTRY)
	@$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

head: venv
	@$(PYTHON) -m farm.head_setup

demo: head
	@$(BIN)/farm demo $(if $(ALERTS),--alerts $(ALERTS))

# Tests with agents, which sweep what others on the machine left, run one after another.
# Without root or namespaces the tests that need a lab are left out by name; under CI that fails.
test: venv
	@$(PYTHON) -m farm.head_setup --tests || true
	@$(BIN)/python -m pytest -n 2 -m "not lab and not faults and not realdata" --ignore=tests/farm
	@$(BIN)/python -m pytest -m "not lab and not faults and not realdata" tests/farm
	@$(BIN)/python -m pytest -m "(lab or realdata) and not faults"

test-faults: venv
	@$(PYTHON) -m farm.head_setup || true
	@$(BIN)/python -m pytest -m faults

check: venv
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/yamllint --strict .
	PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/ansible-lint --offline

fix: venv
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

# Pages that are made from the code; a test compares them.
docs: venv
	@$(BIN)/python -m farm.docs cli > docs/cli.md
	@$(BIN)/python -m farm.docs errors > docs/errors.md
	@$(BIN)/python -m features docs > docs/features.md
	@$(BIN)/python -m tests.bench.scale > docs/scaling.md

# The locks are layered, so that a worker, a loader and a head agree about what they share.
COMPILE = $(BIN)/pip-compile --quiet --strip-extras --generate-hashes --allow-unsafe --no-header \
	--no-emit-index-url --no-emit-find-links --no-emit-trusted-host
lock: venv
	$(COMPILE) --extra worker -o requirements/worker.txt pyproject.toml
	$(COMPILE) --extra loader -c requirements/worker.txt -o requirements/loader.txt pyproject.toml
	$(COMPILE) --extra worker --extra loader --extra head -c requirements/worker.txt -c requirements/loader.txt -o requirements/head.txt pyproject.toml
	$(COMPILE) --extra worker --extra loader --extra head --extra dev -c requirements/head.txt -o requirements/dev.txt pyproject.toml

bench: head
	@$(BIN)/python -m tests.bench

clean:
	@if [ -x $(BIN)/farm ] && [ "$$(id -u)" = 0 ]; then $(BIN)/farm lab down; fi
	rm -rf .venv build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .ansible
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
