"""Fixtures: one Label Studio for all tests here, and the labeled warehouse of tests/reviewing."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.flows.conftest import nightjar
from tests.labelstudio.server import COMMAND, LabelStudio
from tests.reviewing.conftest import desk, key_of
from tests.tasks.conftest import begin, beginnings, catalog, embedder, nights

__all__ = ["begin", "beginnings", "catalog", "desk", "embedder", "key_of", "nightjar", "nights"]


@pytest.fixture(scope="session")
def studio(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LabelStudio]:
    """The server, ready; without its environment the test is skipped."""
    if not COMMAND.exists():
        pytest.skip("there is no .venv-labelstudio; say `make labelstudio` first")
    with LabelStudio(tmp_path_factory.mktemp("labelstudio")) as server:
        server.wait()
        yield server
