# Dualflow. The first target that needs them installs Python packages into .venv; later ones start at once.
# A Python other than the first one found: make PYTHON=/path/to/python3.12 …

SHELL := /bin/sh
VENV := .venv
STAMP := $(VENV)/.installed
PYTHON ?=
CODE := flows tasks mappings deployments tests
# more arguments for pytest, e.g. make test ARGS="-k diff -x"
ARGS ?=
# test processes, one more than cores, since tests wait for services; how they share the tests: tests/spreading.py
WORKERS ?= 3

# Nothing of ours goes to the user's own Prefect profile, and nothing of it is reported to anybody.
PREFECT_HOME ?= $(CURDIR)/.dualflow/prefect
PREFECT_SERVER_ANALYTICS_ENABLED ?= false
DO_NOT_TRACK ?= 1
PIP_DISABLE_PIP_VERSION_CHECK ?= 1
export PREFECT_HOME PREFECT_SERVER_ANALYTICS_ENABLED DO_NOT_TRACK PIP_DISABLE_PIP_VERSION_CHECK

.DEFAULT_GOAL := help
.PHONY: help install demo up test soak lint format lock clean

help: ## this list
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/  make \1|\2/p' Makefile | awk -F'|' '{printf "%-16s %s\n", $$1, $$2}'

demo: install ## the main job on the sandbox: initial sync, edits on both sides, delta sync, comparison
	@$(VENV)/bin/dualflow demo

up: install ## sandbox, Prefect server and deployments in this terminal, until Ctrl-C
	@$(VENV)/bin/dualflow up

test: install ## all tests
	@$(VENV)/bin/python -m pytest -n $(WORKERS) --dist loadfile --no-loadscope-reorder $(ARGS)

# one that goes wrong prints what to type to see it again; on two cores it takes an hour and a half, the steps half of that
SEED ?=
STEPS ?= 100000
KILLS ?= 50
JOBS ?= $(shell getconf _NPROCESSORS_ONLN 2>/dev/null || echo 1)
MUTANTS ?=
soak: install ## the long proof: STEPS=100000 random steps, KILLS=50 runs killed, all small scopes; SEED=…, JOBS=cores; or MUTANTS=1
	@$(VENV)/bin/python -m tests.soak --jobs $(JOBS) --steps $(STEPS) $(if $(SEED),--seed $(SEED)) $(if $(MUTANTS),--mutants)
	@$(if $(MUTANTS),:,$(VENV)/bin/python -m tests.soak.kills --times $(KILLS) $(if $(SEED),--seed $(SEED)))
	@$(if $(MUTANTS),:,$(VENV)/bin/python -m tests.engine.small_scope --all --jobs $(JOBS))

lint: install ## ruff (rules and format) and mypy
	@failed=0; \
	$(VENV)/bin/ruff check $(CODE) || failed=1; \
	$(VENV)/bin/ruff format --check $(CODE) || failed=1; \
	$(VENV)/bin/mypy || failed=1; \
	exit $$failed

format: install ## put imports and layout in order
	@$(VENV)/bin/ruff check --fix-only --quiet $(CODE)
	@$(VENV)/bin/ruff format $(CODE)

install: $(STAMP) ## only install into .venv

# The stamp is written last, so an interrupted install is finished by the next make. It holds the folder
# that the environment was made in: scripts in it and the editable install name that folder, a copy of the
# repository elsewhere needs its own. Setuptools goes first: sly comes as source only, and building it in
# isolation would fetch tools that no hash pins.
ifneq ($(shell [ -x $(VENV)/bin/python ] && cat $(STAMP) 2>/dev/null),$(CURDIR))
.PHONY: $(STAMP)
endif

$(STAMP): requirements.lock pyproject.toml
	@set -e; \
	if [ -f $(STAMP) ] && [ "$$(cat $(STAMP))" != "$(CURDIR)" ]; then rm -rf $(VENV); fi; \
	rm -f $(STAMP); \
	supported='import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))'; \
	base=; \
	for candidate in $(if $(PYTHON),"$(PYTHON)",python3 python3.13 python3.12 python3.11 python); do \
		if "$$candidate" -c "$$supported" >/dev/null 2>&1; then base=$$candidate; break; fi; \
	done; \
	if ! $(VENV)/bin/python -c "$$supported" >/dev/null 2>&1; then \
		rm -rf $(VENV); \
		if [ -z "$$base" ]; then \
			echo "Dualflow needs Python 3.11, 3.12 or 3.13; $(if $(PYTHON),$(PYTHON) is none,none was found on PATH)." >&2; \
			echo "Install one, or name it: make PYTHON=/path/to/python3.12" >&2; \
			exit 1; \
		fi; \
		"$$base" -m venv $(VENV) >/dev/null 2>&1 || { rm -rf $(VENV); "$$base" -m venv --without-pip $(VENV); }; \
	fi; \
	if $(VENV)/bin/python -m pip --version >/dev/null 2>&1; then \
		pip() { $(VENV)/bin/python -m pip "$$@"; }; \
	else \
		pip() { "$${base:-python3}" -m pip --python $(VENV)/bin/python "$$@"; }; \
	fi; \
	echo "Installing the locked packages into $(VENV) with $$($(VENV)/bin/python --version) (once)"; \
	awk '/^[a-z]/ {keep = /^setuptools==/} keep' requirements.lock >$(VENV)/first.txt; \
	pip install --quiet --require-hashes --no-deps -r $(VENV)/first.txt; \
	pip install --quiet --require-hashes --no-deps --no-build-isolation --use-pep517 \
		--only-binary :all: --no-binary sly -r requirements.lock; \
	pip install --quiet --no-deps --no-build-isolation -e .; \
	printf '%s' "$(CURDIR)" >$(STAMP)

# uv resolves for all supported Pythons and systems at once; it comes from the package index as any other
# package does and stays in a folder of its own. Users need it never.
lock: ## resolve pyproject.toml into requirements.lock (LOCK_ARGS="--upgrade" for newer versions)
	@set -e; \
	if [ ! -x .dualflow/uv/bin/uv ]; then \
		python3 -m venv .dualflow/uv; \
		.dualflow/uv/bin/python -m pip install --quiet uv; \
	fi; \
	.dualflow/uv/bin/uv pip compile pyproject.toml --extra dev --output-file requirements.lock --quiet \
		--universal --python-version 3.11 --fork-strategy fewest --generate-hashes --no-strip-extras \
		--no-emit-index-url --no-emit-find-links --custom-compile-command "make lock" $(LOCK_ARGS)

clean: ## remove .venv and what tools left; state and sandbox data in .dualflow stay
	@rm -rf $(VENV) .mypy_cache .pytest_cache .ruff_cache .hypothesis build dist
	@find $(CODE) -name __pycache__ -type d -prune -exec rm -rf {} +
