"""The programs of examples/consume: run as a consumer runs them, on a folder and on a server that speaks S3."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import pytest
from published import facts, rows_of_all_tables

from tests.s3_server import run_s3
from warehouse.publication import publish
from warehouse.publication.replicas import replicate

CONSUME = Path(__file__).resolve().parents[2] / "examples/consume"
PROGRAMS = ["duckdb_lookup.py", "polars_lookup.py", "pandas_lookup.py", "pyarrow_dataset.py"]


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two catalogs, and an older publication beside the latest."""
    folder = tmp_path_factory.mktemp("consume") / "published"
    catalogs = ("news", "books")
    for night, mark in enumerate(("yesterday", "today")):
        rows = [one for name in catalogs for one in rows_of_all_tables(name, mark=mark)]
        publish(folder, rows, facts=facts(f"r{night}", catalogs=catalogs, night=night))
    return folder


@pytest.fixture(scope="module")
def address(published: Path) -> Iterator[str]:
    with run_s3(), pytest.MonkeyPatch.context() as patched:
        patched.setenv("AWS_ALLOW_HTTP", "true")  # Polars speaks to a server without https only if it is told to
        replicate(published, ["s3://lists/nightjar"])
        yield "s3://lists/nightjar"


def run(program: str, *arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, program, *arguments], cwd=CONSUME, env={**os.environ}, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def check(said: str) -> None:
    assert "run r1" in said
    assert said.count("because today") == 8
    assert "yesterday" not in said
    # i1 is the first item of u00 in both catalogs, and the only one with a topic.
    assert said.count("sport") == 2
    assert "u00: 8 recommendations" in said
    assert "nobody' or true --: 0 recommendations" in said


@pytest.mark.parametrize("program", PROGRAMS)
def test_program_shows_a_users_lists_with_topics(program: str, published: Path) -> None:
    check(run(program, str(published), "u00", "nobody' or true --"))


@pytest.mark.parametrize("program", PROGRAMS)
def test_program_reads_the_same_from_s3(program: str, address: str) -> None:
    check(run(program, address, "u00", "nobody' or true --"))


def test_plain_sql_shows_a_users_lists_with_topics(published: Path) -> None:
    script = (CONSUME / "recommendations.sql").read_text(encoding="utf-8")
    with duckdb.connect() as connection:
        connection.execute(f"set variable published = '{published}'; set variable user = 'u02'")
        rows = connection.execute(script).fetchall()
    assert [(row[0], row[1], row[5]) for row in rows] == [
        (catalog, rank, "because today") for catalog in ("books", "news") for rank in (1, 2, 3, 4)
    ]


def test_plain_sql_without_variables_shows_the_first_user(published: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(published.parent)
    with duckdb.connect() as connection:
        rows = connection.execute((CONSUME / "recommendations.sql").read_text(encoding="utf-8")).fetchall()
    assert len(rows) == 8
    assert rows[0][:4] == ("books", 1, "Title 1", "sport")


def load_latest() -> Any:
    spec = importlib.util.spec_from_file_location("latest_of_consume", CONSUME / "latest.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def test_only_files_that_can_hold_the_user_are_named() -> None:
    files = [
        {"path": "a", "rows": 5, "first": "u1", "last": "u3"},
        {"path": "b", "rows": 5, "first": "u3", "last": "u5"},
        {"path": "c", "rows": 0, "first": None, "last": None},
        {"path": "d", "rows": 5},  # of a manifest from before files said what they hold
    ]
    latest = load_latest().Latest("/p", {"run": "r", "tables": {"recommendations": {"files": files}}})
    named = {user: latest.files("recommendations", user) for user in ("u0", "u3", "u4")}
    assert named == {"u0": ["/p/d"], "u3": ["/p/a", "/p/b", "/p/d"], "u4": ["/p/b", "/p/d"]}
    assert latest.files("recommendations") == ["/p/a", "/p/b", "/p/c", "/p/d"]


def test_reader_that_has_resolved_latest_reads_that_run_on(tmp_path: Path) -> None:
    publish(tmp_path, rows_of_all_tables(mark="r0"), facts=facts("r0", night=0), keep=2)
    latest = load_latest().read_latest(str(tmp_path))
    publish(tmp_path, rows_of_all_tables(mark="r1"), facts=facts("r1", night=1), keep=2)
    query = f"select distinct reason from read_parquet({latest.files('recommendations', 'u01')!r})"
    assert duckdb.sql(query).fetchall() == [("because r0",)]
