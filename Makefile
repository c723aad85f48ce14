# Plain commands behind a few names. `make book` and `make test` need nothing but Python 3.11 and this checkout.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := book
# What is run here is the environment in .venv; one that is active in the shell would make IPython warn of it.
unexport VIRTUAL_ENV
PYTHON ?= python3
BIN := .venv/bin
UV := $(BIN)/uv --quiet
COMPILE := $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header

.PHONY: book serve pdf release handout test lock system bench mutants cgroup-v2

# --- set-up ---------------------------------------------------------------------------------------------------
.venv/uv.stamp: requirements/build.txt
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' || \
	  { echo "$(PYTHON) is not Python 3.11, 3.12 or 3.13. Name one that is: make PYTHON=python3.11" >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' || \
	  { echo "$(PYTHON) cannot make environments. On Debian and Ubuntu: apt-get install python3-venv" >&2; exit 1; }
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --require-hashes -r requirements/build.txt
	touch $@

.venv/book.stamp: .venv/uv.stamp requirements/book.txt pyproject.toml
	$(UV) pip install --python .venv --require-hashes -r requirements/book.txt
	$(UV) pip install --python .venv --no-deps --no-build-isolation -e .
	touch $@

.venv/develop.stamp: .venv/uv.stamp requirements/develop.txt pyproject.toml
	$(UV) pip install --python .venv --compile-bytecode --require-hashes -r requirements/develop.txt
	$(UV) pip install --python .venv --no-deps --no-build-isolation -e .
# A sandbox sees its libraries and cannot write beside them: what is not compiled here is compiled for each learner.
	$(BIN)/python -m compileall -q src
	touch $@ .venv/book.stamp

# What the tests need of the system besides Python.
system:
	requirements/install-debian.sh

lock: .venv/uv.stamp
	$(COMPILE) requirements/build.in -o requirements/build.txt
	$(COMPILE) pyproject.toml --all-extras -o requirements/develop.txt
	$(COMPILE) pyproject.toml --extra learn -c requirements/develop.txt -o requirements/learn.txt
	$(COMPILE) pyproject.toml --extra book -c requirements/develop.txt -o requirements/book.txt
	$(COMPILE) requirements/bench.in -o requirements/bench.txt

# --- the book -------------------------------------------------------------------------------------------------
# The public book has no solutions; SOLUTIONS=1 builds the edition that has, elsewhere.
ifdef SOLUTIONS
EDITION := _build/solutions
TOC := $(EDITION)/_toc.yml
else
EDITION := .
TOC := _toc.yml
endif
HTML := $(patsubst ./%,%,$(EDITION)/_build/html)

# Node comes with the Python packages; what the pages are made with, from npm by the lock file.
web/node_modules/.package-lock.json: web/package.json web/package-lock.json .venv/book.stamp
	PATH="$(CURDIR)/$(BIN):$$PATH" npm --prefix web ci --no-audit --no-fund --loglevel=error
	touch $@

book: .venv/book.stamp web/node_modules/.package-lock.json
ifdef SOLUTIONS
	$(BIN)/classroom worked-solutions --into worked-solutions --toc $(TOC)
endif
	$(BIN)/jupyter-book build . --toc $(TOC) --path-output $(EDITION) -W -n --keep-going
	@echo "The book is at $(CURDIR)/$(HTML)/index.html"
	@echo "To read it in a browser: make serve$(if $(SOLUTIONS), SOLUTIONS=1)"

serve:
	$(BIN)/python -m http.server --bind 127.0.0.1 --directory $(HTML) 8000

pdf: book .venv/develop.stamp system
	$(BIN)/python web/print/book_to_pdf.py --built $(HTML) --toc $(TOC) --into $(dir $(HTML))backprop-by-hand.pdf

# --- the exercises --------------------------------------------------------------------------------------------
release: .venv/develop.stamp
	$(BIN)/classroom release

handout: release
	rm -rf _build/handout
	$(BIN)/uv build --quiet --wheel --python $(BIN)/python --no-build-isolation --out-dir _build/handout
	$(BIN)/classroom handout --wheel _build/handout/*.whl --into _build/handout

# --- the tests ------------------------------------------------------------------------------------------------
# Fast ones first: style, types, the tests of the parts; then the whole book, strictly, and a browser on its pages.
test: .venv/develop.stamp system
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/pytest --ignore=tests/web
	$(MAKE) book
	$(BIN)/pytest tests/web

# --- on demand ------------------------------------------------------------------------------------------------
# The checker beside its alternatives. torch comes without hashes, from wherever pip is told to look; where it or
# another library is missing, its row says so.
.venv/bench.stamp: requirements/bench.txt .venv/uv.stamp
	$(PYTHON) -m venv .venv/bench
	.venv/bench/bin/python -m pip install --quiet --require-hashes -r requirements/bench.txt
	-.venv/bench/bin/python -m pip install --quiet torch==2.13.0
	touch $@

bench: .venv/bench.stamp
	OPENBLAS_NUM_THREADS=1 PYTHONPATH=src .venv/bench/bin/python benchmarks/gradcheck.py $(PARTS)

# Small wrong changes to the checker's own lines: which of them do its tests miss?
.venv/mutants.stamp: .venv/develop.stamp
	$(UV) pip install --python .venv mutmut==3.8.1
	touch $@

mutants: .venv/mutants.stamp
	$(BIN)/mutmut run
	$(BIN)/python tests/gradcheck/surviving_mutants.py

# The sandbox's limits under cgroup v2 and systemd, in a machine of its own: tests/cgroup_v2/run.sh says what it needs.
cgroup-v2: .venv/develop.stamp
	tests/cgroup_v2/run.sh
