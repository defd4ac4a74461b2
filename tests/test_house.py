"""The house: what every room has in common, so that a newcomer finds their way. Documentation is held by test_docs.py."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

import pytest

from flows.request import StageName
from warehouse.statements import SQL_FOLDER

ROOT = Path(__file__).resolve().parents[1]
PRODUCT = ("flows", "tasks", "warehouse")
MODULES = sorted(path for folder in PRODUCT for path in (ROOT / folder).rglob("*.py"))
SCRIPTS = sorted(path for folder in ("benchmarks", "deployments", "examples") for path in (ROOT / folder).rglob("*.py"))
STATEMENTS = sorted(SQL_FOLDER.rglob("*.sql"))
NAME_OF_STATEMENT = re.compile(r"\b((?:queries|ingest|marts|published|audits)/\w+)")
MAX_LINES = 300


def name(path: Path) -> str:
    """The path from the root."""
    return path.relative_to(ROOT).as_posix()


def parse(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def calls(path: Path, function: str) -> Iterator[int]:
    """Lines on which the function is called by its bare name."""
    for node in ast.walk(parse(path)):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == function:
            yield node.lineno


@pytest.mark.parametrize("path", STATEMENTS, ids=name)
def test_statement_says_its_purpose_and_grain(path: Path) -> None:
    lines = path.read_text(encoding="utf-8").splitlines()
    assert re.match(r"-- purpose: \w", lines[0])
    # A migration makes several tables, and says the grain of each beside it.
    if path.parent.name != "migrations":
        assert re.match(r"-- grain: \w", lines[1])


@pytest.mark.parametrize("path", [path for path in STATEMENTS if path.parent.name in {"queries", "ingest"}], ids=name)
def test_statement_is_run_by_somebody(path: Path) -> None:
    found = f"{path.parent.name}/{path.stem}"
    by_kind = re.sub(r"(items|users|interactions|bad)$", "{part}", found)
    text = "\n".join(module.read_text(encoding="utf-8") for module in MODULES)
    assert f'"{found}"' in text or f'f"{by_kind}"' in text


def test_statement_that_is_named_exists() -> None:
    known = {f"{path.parent.name}/{path.stem}" for path in STATEMENTS}
    named = {
        found
        for module in MODULES
        for constant in ast.walk(parse(module))
        if isinstance(constant, ast.Constant) and isinstance(constant.value, str)
        for found in NAME_OF_STATEMENT.findall(constant.value if " " not in constant.value else "")
    }
    assert len(named) > 50
    assert {one for one in named - known if not one.endswith("_")} == set()


@pytest.mark.parametrize("path", [*MODULES, *SCRIPTS], ids=name)
def test_module_opens_with_a_docstring(path: Path) -> None:
    assert path.stat().st_size == 0 or ast.get_docstring(parse(path)), (
        "say what it does, what it reads and what it writes"
    )


@pytest.mark.parametrize("path", MODULES, ids=name)
def test_module_is_short_enough_to_be_read(path: Path) -> None:
    assert len(path.read_text(encoding="utf-8").splitlines()) <= MAX_LINES


def test_nobody_prints_but_the_console() -> None:
    allowed = {"flows/cli/main.py"}  # an error goes to stderr, once, as the last thing that happens
    printing = {name(path) for path in MODULES if any(calls(path, "print"))}
    assert printing <= allowed


def test_nobody_reads_the_environment_but_the_flows() -> None:
    reading = {name(path) for path in MODULES if re.search(r"os\.(environ|getenv)", path.read_text(encoding="utf-8"))}
    assert all(path.startswith("flows/") for path in reading)


def test_no_module_is_a_drawer_for_everything() -> None:
    drawers = {"utils", "util", "helpers", "common", "misc", "base"}
    assert [name(path) for path in MODULES if path.stem in drawers] == []


@pytest.mark.parametrize("stage", get_args(StageName))
def test_stage_has_one_name_everywhere(stage: str) -> None:
    for path in (f"flows/{stage}.py", f"tasks/{stage}.py", f"tests/tasks/test_{stage}.py"):
        assert (ROOT / path).exists(), path
    assert f'@task(name="{stage}"' in (ROOT / f"tasks/{stage}.py").read_text(encoding="utf-8")
    assert f'@flow(name="{stage}"' in (ROOT / f"flows/{stage}.py").read_text(encoding="utf-8")


def test_paid_tasks_have_a_prompt_of_their_name() -> None:
    assert {path.stem for path in (ROOT / "prompts").glob("*.md")} == {
        "enrich",
        "topics",
        "similar",
        "judge",
        "rank",
        "verify",
        "rewrite",
        "explain",
    }


def test_no_sql_is_written_outside_the_warehouse() -> None:
    statement = re.compile(r"^\s*(select|insert into|update|delete from|create table)\s", re.IGNORECASE)
    found = {
        name(path)
        for path in MODULES
        if not name(path).startswith("warehouse/")
        for node in ast.walk(parse(path))
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and statement.match(node.value)
        and re.search(r"\b(from|values|set)\b", node.value, re.IGNORECASE)
    }  # fmt: skip
    # The query that the summary shows to a newcomer; DuckDB's command line runs it, not we.
    assert found <= {"tasks/inspection.py"}


def test_labeling_imports_nothing_heavy_before_it_is_used() -> None:
    """A night of LLM labels holds 200 MB; scikit-learn, pandas and SciPy's statistics would be as much again."""
    heavy = "{'sklearn', 'pandas', 'crowdkit', 'scipy.stats', 'torch', 'great_expectations'}"
    program = f"import sys, tasks.topics, tasks.enrich; print(sorted({heavy} & set(sys.modules)))"
    found = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"
