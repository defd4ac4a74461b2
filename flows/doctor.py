"""doctor: is this installation fit to run? Versions, model, disk, lock, endpoints, and how to mend what is not."""

from __future__ import annotations

import importlib.metadata
import shutil
import sys

from flows.console import out
from flows.settings import Settings
from tasks.contracts.errors import StepError
from tasks.health import Check, check_endpoints, check_model, check_warehouse
from tasks.replicas import ReplicaState, read_replicas

PACKAGES = (
    "prefect",
    "duckdb",
    "polars",
    "pyarrow",
    "openai",
    "sentence-transformers",
    "lightgbm",
    "great-expectations",
    "torch",
)
MIN_FREE_GB = 5.0


def print_checks(settings: Settings) -> None:
    """Print every check with its mend. Raises StepError if one fails."""
    checks = [
        _check_python(),
        Check("packages", True, ", ".join(f"{name} {importlib.metadata.version(name)}" for name in PACKAGES)),
        _check_disk(settings),
        check_model(settings.embedding_model, precision=settings.embedding_precision, device=settings.embedding_device),
        check_warehouse(settings.warehouse),
        *(_check_replica(state) for state in read_replicas(settings.publish_to)),
        *check_endpoints(
            settings.read_endpoints(), chosen=settings.endpoint, is_explicit="endpoint" in settings.model_fields_set
        ),
    ]
    for check in checks:
        out.print(f"{'ok  ' if check.is_ok else 'FAIL'} {check.name:<10} {check.message}", markup=False)
        if check.mend:
            out.print(f"     {'':<10} {check.mend}", markup=False)
    failed = [check.name for check in checks if not check.is_ok]
    if failed:
        raise StepError(f"{len(failed)} of {len(checks)} checks failed: {', '.join(failed)}")


def _check_python() -> Check:
    version = ".".join(str(part) for part in sys.version_info[:3])
    return Check(
        "python",
        sys.version_info >= (3, 11),
        version,
        "" if sys.version_info >= (3, 11) else "install Python 3.11 or newer",
    )


def _check_replica(state: ReplicaState) -> Check:
    mend = "mend the address in publish_to, or what the environment says of its server and credentials"
    return Check("replica", not state.problem, state.describe(), mend if state.problem else "")


def _check_disk(settings: Settings) -> Check:
    folder = settings.warehouse.resolve()
    while not folder.exists():
        folder = folder.parent
    free = shutil.disk_usage(folder).free / 1e9
    mend = (
        ""
        if free >= MIN_FREE_GB
        else f"free some space, or point `warehouse` to a disk with {MIN_FREE_GB:.0f} GB or more"
    )
    return Check("disk", free >= MIN_FREE_GB, f"{free:.1f} GB free at {folder}", mend)
