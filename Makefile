PYTHON ?= python3.11
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/pip --disable-pip-version-check
READY := $(VENV)/.ready
# One thread per process: small networks are faster so, and two processes share two cores fairly.
export OMP_NUM_THREADS ?= 1

.PHONY: help install demo test test-dreamer test-libraries test-extras test-pythons reliability supply-chain
.PHONY: check docs format benchmarks zoo tables figures clean

help:  ## Show the targets
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

install: $(READY)  ## Create .venv with the tested versions

$(READY): pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(PIP) install -c constraints.txt torch
	$(PIP) install -c constraints.txt -e '.[all,dev,docs]'
	$(PIP) install -c constraints.txt --no-deps safety-gymnasium
	touch $(READY)

demo: $(READY)  ## Learn a safety penalty end to end on SafetyHopperVelocity-v1 (about 2 minutes)
	$(BIN)/tsreward demo $(ARGS)

test: $(READY)  ## Run the test suite
	$(BIN)/pytest -n 2 $(ARGS)

test-dreamer:  ## Train world-model agents of sheeprl for real, in an environment of its own (.venv-dreamer)
	test -x .venv-dreamer/bin/python || $(PYTHON) -m venv .venv-dreamer
	.venv-dreamer/bin/pip install -q -c constraints-dreamer.txt torch
	.venv-dreamer/bin/pip install -q -c constraints-dreamer.txt -e '.[dreamer,dmc,report]' pytest beartype
	.venv-dreamer/bin/python -m pytest tests/recipes/test_dreamer.py tests/test_examples.py -k 'dreamer' $(ARGS)

test-libraries: $(READY)  ## Run the examples for other libraries and Ray, in an environment of its own (.venv-libraries)
	test -x .venv-libraries/bin/python || $(PYTHON) -m venv .venv-libraries
	echo $(CURDIR)/$(VENV)/lib/python3.11/site-packages > .venv-libraries/lib/python3.11/site-packages/shared.pth
	.venv-libraries/bin/pip install -q -c constraints.txt 'ray[default]' dm-tree pettingzoo skrl
	.venv-libraries/bin/pip install -q --no-deps torchrl tensordict pyvers d3rlpy gym gym-notices structlog colorama \
		dataclasses-json marshmallow typing-inspect mypy-extensions
	.venv-libraries/bin/pip install -q --no-deps rl_zoo3 huggingface_sb3 wasabi tianshou sensai-utils deepdiff \
		orderly-set cachebox overrides tensorboard lerobot
	.venv-libraries/bin/python -m pytest -n 0 tests/test_library_examples.py tests/wrappers/test_pettingzoo.py \
		tests/wrappers/test_torchrl.py tests/distributed $(ARGS)

test-extras:  ## Try commands in environments that have just their extra (an hour)
	$(BIN)/python -m tests.reliability.environments extras

test-pythons:  ## Try every Python that is here, without torchvision and with a broken one
	$(BIN)/python -m tests.reliability.environments pythons

reliability: $(READY)  ## Measure the reliability bars that are missing at release size (hours; goes on where it was)
	$(BIN)/python -m benchmarks.reliability $(ARGS)
	$(BIN)/python -m benchmarks.tables

supply-chain: $(READY)  ## Look for known vulnerabilities, unlocked versions and unpinned actions
	$(PIP) install -q pip-audit
	$(BIN)/python .ci/supply_chain.py

check: $(READY)  ## Lint, formatting, types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/pyright

docs: $(READY)  ## Build the pages into docs/_build/html; a warning is an error
	$(BIN)/python -m sphinx -q -W --keep-going docs docs/_build/html

format: $(READY)  ## Format and fix what can be fixed
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

benchmarks: $(READY)  ## Run every benchmark (hours); results go to benchmarks/results
	$(PIP) install -c constraints.txt -e '.[jax,metaworld,robotics,highway]'
	$(BIN)/python -m benchmarks.anoseqs
	$(BIN)/python -m benchmarks.overhead
	$(BIN)/python -m benchmarks.reliability
	$(BIN)/python -m benchmarks.detection
	$(BIN)/python -m benchmarks.labels
	$(BIN)/python -m benchmarks.speed
	$(BIN)/python -m benchmarks.metrics_speed
	$(BIN)/python -m benchmarks.streaming
	$(BIN)/python -m benchmarks.scale
	$(BIN)/python -m benchmarks.experts
	$(BIN)/python -m benchmarks.likeness
	$(BIN)/python -m benchmarks.goal_video
	$(BIN)/python -m benchmarks.visual_detection
	$(BIN)/python -m benchmarks.pixels
	$(BIN)/python -m benchmarks.drq
	$(BIN)/python -m benchmarks.expert_view
	$(BIN)/python -m benchmarks.audit
	$(BIN)/python -m benchmarks.tuning

zoo: $(READY)  ## Fit the models of the zoo that are not there yet (minutes); DATA is the folder of the public logs
	$(BIN)/python -m benchmarks.zoo $(if $(DATA),--data $(DATA))

tables: $(READY)  ## Write the tables of README.md from benchmarks/results
	$(BIN)/python -m benchmarks.tables

figures: $(READY)  ## Draw the pictures of README.md, from a demo of some five minutes and from benchmarks/results
	rm -rf runs/figures
	$(BIN)/tsreward demo --out runs/figures
	$(BIN)/tsreward watch runs/figures/vanilla --compare runs/figures/penalised --out docs/_static/hopper.gif \
		--width 240 --longest 300
	cp runs/figures/curves.png docs/_static/hopper-curves.png
	$(BIN)/python -m docs.pictures curves

clean:  ## Remove .venv and caches
	rm -rf $(VENV) .pytest_cache .ruff_cache build dist *.egg-info docs/_build docs/reference/generated
