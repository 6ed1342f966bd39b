# One command turns a rack of bare Debian hosts into a DiCOS site. `make help` lists the targets.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

SITE ?= lab
PYTEST_ARGUMENTS ?=
SCENARIOS ?= base loadbalancer database messaging directory storage cloud
VENV := $(CURDIR)/.venv
STEP := tools/step
export PATH := $(VENV)/bin:$(PATH)
export ANSIBLE_CONFIG := $(CURDIR)/ansible.cfg

.PHONY: help
help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: venv
venv: ## Make .venv from requirements.lock (instant when it is there)
	@$(STEP) "venv" tools/bootstrap

.PHONY: site
site: venv ## Build the rack in a box, deploy it and verify it
	@$(STEP) "lab up $(SITE)" dicos-site lab up $(SITE)
	@$(STEP) "deploy $(SITE)" dicos-site deploy $(SITE)
	@$(STEP) "verify $(SITE)" dicos-site verify $(SITE)

.PHONY: check
check: venv ## What needs no lab: lint, types, syntax, unit tests (minutes)
	@$(MAKE) --jobs=2 --output-sync=target lint unit

.PHONY: lint
lint: ruff types yaml roles syntax ## Lint, types and syntax only

.PHONY: ruff
ruff: venv
	@$(STEP) "ruff check" ruff check --quiet .
	@$(STEP) "ruff format" ruff format --quiet --check .

.PHONY: types
types: venv
	@$(STEP) "mypy" mypy

.PHONY: yaml
yaml: venv
	@$(STEP) "yamllint" yamllint --strict .

.PHONY: roles
roles: venv
	@$(STEP) "ansible-lint" ansible-lint --offline --profile production --strict -q --nocolor

.PHONY: syntax
syntax: venv
	@$(STEP) "syntax" ansible-playbook -i inventories/lab --syntax-check site.yml playbooks/*.yml >/dev/null

.PHONY: unit
unit: venv ## Unit tests only
	@$(STEP) "unit tests" pytest -q tests/unit $(PYTEST_ARGUMENTS)

.PHONY: test
test: venv ## Everything CI runs: lint, unit tests, then a fresh rack: site tests and faults
	@$(MAKE) --jobs=2 --output-sync=target lint
	@pytest --durations=30 tests/unit tests/site tests/faults $(PYTEST_ARGUMENTS)

.PHONY: test-all
test-all: ## `test`, every molecule scenario and the long drill
	@$(MAKE) test
	@$(MAKE) molecule
	@$(MAKE) drill

.PHONY: molecule
molecule: venv ## Every role family alone on a small rack of its own
	@for scenario in $(SCENARIOS); do $(STEP) "molecule $$scenario" molecule test -s $$scenario; done

.PHONY: drill
drill: venv ## Kill every database member 50 times and count what was acknowledged
	@$(STEP) "drill" pytest -s tests/drill $(PYTEST_ARGUMENTS)

.PHONY: bench
bench: venv ## Measure this machine's numbers into docs/benchmarks.md
	@$(STEP) "bench" python -m tools.bench

.PHONY: tempest
tempest: venv ## OpenStack's own smoke tests against the deployed site, counted in docs/conformance.md
	@$(STEP) "tempest $(SITE)" python -m tools.tempest $(SITE)

.PHONY: docs
docs: venv ## Make again what is made from the sources: indexes, tables, the picture
	@python tools/runbook_index.py
	@python tools/module_table.py
	@dicos-site show lab --svg docs/rack.svg

.PHONY: clean
clean: ## Remove the lab, the virtual environment and the caches (secrets stay)
	@if [ -x $(VENV)/bin/dicos-site ]; then $(STEP) "lab down $(SITE)" dicos-site lab down $(SITE); fi
	@rm -rf $(VENV) .cache .ansible .hypothesis .mypy_cache .pytest_cache .ruff_cache *.egg-info build
