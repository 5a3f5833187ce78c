# Two commands: `make demo` and `make test`. Both need Python 3.11 or newer with pip, and nothing else.
PYTHON ?= python3
VENV ?= .venv
BIN = $(VENV)/bin
PIP = $(BIN)/python -m pip --disable-pip-version-check install --quiet --constraint constraints.txt
# timm is a test oracle; its dependency torchvision would replace the CPU torch.
TIMM = timm==1.0.31

.PHONY: demo test lint types unit fuzz docs bench clean torch-range test-torch-oldest test-torch-newest

demo: $(VENV)/.demo
	$(BIN)/surefoot tune charlm --total 1000 --budget 0.5 --out surefoot-out/charlm

test: lint types unit

lint: $(VENV)/.dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .

types: $(VENV)/.dev
	$(BIN)/mypy

unit: $(VENV)/.dev
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest --quiet --doctest-modules src
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest --quiet --durations 10 tests

# The laws on new examples, many of them.
fuzz: $(VENV)/.dev
	FUZZ=1 OMP_NUM_THREADS=1 $(BIN)/python -m pytest --quiet tests/schedule tests/history tests/search

# The pages that are made from the code; a test fails where they are out of date.
docs: $(VENV)/.dev
	$(BIN)/python scripts/docs.py

# The tables of benchmarks/results that need no data from elsewhere. The long studies keep a journal and say in their
# first lines how they are run: benchmarks/guard.py, benchmarks/optimizers/convergence.py,
# benchmarks/laws/curves.py, batch_scaling.py and mup.py.
BENCHES = scheduler.py million.py tasks.py tuning.py monitors.py curvature.py selection/run.py diagnosis/run.py laws/bound.py laws/own_law.py \
	optimizers/speed.py

bench: $(VENV)/.dev
	for script in $(BENCHES); do $(BIN)/python benchmarks/$$script || exit 1; done

# The two ends of the supported range of torch, each in an environment of its own (gigabytes: not part of `make test`).
# torch 2.4.1 has wheels for Python 3.11 and 3.12: with a newer python3, run make with PYTHON=python3.12.
torch-range: test-torch-oldest test-torch-newest

test-torch-oldest: TORCH = 2.4.1
test-torch-newest: TORCH = 2.14.1
RANGE = .venv-torch-$(TORCH)
RANGE_PIP = $(RANGE)/bin/python -m pip --disable-pip-version-check install --quiet torch==$(TORCH)

test-torch-oldest test-torch-newest:
	$(PYTHON) -m venv $(RANGE)
	$(RANGE_PIP) --editable ".[tasks,fast]" pytest hypothesis schedulefree dadaptation prodigyopt
	OMP_NUM_THREADS=1 $(RANGE)/bin/python -m pytest tests/torch tests/tasks

$(VENV)/bin/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/.demo: pyproject.toml constraints.txt | $(VENV)/bin/python
	sh scripts/install-torch.sh $(BIN)/python
	$(PIP) --editable ".[demo]"
	touch $@

$(VENV)/.dev: pyproject.toml constraints.txt | $(VENV)/bin/python
	sh scripts/install-torch.sh $(BIN)/python
	$(PIP) --editable ".[dev]"
	$(PIP) --no-deps $(TIMM)
	touch $@

clean:
	rm -rf $(VENV) .venv-torch-* .pytest_cache .mypy_cache .ruff_cache .hypothesis
