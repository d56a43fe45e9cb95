# `make` lists the targets. Each makes the virtual environment it needs.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
DRIVER = $(PYTHON) -c 'import ctypes, os, sys; \
    sys.exit(ctypes.CDLL(os.environ.get("NUMBA_CUDA_DRIVER") or "libcuda.so.1").cuInit(0))' 2>/dev/null || \
    { echo "glimpse: error: no NVIDIA GPU with its driver was found; run make $@ on a machine with one" >&2; exit 3; }

.DEFAULT_GOAL := help
.PHONY: help demo test test-fast test-extras test-gpu bench-gpu lint format clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-11s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: $(VENV)/demo.stamp ## extract glimpses from the sample photos with every sampler, into glimpses/
	$(BIN)/glimpse extract sample_images/chelsea.png --at 55%,42% --extent 240x160 --size 120x80 \
	    --sampler gaussian -o glimpses/cat_gaussian.png --overwrite
	$(BIN)/glimpse extract sample_images/chelsea.png --at 55%,42% --extent 240x160 --size 120x80 --angle 20 \
	    --sampler bilinear -o glimpses/cat_bilinear.png --overwrite
	$(BIN)/glimpse extract sample_images/chelsea.png --at 55%,42% --extent 240x160 \
	    --sampler hard -o glimpses/cat_hard.png --overwrite
	$(BIN)/glimpse extract sample_images/coffee.png sample_images/rocket.jpg --at 50%,50% --extent 64x64 --retina 3 \
	    --size 64 -o glimpses/ --name "{stem}_x{scale}" --overwrite
	@echo "Look at the pictures in glimpses/."

test: $(VENV)/test.stamp ## run the tests
	$(BIN)/python -m pytest -n auto --dist worksteal

test-fast: $(VENV)/test.stamp ## run the tests that answer within a minute
	$(BIN)/python -m pytest -n auto --dist worksteal -m "not slow"

test-extras: ## run the tests that need torch, scipy, OpenCV, datasets or a store, in .venv-extras; none may be skipped
	$(MAKE) VENV=.venv-extras .venv-extras/extras.stamp
	.venv-extras/bin/python -m pytest -n auto --dist worksteal -m extras --no-skips

test-gpu: ## test the cuda backend on this machine's GPU
	@$(DRIVER)
	$(MAKE) $(VENV)/gpu.stamp
	GLIMPSE_TEST_GPU=1 $(BIN)/python -m pytest tests/cuda_cases.py

bench-gpu: ## test the cuda backend on this machine's GPU, then time it beside torch, within 8 minutes
	@$(DRIVER)
	$(MAKE) $(VENV)/bench-gpu.stamp
	$(BIN)/python tests/bench_gpu.py

lint: $(VENV)/test.stamp ## check style, types and the import contract
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports

format: $(VENV)/test.stamp ## format the code
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

clean: ## remove the virtual environment and all that was made
	rm -rf $(VENV) .venv-extras glimpses build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache

$(BIN)/python:
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10) and "glimpse needs Python 3.10 or later: make PYTHON=...")'
	$(PYTHON) -m venv $(VENV)

$(VENV)/demo.stamp: pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable .
	$(BIN)/python -m compileall -q glimpsecli
	@touch $@

$(VENV)/test.stamp: pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev]'
	$(BIN)/python -m compileall -q glimpsecli
	@touch $@

$(VENV)/gpu.stamp: pyproject.toml $(VENV)/test.stamp
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[cuda]'
	@touch $@

$(VENV)/bench-gpu.stamp: pyproject.toml $(VENV)/gpu.stamp
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[torch]'
	@touch $@

$(VENV)/extras.stamp: pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev,extras]'
	@touch $@
