# Everything a person types. Needs bash, make and Python 3.11 or newer; everything else goes into .venv, checked by hash.
SHELL := bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

BIN := .venv/bin
UV := .venv/uv/bin/uv
COMPILED := .continuo/compiled/env
READY := .venv/ready
W ?=
SEEDS ?=
SECONDS ?=
ARGS ?=
JOBS ?= 2
PYTEST := $(BIN)/pytest -q -n $(JOBS) --dist loadfile  # a file stays in one process, with one broker for all its tests

help:  ## show this list
	@echo "Continuo: models propose, streams decide, agents act, schemas say."
	@echo
	@sed -nE 's/^([a-z-]+):.*## (.*)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 18
	@echo
	@echo "The first target that needs it makes .venv (about ten seconds); \`.venv/bin/continuo\` is the command line."

demo: $(READY)  ## stream a real grocery chain's year through a real Kafka and report (ARGS="--help" for options)
	@$(BIN)/continuo demo $(ARGS)

test: lint  ## what CI runs: lint, then every test that is not slow, a real Kafka included (JOBS=1: one by one)
	@$(PYTEST) -m "not slow" $(ARGS)

test-all: lint  ## the same with the slow tests
	@$(PYTEST) $(ARGS)

compiled: $(READY)  ## an environment with the compiled wheel, in .continuo/compiled/env (gcc; two minutes the first time)
	@bash deploy/compiled.sh

test-compiled: compiled  ## the tests of the core and of the stream on the compiled build (ARGS: other ones)
	@$(COMPILED)/bin/python -P -m pytest -q -n $(JOBS) --dist loadfile --core compiled -m "not slow" \
		-o pythonpath="$$($(COMPILED)/bin/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))') ." \
		$(or $(ARGS),tests/unit tests/properties tests/golden tests/streams)

check: lint  ## the quick half of `test`: lint, then the tests that need no broker
	@$(PYTEST) -m "not slow and not kafka" $(ARGS)

lint: $(READY)  ## ruff, mypy --strict, import contracts
	@failed=0; \
	echo "· ruff"; $(BIN)/ruff check --quiet --output-format concise || failed=1; \
	echo "· mypy"; $(BIN)/mypy --no-error-summary || failed=1; \
	echo "· import contracts"; out=$$($(BIN)/lint-imports --no-logo 2>&1) || { echo "$$out"; failed=1; }; \
	exit $$failed

docs: $(READY)  ## write the generated documents anew
	@$(BIN)/python docs/generate.py

simulate: $(READY)  ## play the stream in memory from SEEDS seeds (1000): crashes, zombies, lost answers
	@$(BIN)/python -m tests.simulation --seeds 1..$(or $(SEEDS),1000) --jobs $$(nproc) $(ARGS)

faults: $(READY)  ## break a real Kafka and its workers from SEEDS seeds (10), and judge (ARGS="--list": how)
	@$(BIN)/python -m tests.faults --seeds $(or $(SEEDS),10) $(ARGS)

fuzz: $(READY) .venv/fuzz/ready  ## feed all that reads bytes from outside, SECONDS in all (60; ARGS="--list": what)
	@$(BIN)/python -m tests.fuzz --seconds $(or $(SECONDS),60) $(ARGS)

mutants: $(READY) .venv/mutants/ready  ## draw bugs with mutmut (60, from SEEDS=1), and have the checker find each
	@PYTHONPATH=.venv/mutants $(BIN)/python tests/faults/mutants/draw.py $(or $(SEEDS),1) $(or $(ARGS),60) | \
		$(BIN)/python -m tests.faults.mutants.choose

bench: $(READY)  ## measure beside the peers on the embedded broker, W0 to W9 (W=2: one of them, W=help: which)
	@$(BIN)/python -m bench $(W) $(ARGS)

up: $(READY)  ## start the embedded Kafka
	@$(BIN)/continuo up

down: $(READY)  ## stop the embedded Kafka
	@$(BIN)/continuo down

lock: $(READY)  ## resolve requirements/*.txt anew from pyproject.toml (hashes, no addresses)
	@lock() { echo "· requirements/$$1.txt"; $(UV) pip compile --quiet --upgrade --universal --python-version 3.11 --generate-hashes \
		--no-header --no-annotate --no-emit-index-url --no-emit-find-links -o requirements/$$1.txt "$${@:2}"; }; \
	lock uv requirements/uv.in; \
	lock build requirements/build.in; \
	lock fuzz requirements/fuzz.in; \
	lock mutants requirements/mutants.in; \
	lock run pyproject.toml --extra models; \
	lock demo pyproject.toml --extra demo; \
	lock dev pyproject.toml --extra dev

clean:  ## stop the embedded Kafka and remove what was made, the state in .continuo included
	@if [ -x $(BIN)/continuo ] && [ -d .continuo ]; then $(BIN)/continuo down; fi
	@rm -rf .venv .continuo dist build .coverage .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(READY): requirements/dev.txt requirements/uv.txt pyproject.toml
	@bash requirements/install.sh

# Beside the rest of .venv, which has it on no path: it has wheels for Linux on x86-64 only.
.venv/fuzz/ready: requirements/fuzz.txt $(READY)
	@echo "· installing atheris"
	@rm -rf .venv/fuzz
	@$(UV) pip install --quiet --python $(BIN)/python --target .venv/fuzz --require-hashes --only-binary :all: \
		-r requirements/fuzz.txt || { echo "atheris has wheels for Linux on x86-64 only; elsewhere tests/fuzz is part" \
		"of \`make test\`, with inputs from a seed" >&2; exit 1; }
	@touch $@

# The same with mutmut, which needs a newer click than Continuo: only `draw.py` has it on its path.
.venv/mutants/ready: requirements/mutants.txt $(READY)
	@echo "· installing mutmut"
	@rm -rf .venv/mutants
	@$(UV) pip install --quiet --python $(BIN)/python --target .venv/mutants --require-hashes -r requirements/mutants.txt
	@touch $@

.PHONY: help demo test test-all compiled test-compiled check lint docs simulate faults fuzz mutants bench up down lock clean
