"""What holds for every test: no network beyond this machine, no settings of the operator's, a Prefect home of its own."""

from __future__ import annotations

import atexit
import os
import random
import shutil
import socket
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

# Prefect reads its settings when it is imported, which collecting the tests does.
PREFECT_HOME = tempfile.mkdtemp(prefix="nightjar-tests-prefect-")
atexit.register(shutil.rmtree, PREFECT_HOME, ignore_errors=True)
os.environ.update(
    {
        "PREFECT_HOME": PREFECT_HOME,
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "PREFECT_LOGGING_LEVEL": "WARNING",
        "DO_NOT_TRACK": "1",
        "HF_HUB_OFFLINE": "1",
        "TOKENIZERS_PARALLELISM": "false",
    }
)
if "PYTEST_XDIST_WORKER" in os.environ:
    # As many workers as cores: more threads than one each would only wait for one another.
    os.environ |= {"OMP_NUM_THREADS": "1", "POLARS_MAX_THREADS": "1"}
for name in [name for name in os.environ if name.startswith(("NIGHTJAR_", "OPENAI_"))]:
    del os.environ[name]

LOOPBACK = ("127.", "::1", "localhost")
# Whole nights: begun first, so that no worker is left alone with one at the end.
LONG = (
    "flows/test_sample.py", "ui/test_prefect_ui.py", "chaos/test_kills.py", "flows/test_real_catalogs.py", "flows/test_runs.py",
    "labelers/test_topics_embedded.py", "warehouse/test_publication_deaths.py", "tasks/test_publish.py",
    "flows/test_backfill.py", "flows/test_partial.py",
)  # fmt: skip


class NetworkForbiddenError(Exception):
    """A test reached for the network."""


def _refuse_strangers(host: object) -> None:
    text = host.decode() if isinstance(host, bytes) else host
    if isinstance(text, str) and text and not text.startswith(LOOPBACK) and text != "0.0.0.0":
        raise NetworkForbiddenError(f"a test reached for {text!r}; tests talk to this machine only")


def _guard_method(real: Callable[..., Any]) -> Callable[..., Any]:
    def guarded(self: socket.socket, *args: Any) -> Any:
        address = args[-1]
        if isinstance(address, tuple):
            _refuse_strangers(address[0])
        return real(self, *args)

    return guarded


def _guard_lookup(real: Callable[..., Any]) -> Callable[..., Any]:
    def guarded(host: Any, *args: Any, **kwargs: Any) -> Any:
        _refuse_strangers(host)
        return real(host, *args, **kwargs)

    return guarded


@pytest.fixture(scope="session", autouse=True)
def _no_network() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patched:
        for name in ("connect", "connect_ex", "sendto"):
            patched.setattr(socket.socket, name, _guard_method(getattr(socket.socket, name)))
        patched.setattr(socket, "getaddrinfo", _guard_lookup(socket.getaddrinfo))
        yield
    # A worker of xdist may end without what atexit holds.
    shutil.rmtree(PREFECT_HOME, ignore_errors=True)


@pytest.fixture(scope="session", autouse=True)
def _migrated_once(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """A warehouse that a test begins is a copy of one that was made in full: all migrations and views take a quarter of a second.

    Commands that run as processes of their own make theirs, and tests/warehouse/test_migrations.py looks at how.
    """
    from warehouse import connection

    attach, blank = connection._attach_patiently, tmp_path_factory.mktemp("blank") / connection.DATABASE

    def attach_copy(path: Path, *, read_only: bool, config: Any) -> Any:
        if not read_only and blank.exists() and not path.exists():
            shutil.copyfile(blank, path)
        return attach(path, read_only=read_only, config=config)

    with connection.open_warehouse(blank.parent):
        pass
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(connection, "_attach_patiently", attach_copy)
        yield


@pytest.fixture(autouse=True)
def _seeded() -> None:
    random.seed(7)
    np.random.seed(7)


@pytest.fixture(scope="session")
def prefect_server() -> Iterator[None]:
    """One temporary Prefect server for all tests that run flows; it takes some ten seconds to come up."""
    from prefect.testing.utilities import prefect_test_harness

    with prefect_test_harness(server_startup_timeout=120):
        yield


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real data sets, which is not part of the repository."""
    folder = Path(__file__).resolve().parents[2] / "shared" / "data"
    if not folder.is_dir():
        pytest.skip(f"real data is absent: {folder} is no folder")
    return folder


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Put the long files first; within a file, and among the others, the order stays. Long forms run where `-m` names them."""
    if "chaos_long" not in config.getoption("markexpr"):
        items[:] = [item for item in items if item.get_closest_marker("chaos_long") is None]
    tests = Path(__file__).parent
    ranks = {str(tests / name): place for place, name in enumerate(LONG)}
    items.sort(key=lambda item: ranks.get(str(item.path), len(LONG)))
