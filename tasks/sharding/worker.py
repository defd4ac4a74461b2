"""What a worker runs: check in, read kit and part, compute, write the shard, report. No warehouse, no Prefect.

Arguments and results are plain values; the function travels by its name. A task that Dask runs twice writes the same file
again, and only what the last run reported is counted.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import io
import platform
import time
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from threadpoolctl import threadpool_limits

from tasks.contracts.errors import StepError
from tasks.sharding.kits import KitReader, Stored, read_part
from tasks.sharding.memory import freed_memory_kept
from tasks.sharding.registry import MadeFile, MadeShard, job_of
from tasks.sharding.shared import Shared

PACKAGES = (
    "numpy",
    "scipy",
    "polars",
    "pyarrow",
    "lightgbm",
    "faiss-cpu",
    "bm25s",
    "implicit",
    "scikit-learn",
    "distributed",
)
ROOMS = ("tasks", "warehouse")
_KITS = KitReader()


@cache
def describe_code() -> dict[str, str]:
    """What must be the same on all machines: the project's own files by their hash, and the packages that compute."""
    root = Path(__file__).parents[2]
    digest = hashlib.sha256()
    for room in ROOMS:
        for path in sorted((root / room).rglob("*.py")):
            digest.update(str(path.relative_to(root)).encode() + b"\0" + path.read_bytes())
    found = {"nightjar's code": digest.hexdigest()[:12], "Python": ".".join(platform.python_version_tuple()[:2])}
    return found | {name: _version(name) for name in PACKAGES}


def check_in(probe: Mapping[str, str]) -> dict[str, Any]:
    """Of a worker: its code, and whether it sees what the coordinator wrote to the shared folder (an error, or "")."""
    trouble = ""
    try:
        Shared(probe["shared"]).read(probe["name"], sha256=probe["sha256"])
    except Exception as error:  # noqa: BLE001 - whatever it is, the coordinator says which worker told it
        trouble = f"{type(error).__name__}: {error}"
    return {"code": describe_code(), "trouble": trouble}


def run_part(order: Mapping[str, Any]) -> dict[str, Any]:
    """Make one shard and tell of it; an order of other code, or of files that this worker does not see, is refused."""
    if order["code"] != describe_code():
        return {"refused": differences(order["code"], describe_code())}
    clock = time.monotonic()
    shared = Shared(order["shared"])
    try:
        kit = _KITS.read(shared, Stored(*order["kit"]))
        part = read_part(shared, Stored(*order["part"]))
    except (StepError, OSError) as error:
        return {"refused": f"{type(error).__name__}: {error}"}
    # One thread a shard: as many shards run at once as the worker has threads.
    with threadpool_limits(1), freed_memory_kept():
        made: MadeShard | MadeFile = job_of(order["job"])(kit, part)
    if isinstance(made, MadeFile):
        with made.scratch:
            n_rows, sha256 = made.n_rows, shared.put_file(order["output"], made.path)
    else:
        held = io.BytesIO()
        made.frame.write_parquet(held, compression="zstd")
        n_rows, sha256 = made.frame.height, shared.put(order["output"], [held.getbuffer()])
    return {
        "n_rows": n_rows,
        "facts": dict(made.facts),
        "sha256": sha256,
        "seconds": round(time.monotonic() - clock, 3),
    }


def differences(wanted: Mapping[str, str], found: Mapping[str, str]) -> str:
    """What differs, in words; "" where nothing does."""
    told = [f"{name} is {found.get(name)}, not {value}" for name, value in wanted.items() if found.get(name) != value]
    return ", ".join(told)


def _version(name: str) -> str:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return "not installed"
