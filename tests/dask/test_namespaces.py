"""Workers in network namespaces with addresses of their own: no loopback is shared, only a folder and the bridge."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.dask_cluster import ROOT, why_no_namespaces


def test_worker_with_an_address_of_its_own_makes_the_same_bytes(tmp_path: Path) -> None:
    reason = why_no_namespaces()
    if reason:
        pytest.skip(reason)
    # In a process of its own: tests may reach nothing but loopback.
    asked = [
        "--small",
        "--namespaces",
        "--once",
        "--users",
        "300",
        "--items",
        "300",
        "--texts",
        "40",
        "--out",
        str(tmp_path / "page.md"),
    ]
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.dask_workers", *asked], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]
    page = (tmp_path / "page.md").read_text()
    assert "are those of here | 1 of 1 |" in page
    assert "| one worker |" in page
    assert "10.213.7.11:" in page
