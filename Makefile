# One command per chore, the same at a desk and in CI.
# PYTHON=python3.12 picks the interpreter of a new .venv, JOBS=1 runs one test after the other.

PYTHON ?= python3
JOBS   ?= 2
BIN    := .venv/bin
PYTEST := $(BIN)/pytest
LOCK   := $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --fork-strategy fewest \
          --annotation-style line --no-header --no-emit-index-url

export PIP_DISABLE_PIP_VERSION_CHECK := 1
unexport PYTHONDONTWRITEBYTECODE # tests start hundreds of interpreters: what they import is compiled once

.PHONY: help demo test check golden bench bench-wall lock clean

help:
	@echo 'make demo    the whole loop on this machine: a bad release, its detection, its rollback (KEEP=1 stays up)'
	@echo 'make test    every test; those that drive programs which are not installed are skipped, in CI they fail'
	@echo 'make check   lint, format, types, import rules'
	@echo 'make golden  rewrite the golden files, to be read and committed'
	@echo 'make bench   every benchmark'
	@echo 'make bench-wall  those that go by the clock, as rows of a table: for a machine that does nothing else (3 minutes)'
	@echo 'make lock    pin the requirements again after a change of pyproject.toml (UPGRADE=--upgrade: newest of all)'
	@echo 'make clean   remove .venv and what tools left behind'

demo: .venv/run.stamp
	$(BIN)/burnline demo $(if $(KEEP),--keep)

test: .venv/dev.stamp
	$(PYTEST) -n $(JOBS) --dist loadfile --no-loadscope-reorder $(ARGS)

check: .venv/dev.stamp
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

golden: .venv/dev.stamp
	$(PYTEST) --golden -q $(ARGS)
	git status --short

bench: .venv/dev.stamp
	set -e; for script in benchmarks/*.py; do echo "== $$script"; PYTHONPATH=. $(BIN)/python "$$script"; done

bench-wall: .venv/dev.stamp
	set -e; for script in store webhooks runs; do echo "== $$script"; SECONDS=3 PYTHONPATH=. $(BIN)/python benchmarks/$$script.py; done

lock: .venv/dev.stamp
	$(LOCK) $(UPGRADE) pyproject.toml --all-extras requirements/dev.in -o requirements/dev.txt
	$(LOCK) pyproject.toml --extra demo requirements/build.in -c requirements/dev.txt -o requirements/run.txt
	for part in mlflow evidently alibi; do $(LOCK) $(UPGRADE) requirements/$$part.in -o requirements/$$part.txt || exit 1; done

clean:
	rm -rf .venv build dist .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis src/*.egg-info

# run.txt is what `make demo` needs; dev.txt holds all of it and more, so a .venv made for tests runs the demo too.
.venv/run.stamp: requirements/run.txt pyproject.toml scripts/setup
	scripts/setup $(PYTHON) run

.venv/dev.stamp: requirements/dev.txt pyproject.toml scripts/setup
	scripts/setup $(PYTHON) dev
