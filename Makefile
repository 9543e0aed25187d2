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

.PHONY: help demo test test-slow real-data bench lint types contracts format gallery pretrained lock system clean

help:            ## list the targets
	@grep -E '^[a-z-]+: .*##|^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*##/\t/' | expand -t 14

demo: .venv/.demo    ## install the locked packages and analyse the bundled phantom patient
	.venv/bin/netimg run sample_data/net-phantom -o demo-out --facts sample_data/net-phantom/facts.toml --overwrite
	@echo "The report is $(CURDIR)/demo-out/report.html"

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
