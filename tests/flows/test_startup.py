"""Commands that only look start without what only the work needs: seen by the modules that they load, not by the clock."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tasks.runs import start_run
from tests.night import DAY

HEAVY = frozenset({
    "crowdkit", "dask", "distributed", "faiss", "great_expectations", "lightgbm", "onnxruntime", "openai", "pandas", "plotly",
    "prefect", "scipy", "sentence_transformers", "sklearn", "torch", "transformers",
})  # fmt: skip
DATA = frozenset({"duckdb", "numpy", "polars", "pyarrow"})
RUN = """
import json, sys
from flows.cli.main import main
try:
    main()
except SystemExit as ended:
    code = ended.code
print(json.dumps([code, sorted({name.partition(".")[0] for name in sys.modules})]), file=sys.stderr)
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A warehouse with one run."""
    made = tmp_path_factory.mktemp("looking") / "warehouse"
    start_run(made, "r1", as_of=DAY, catalogs=["news"], code_version="test")
    return made


def loaded_by(folder: Path, command: str) -> tuple[int | None, frozenset[str]]:
    """The exit code of a command in a process of its own, and the packages that it loaded."""
    words = ["--warehouse", str(folder), *command.split()]
    done = subprocess.run([sys.executable, "-c", RUN, *words], capture_output=True, text=True, check=False)
    code, modules = json.loads(done.stderr.splitlines()[-1])
    return code, frozenset(modules)


@pytest.mark.parametrize("command", ["--help", "run --help", "plan --help", "llm --help"])
def test_what_needs_no_data_loads_no_data_library(folder: Path, command: str) -> None:
    code, modules = loaded_by(folder, command)
    assert code in (0, None)
    assert not modules & (HEAVY | DATA)


@pytest.mark.parametrize("command", ["status", "publications", "model list"])
def test_what_only_looks_loads_neither_prefect_nor_a_model(folder: Path, command: str) -> None:
    code, modules = loaded_by(folder, command)
    assert code in (0, None)
    assert not modules & HEAVY
    assert modules & DATA


def test_verify_and_a_query_load_neither_prefect_nor_a_model(folder: Path) -> None:
    code, modules = loaded_by(folder, "verify")
    assert code == 1
    assert not modules & HEAVY
    words = [sys.executable, "-c", RUN, "--warehouse", str(folder), "sql", "select count(*) as n from runs"]
    done = subprocess.run(words, capture_output=True, text=True, check=True)
    assert "1" in done.stdout
    assert not frozenset(json.loads(done.stderr.splitlines()[-1])[1]) & HEAVY
