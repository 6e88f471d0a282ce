# RunsDash: `make demo` shows it, `make test` checks it. Each target works from a bare checkout.
.DEFAULT_GOAL := help
VENV := .venv
PYTHON ?= python3
RUN := $(VENV)/bin/python
STAMP := $(VENV)/.installed
# A run starts some hundred processes; each would compile all of the source anew where this is set.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help install lock demo test test-long test-postgres chaos lint audit image-test wapiti lighthouse bench bench-live format

help: ## what can be made
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "make %-13s %s\n", $$1, $$2}' Makefile

install: $(STAMP) ## .venv with runtime and test packages

$(STAMP): requirements.txt requirements-dev.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "RunsDash needs Python 3.11 or newer; this is %s. PYTHON=python3.12 make … chooses another." % sys.version.split()[0])'
	@test -x $(RUN) || $(PYTHON) -m venv $(VENV)
	@$(RUN) -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.txt
	@touch $(STAMP)

COMPILE = $(RUN) -m uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-config \
	--custom-compile-command "make lock" $(UPGRADE)

lock: $(STAMP) ## requirements*.txt, with all hashes, from requirements*.in; UPGRADE=--upgrade takes newer ones
	@$(RUN) -m pip install --quiet --disable-pip-version-check uv==0.13.9
	@$(COMPILE) requirements.in -o requirements.txt
	@$(COMPILE) -c requirements.txt requirements-dev.in -o requirements-dev.txt

demo: $(STAMP) ## sandbox, worker and dashboard with a seeded past; Ctrl-C stops all of it
	@exec $(RUN) manage.py demo

test: $(STAMP) ## what a change can break, the main jobs in a browser included
	@sh tests/system_packages.sh
	@$(RUN) -m pytest -n 4 --dist loadscope -q -m "not long"

test-long: $(STAMP) ## the tests marked long, the image, then the suite on PostgreSQL
	@sh tests/system_packages.sh
	@$(RUN) -m pytest -n 2 --dist loadscope -q -m long
	@CHAOS_ROUNDS=10 $(MAKE) chaos
	@$(MAKE) image-test
	@$(MAKE) test-postgres

test-postgres: $(STAMP) ## the suite on a PostgreSQL of its own, without the browser
	@sh tests/system_packages.sh
	@$(RUN) -m tests.postgres $(RUN) -m pytest -n 4 --dist loadscope -q -m "not browser and not long"

chaos: $(STAMP) ## rounds of SIGKILL while everything is under way, then sums; CHAOS_ROUNDS (200), CHAOS_MINUTES, CHAOS_SEED
	@sh tests/system_packages.sh
	@$(RUN) -m tests.cluster.chaos

lint: $(STAMP) ## formatting, rules, types, templates, weak spots, deployment check, missing migrations
	@$(RUN) -m ruff format --check .
	@$(RUN) -m ruff check .
	@SECRET_KEY=lint $(RUN) -m mypy
	@$(RUN) -m djlint --lint --quiet templates
	@$(RUN) -m tests.answered_findings
	@SECRET_KEY=$$($(RUN) -c 'import secrets; print(secrets.token_urlsafe(60))') SECURE_SSL=on $(RUN) manage.py check --deploy --fail-level WARNING
	@SECRET_KEY=lint $(RUN) manage.py makemigrations --check --dry-run

audit: $(STAMP) ## known vulnerabilities of what is installed at run time; asks pypi.org
	@$(PYTHON) -m venv var/audit && var/audit/bin/python -m pip install --quiet --disable-pip-version-check pip-audit==2.10.1
	@var/audit/bin/pip-audit --disable-pip --no-deps --requirement requirements.txt

image-test: $(STAMP) ## the image: linted, built, its size, started as compose.yaml says; needs root and buildah
	@$(RUN) -m tests.image

wapiti: $(STAMP) ## a scanner signed in as each role, WAPITI_S seconds each; fetches its packages at the first time
	@$(RUN) -m tests.wapiti

lighthouse: $(STAMP) ## Lighthouse over the five main pages, as phone and desktop; fetches its package at the first time
	@sh tests/system_packages.sh
	@$(RUN) -m tests.lighthouse

format: $(STAMP) ## put the code into its form
	@$(RUN) -m ruff format .
	@$(RUN) -m ruff check --fix .

bench: $(STAMP) ## benchmarks of pages, lists and imports; BENCH_RUNS chooses the size
	@$(RUN) -m benchmarks

bench-live: $(STAMP) ## benchmarks of viewers, slow clients, servers and freshness
	@$(RUN) -m benchmarks --live
