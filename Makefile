# The two commands of a newcomer: `make demo` and `make test`. `make check` is what CI runs.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
export HF_HUB_OFFLINE = 1
export PREFECT_SERVER_ANALYTICS_ENABLED = false

.PHONY: setup demo test lint types imports check clean

setup: $(VENV)/.installed

$(VENV)/.installed: requirements.lock requirements-torch.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Nightjar needs Python 3.11 or newer; say make PYTHON=python3.11 …")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --no-deps --require-hashes --requirement requirements.lock
	$(BIN)/python -m pip install --quiet --no-deps --requirement requirements-torch.lock
	$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation --editable .
	@touch $@

demo: setup
	@$(BIN)/nightjar --warehouse warehouse/data/demo run --catalog examples/sample/news.toml --catalog examples/sample/books.toml --as-of 2026-11-01

# Files in the order of their names: by default those of few tests come last, and these take longest.
test: setup
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder --ignore tests/litellm --ignore tests/labelstudio

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: setup
	$(BIN)/mypy

imports: setup
	$(BIN)/lint-imports

check: lint types imports test

# After a pin was added or changed: writes the hashes of all files of all pins. Needs a network; minutes.
.PHONY: lock audit
lock: setup
	$(BIN)/python deployments/lock.py requirements.lock requirements-litellm.lock requirements-labelstudio.lock

# Known faults of the pinned versions, as far as this machine can ask for them. Tells, and fails only with STRICT=1.
audit: setup
	$(BIN)/python deployments/audit.py $(if $(STRICT),--strict)

# Faults at random moments, for an hour: docs/reliability.md. SEED=N repeats one; CHAOS="--only kills --kills 20" does a part.
.PHONY: chaos
chaos: setup
	OMP_NUM_THREADS=1 $(BIN)/python -m tests.chaos.long_form $(if $(SEED),--seed $(SEED)) $(CHAOS)
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest tests/chaos -m chaos_long

# A gateway that nobody here wrote, in an environment of its own: it wants an older openai. Without it its tests are skipped.
LITELLM_VENV := .venv-litellm
.PHONY: litellm test-litellm clean-litellm

litellm: $(LITELLM_VENV)/.installed

$(LITELLM_VENV)/.installed: requirements-litellm.lock
	$(PYTHON) -m venv $(LITELLM_VENV)
	$(LITELLM_VENV)/bin/python -m pip install --quiet --no-deps --require-hashes --requirement requirements-litellm.lock
	@touch $@

test-litellm: setup litellm
	$(BIN)/python -m pytest tests/litellm

clean: clean-litellm

clean-litellm:
	rm -rf $(LITELLM_VENV)

# The annotation tool that people's review is made for, in an environment of its own: it brings a web framework and 1 GB.
LABELSTUDIO_VENV := .venv-labelstudio
.PHONY: labelstudio test-labelstudio clean-labelstudio

labelstudio: $(LABELSTUDIO_VENV)/.installed

$(LABELSTUDIO_VENV)/.installed: requirements-labelstudio.lock
	$(PYTHON) -m venv $(LABELSTUDIO_VENV)
	$(LABELSTUDIO_VENV)/bin/python -m pip install --quiet --no-deps --require-hashes --requirement requirements-labelstudio.lock
	@touch $@

test-labelstudio: setup labelstudio
	$(BIN)/python -m pytest tests/labelstudio

clean: clean-labelstudio

clean-labelstudio:
	rm -rf $(LABELSTUDIO_VENV)

clean:
	rm -rf $(VENV) warehouse/data
