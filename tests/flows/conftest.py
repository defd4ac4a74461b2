"""Fixtures: the command line in this process, in a folder of its own; and the small catalog of tests/night.py."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from flows.cli import main
from tests.tasks.conftest import catalog, embedder, nights, unfinished

__all__ = ["catalog", "embedder", "nights", "unfinished"]


@dataclass(frozen=True)
class Outcome:
    """How a command ended, and what it printed."""

    code: int
    out: str
    err: str


Nightjar = Callable[..., Outcome]


@pytest.fixture
def nightjar(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Nightjar:
    """nightjar("run", "--catalog", …): the command over the warehouse in tmp_path/warehouse."""
    monkeypatch.chdir(tmp_path)

    def run(*words: object, warehouse: bool = True) -> Outcome:
        given = ["--warehouse", str(tmp_path / "warehouse")] if warehouse else []
        monkeypatch.setattr(sys, "argv", ["nightjar", *given, *map(str, words)])
        capfd.readouterr()
        try:
            main()
            code = 0
        except SystemExit as stop:
            code = int(stop.code or 0)
        printed = capfd.readouterr()
        return Outcome(code, printed.out, printed.err)

    return run
