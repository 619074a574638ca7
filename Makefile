# What people and machines do with the project. CI calls only these. `make help` lists them.

PYTHON ?= python3
VENV ?= .venv
# Where `install` puts what a server needs, and nothing else.
RUNTIME ?= dist/runtime
BIND ?= 127.0.0.1
PORT ?= 8000
WORKERS ?= 1
# What to test, and how: make test ARGS="tests/rules -k codes"
ARGS ?=

BIN := $(VENV)/bin
READY := $(VENV)/.ready
PIP := -m pip --disable-pip-version-check --no-input

.DEFAULT_GOAL := help
.PHONY: help demo dev test whole long kills overload decoding lint fix bench openapi openapi-check migration lock install start clean

help: ## Say what there is
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

# The environment of everything below: made by the first target that needs it, made anew when the lock changes.
$(READY): requirements-dev.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "Python 3.11 or newer is needed: make PYTHON=python3.12 ..." >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python $(PIP) install --quiet --require-hashes -r requirements-dev.lock
	$(BIN)/python $(PIP) install --quiet --no-deps --no-build-isolation -e .
	@touch $@

demo: $(READY) ## Show it all, from sign-in to the gate; ONCE=1 ends after the walk
	$(BIN)/huixin demo $(if $(ONCE),--once)

dev: $(READY) ## Serve this working tree with a database in var/, and say where /docs is
	$(BIN)/huixin init
	@echo "http://$(BIND):$(PORT)/docs"
	$(BIN)/huixin serve --host $(BIND) --port $(PORT)

test: $(READY) ## Run the tests on SQLite and PostgreSQL; HUIXIN_TEST_DATA=folder adds those on real data
	$(BIN)/python -m pytest -n 2 --dist loadfile $(ARGS)

whole: $(READY) ## Run the tests that take minutes: whole days of real movements
	$(BIN)/python -m pytest -m whole $(ARGS)

long: $(READY) ## Run the long forms: every mutation, every awkward value, every role
	$(BIN)/python -m pytest -m long $(ARGS)

kills: $(READY) ## Kill a loaded server 200 times on each database: no acknowledged scan lost or doubled
	$(BIN)/python -m pytest -m kills -s $(ARGS)

overload: $(READY) ## Load a server with four times what it can do for a minute on each database
	$(BIN)/python -m pytest -m overload -s $(ARGS)

decoding: $(READY) ## Photograph thousands of spoilt codes: none may need more camera pixels than before
	$(BIN)/python -m pytest -m decoding $(ARGS)

offline-model: $(READY) ## Hold uploads against a plain model in 5,000 runs on SQLite and 500 on PostgreSQL
	$(BIN)/python -m pytest -m long tests/offline_model $(ARGS)

lint: $(READY) ## Check form, types and directions
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy app tests bench migrations
	$(BIN)/lint-imports

fix: $(READY) ## Mend what lint can mend by itself
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: $(READY) ## Measure all; the full form: ARGS="--rounds 5 --steady 30 --memory 600 --history 10000000"
	$(BIN)/python -m bench $(ARGS)

openapi: $(READY) ## Write openapi.yaml
	$(BIN)/huixin openapi

openapi-check: $(READY) ## Fail where openapi.yaml is not what the application says
	$(BIN)/huixin openapi --check

# Compared with a database of the present schema, so that only what the models changed comes in.
define DRAFT
import sys
from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
config = Config("alembic.ini")
config.set_main_option("sqlalchemy.url", "sqlite+aiosqlite:///var/migration.db")
command.upgrade(config, "head")
number = len(list(ScriptDirectory.from_config(config).walk_revisions())) + 1
command.revision(config, sys.argv[1], autogenerate=True, rev_id=f"{number:04}")
endef
export DRAFT
migration: $(READY) ## Draft a migration from the models: make migration NAME="add plates"
	@test -n "$(NAME)" || { echo 'Say what it does: make migration NAME="add plates"' >&2; exit 1; }
	@mkdir -p var && rm -f var/migration.db*
	$(BIN)/python -c "$$DRAFT" "$(NAME)"
	@rm -f var/migration.db*

# One resolution for every Python and system that we run on, with hashes and without the name of an index.
# UPGRADE=1 takes newer releases; without it only what pyproject.toml changed moves.
COMPILE = $(BIN)/uv pip compile pyproject.toml --universal --python-version 3.11 --generate-hashes --no-header \
	--no-emit-index-url --no-emit-find-links --quiet $(if $(UPGRADE),--upgrade)
lock: ## Write the locks anew from pyproject.toml
	test -x $(BIN)/uv || { $(PYTHON) -m venv $(VENV) && $(BIN)/python $(PIP) install --quiet uv; }
	$(COMPILE) --group dev --extra replay -o requirements-dev.lock
	$(COMPILE) --constraint requirements-dev.lock -o requirements.lock
	$(BIN)/uv pip compile --universal --python-version 3.11 --generate-hashes --no-header --no-emit-index-url \
		--no-emit-find-links --quiet --group build --constraint requirements-dev.lock -o requirements-build.lock

# The image and tests/contract/test_install.py both install and start by these two.
install: ## Install what a server needs into RUNTIME, hashes checked, without compilers or test tools
	$(PYTHON) -m venv $(RUNTIME)/build
	$(RUNTIME)/build/bin/python $(PIP) install --quiet --require-hashes -r requirements-build.lock
	$(RUNTIME)/build/bin/python $(PIP) wheel --quiet --no-deps --no-build-isolation --wheel-dir $(RUNTIME)/build/wheels .
	$(PYTHON) -m venv $(RUNTIME)
	$(RUNTIME)/bin/python $(PIP) install --quiet --require-hashes -r requirements.lock
	$(RUNTIME)/bin/python $(PIP) install --quiet --no-deps --no-index --force-reinstall $(RUNTIME)/build/wheels/*.whl
	rm -rf $(RUNTIME)/build

start: ## Serve from RUNTIME at BIND and PORT with WORKERS processes
	@exec $(RUNTIME)/bin/huixin serve --host $(BIND) --port $(PORT) --workers $(WORKERS)

clean: ## Forget what was built; var/ with its database and secrets stays
	rm -rf $(VENV) dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
