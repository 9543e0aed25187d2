# netimg: `make` lists the targets. Python, torch's build and the device are the only choices:
#   make demo PYTHON=python3.12
#   make test TORCH="torch==2.13.0 --index-url URL_OF_A_CPU_INDEX"
.DEFAULT_GOAL := help
SHELL := /bin/bash

PYTHON ?= python3.11
TORCH ?= torch==2.13.0
UV ?= $(firstword $(wildcard .venv/bin/uv) uv)

PY := .venv/bin/python
PYTEST := $(PY) -m pytest
DATA := ../shared/data
export MPLBACKEND := Agg

# torch is overridden away and its needs are named, so that no build of it and no CUDA package is pinned.
LOCK = $(UV) pip compile pyproject.toml requirements/torch-needs.in requirements/build.in \
	--universal --python-version 3.11 --generate-hashes --quiet \
	--overrides requirements/no-torch.txt --no-emit-package torch --custom-compile-command "make lock" $(if $(UPGRADE),--upgrade)

.PHONY: help demo test test-slow real-data bench fuzz lint types contracts format gallery docs scores pretrained lock system clean

help:                       ## list the targets
	@sed -nE 's/^([a-z-]+):[^#]*## (.*)/  \1\t\2/p' $(MAKEFILE_LIST) | expand -t 16

demo: .venv/.demo           ## install the locked packages, analyse the bundled phantom patient, say where the report is
	.venv/bin/netimg run sample_data/net-phantom -o demo-out --facts sample_data/net-phantom/facts.toml --overwrite
	@echo "The report: $(CURDIR)/demo-out/report.html"

test: .venv/.stamp          ## install what tests need and run the quick ones (minutes)
	$(PYTEST) -n 2 --dist loadgroup -m "not slow and not real_data and not gpu"

test-slow: .venv/.stamp     ## the tests of more than a second each
	$(PYTEST) -n 2 --dist loadgroup -m "slow and not real_data and not gpu"

real-data: .venv/.stamp     ## the tests on ../shared/data
	$(PYTEST) -n 2 --dist loadgroup -m "real_data and not gpu"

bench: .venv/.stamp         ## print times and peak memory on this machine
	$(PY) -m tests.benchmarks

fuzz: .venv/.stamp          ## read 10,000 mutated files; finds are kept in runs/fuzz (COUNT=, SEED=)
	$(PY) -m tests.fuzz --count $(or $(COUNT),10000) --seed $(or $(SEED),7)

lint: .venv/.stamp          ## ruff: rules and layout (make format lays out)
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .

types: .venv/.stamp         ## mypy --strict
	.venv/bin/mypy

contracts: .venv/.stamp     ## who may import whom
	.venv/bin/lint-imports --no-logo

format: .venv/.stamp        ## sort imports, lay the code out
	.venv/bin/ruff check --select I --fix .
	.venv/bin/ruff format .

gallery: .venv/.stamp       ## draw the pictures and tables of README and model cards
	$(PY) -m tests.make.gallery

docs: .venv/.stamp          ## write docs/codes.md and docs/tolerances.md from the tables they come from
	$(PY) -m tests.make.docs

scores: .venv/.stamp        ## score the default model on the CTs it was not trained on (../shared/data)
	$(PY) -m netimg.training.score net-liver-ct

pretrained: .venv/.stamp    ## fetch the public weights a training begins from, by hash, and convert them
	$(PY) -m netimg.training.pretrained

lock:                       ## pin what pyproject.toml asks for, keeping what is pinned; UPGRADE=1 moves every pin (network)
	$(LOCK) --extra report -o requirements.lock
	$(LOCK) --extra report --extra train --extra dev -c requirements.lock -o requirements-dev.lock

system:                     ## Debian packages for the external and browser tests (needs root)
	apt-get update -qq
	grep -v '^#' .ci/packages | DEBIAN_FRONTEND=noninteractive xargs apt-get install -y -qq --no-install-recommends

clean:                      ## remove what was built or cached, keep .venv and runs
	rm -rf build dist demo-out .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
	find netimg tests -name __pycache__ -type d -prune -exec rm -rf {} +

test test-slow real-data: export OMP_NUM_THREADS := 1

# ---- installing: everything by hash, torch by name (its build depends on the machine) ----------------
define install
	$(PYTHON) -m venv .venv
	$(PY) -m pip install --no-deps --require-hashes -r $(1)
	$(PY) -m pip install $(TORCH)
	$(PY) -m pip install --no-index --no-deps --no-build-isolation -e .
	$(PY) -m pip check
endef

.venv/.stamp: requirements-dev.lock pyproject.toml
	$(call install,requirements-dev.lock)
	touch .venv/.stamp .venv/.demo

.venv/.demo: requirements.lock pyproject.toml
	$(call install,requirements.lock)
	touch .venv/.demo
