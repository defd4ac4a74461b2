"""Fixtures: a small catalog, its nights, and one finished night to start from; all with an embedder that needs no model."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fake_embedder import HashingEmbedder
from tests.night import Nights, SmallCatalog, plug_embedder
from tests.scripted_labeler import ScriptedLabeler


@pytest.fixture
def embedder(monkeypatch: pytest.MonkeyPatch) -> HashingEmbedder:
    """What every step of this test embeds with."""
    plugged = HashingEmbedder()
    plug_embedder(monkeypatch, plugged)
    return plugged


@pytest.fixture
def catalog(tmp_path: Path) -> SmallCatalog:
    """A catalog that the test may edit between nights."""
    return SmallCatalog(tmp_path / "catalog")


@pytest.fixture
def nights(tmp_path: Path, catalog: SmallCatalog, embedder: HashingEmbedder) -> Nights:
    """Nights over an empty warehouse."""
    return Nights(tmp_path / "warehouse", [catalog])


@pytest.fixture
def labeler(monkeypatch: pytest.MonkeyPatch) -> ScriptedLabeler:
    """Who answers all questions of this test."""
    plugged = ScriptedLabeler()
    plugged.plug(monkeypatch)
    return plugged


@pytest.fixture(scope="session")
def finished_folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("finished")
    with pytest.MonkeyPatch.context() as patched:
        plug_embedder(patched, HashingEmbedder())
        Nights(folder, [SmallCatalog(tmp_path_factory.mktemp("catalog"))]).run()
    return folder


@pytest.fixture
def finished(finished_folder: Path, nights: Nights) -> Nights:
    """Nights over a warehouse in which one whole night has run."""
    shutil.copytree(finished_folder, nights.folder, symlinks=True)
    nights.n_runs = 1
    return nights
