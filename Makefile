# Plain commands behind a few names. `make book` and `make test` need nothing but Python 3.11 and this checkout.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := book
PYTHON ?= python3
BIN := .venv/bin
UV := $(BIN)/uv --quiet
COMPILE := $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header

.PHONY: book serve release test lint bench lock clean

# --- set-up ---------------------------------------------------------------------------------------------------
.venv/uv.stamp: requirements/build.txt
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --require-hashes -r requirements/build.txt
	touch $@

.venv/book.stamp: .venv/uv.stamp requirements/book.txt pyproject.toml
	$(UV) pip install --python .venv --require-hashes -r requirements/book.txt
	$(UV) pip install --python .venv --no-deps --no-build-isolation -e .
	touch $@

.venv/develop.stamp: .venv/uv.stamp requirements/develop.txt pyproject.toml
	$(UV) pip install --python .venv --require-hashes -r requirements/develop.txt
	$(UV) pip install --python .venv --no-deps --no-build-isolation -e .
	touch $@ .venv/book.stamp

lock: .venv/uv.stamp
	$(COMPILE) requirements/build.in -o requirements/build.txt
	$(COMPILE) pyproject.toml --all-extras -o requirements/develop.txt
	$(COMPILE) pyproject.toml --extra learn -c requirements/develop.txt -o requirements/learn.txt
	$(COMPILE) pyproject.toml --extra book -c requirements/develop.txt -o requirements/book.txt
