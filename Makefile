# Everything a newcomer needs: Python >= 3.11, git, make. No compiler, no system package.
.DEFAULT_GOAL := help
SHELL := /bin/bash
VENV := .venv
BIN := $(VENV)/bin
# The first interpreter that is new enough; PYTHON=/path/to/python3.x overrides it.
PYTHON ?= $(shell for p in python3 python3.14 python3.13 python3.12 python3.11; do \
	"$$p" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && { echo "$$p"; break; }; done)
# Two of them keep two cores busy while a third waits for real processes.
WORKERS ?= 3
# Compiling every test anew takes each of them ten seconds.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help install demo test check bench-sync bench-plan bench-find bench-support bench-watch bench-mail bench-deliver chaos walk soak up lock clean screenshots docs site

help:  ## Show what can be made
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## (.*)/  make \1\t\2/' | expand -t 22

install: $(VENV)/installed  ## Make .venv and install what the lock names

$(VENV)/installed: requirements.lock pyproject.toml
	@test -n "$(PYTHON)" || { echo "error: Python 3.11 or newer is needed; set PYTHON=/path/to/python3" >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { echo "error: $(PYTHON) lacks the venv module; on Debian: apt install python3-venv" >&2; exit 1; }
	@$(PYTHON) -m venv $(VENV)
	@echo "installing the pinned dependencies into $(VENV) (about a minute) …"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --only-binary :all: -r requirements.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --no-index --editable .
	@touch $@

demo: install  ## Run the main job for real and check every message (under 90 s)
	@$(BIN)/alerta demo

test: install  ## Run the tests on real SQLite, PostgreSQL, Valkey and SMTP
	@$(BIN)/python -m pytest -n $(WORKERS) --dist worksteal $(ARGS)

check: install  ## Format, lint, types, layers
	@$(BIN)/ruff format --check --quiet .
	@$(BIN)/ruff check --quiet .
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-cache

# dlt and matplotlib serve the comparison only, so they live apart.
BENCH := .venv-bench

bench-sync: install $(if $(QUICK),,$(BENCH)/installed)  ## Measure looks at whole ISPs; QUICK=1: under a minute
	@$(BIN)/python -m tests.benchmarks $(if $(QUICK),--quick,--environment $(BENCH)) $(ARGS)

bench-deliver: install  ## Measure how fast e-mails leave; QUICK=1: under a minute
	@$(BIN)/python -m tests.benchmarks.deliver $(if $(QUICK),--quick) $(ARGS)

bench-plan: install $(if $(QUICK),,$(BENCH)/installed)  ## Measure a tick of the planner; QUICK=1: seconds
	@$(BIN)/python -m tests.benchmarks.plan $(if $(QUICK),--quick,--environment $(BENCH)) $(ARGS)

bench-find: install  ## Measure `alerta find` among a million customers; QUICK=1: two minutes
	@$(BIN)/python -m tests.benchmarks.find $(if $(QUICK),--quick) $(ARGS)

bench-support: install  ## Measure how long support waits while another ISP is read; QUICK=1: two minutes
	@$(BIN)/python -m tests.benchmarks.support $(if $(QUICK),--quick) $(ARGS)

bench-watch: install  ## Measure what watching 500 ISPs costs; QUICK=1: seconds
	@$(BIN)/python -m tests.benchmarks.watch $(if $(QUICK),--quick) $(ARGS)

bench-mail: install  ## Measure e-mails per second against a plain Apprise loop (under a minute)
	@$(BIN)/python -m tests.benchmarks.mail $(ARGS)

walk: install  ## Install on two hosts by the document alone, and cut one off (root)
	@$(BIN)/python -m tests.chaos.by_the_document $(ARGS)

soak: install  ## An hour of 500 ISPs with faults; QUICK=1: a minute of 20
	@$(BIN)/python -m tests.soak $(if $(QUICK),--quick) $(ARGS)

chaos: install  ## Kill, empty and set wrong what we run, while it sends; QUICK=1: a tenth
	@$(BIN)/python -m tests.chaos $(if $(QUICK),--quick) $(ARGS)

$(BENCH)/installed: tests/benchmarks/requirements.lock
	@$(PYTHON) -m venv $(BENCH)
	@$(BENCH)/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes --only-binary :all: -r $<
	@touch $@

up: install  ## Run the daemon on the embedded defaults; Ctrl-C stops it
	@exec $(BIN)/alerta up

screenshots: install  ## Draw every e-mail in Chromium into var/shots
	@$(BIN)/python scripts/screenshots.py --out var/shots

docs: install  ## Write docs/commands.md from the commands
	@PYTHONPATH=. $(BIN)/python scripts/commands.py

# MkDocs serves the site only, so it lives apart.
SITE := .venv-site

site: docs $(SITE)/installed  ## Build the documentation into var/site; fails on a broken link
	@$(SITE)/bin/mkdocs build --quiet --strict
	@echo "var/site/index.html"

$(SITE)/installed: requirements-site.lock
	@$(PYTHON) -m venv $(SITE)
	@$(SITE)/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes --only-binary :all: -r $<
	@touch $@

lock:  ## Pin the ranges of pyproject.toml again (needs uv)
	@uv pip compile pyproject.toml --all-extras --group dev --universal --python-version 3.11 \
		--generate-hashes --no-emit-index-url --no-emit-find-links --no-header --no-annotate \
		--only-binary :all: --quiet --upgrade -o requirements.lock
	@uv pip compile tests/benchmarks/requirements.in --universal --python-version 3.11 \
		--generate-hashes --no-emit-index-url --no-emit-find-links --no-header --no-annotate \
		--only-binary :all: --quiet --upgrade -o tests/benchmarks/requirements.lock
	@uv pip compile --group pyproject.toml:site --universal --python-version 3.11 \
		--generate-hashes --no-emit-index-url --no-emit-find-links --no-header --no-annotate \
		--only-binary :all: --quiet --upgrade -o requirements-site.lock

clean:  ## Remove the environment and what running leaves behind
	@rm -rf $(VENV) $(BENCH) $(SITE) var .mypy_cache .ruff_cache .hypothesis
