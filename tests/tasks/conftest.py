"""Fixtures: a small catalog, its nights, and a finished one to start from, without a model; readers to mail, and a mail server."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tasks.contracts.errors import UnfinishedError
from tasks.labelers.protocol import Reply, Task
from tests.fake_embedder import HashingEmbedder
from tests.mail_server import Post, mail_server
from tests.mailing.readers import Library, copy_library, make_library
from tests.night import Nights, SmallCatalog, plug_embedder
from tests.scripted_labeler import A, ScriptedLabeler
from tests.tasks.staff import Reader, hire

Begin = Callable[..., None]


@pytest.fixture
def embedder(monkeypatch: pytest.MonkeyPatch) -> HashingEmbedder:
    """What every step of this test embeds with."""
    plugged = HashingEmbedder()
    plug_embedder(monkeypatch, plugged)
    return plugged


@pytest.fixture(autouse=True)
def _undrawn(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """No picture of the model but where training is what is tested: drawing one takes as long as the training."""
    if request.path.name != "test_train.py":
        monkeypatch.setattr("tasks.train.draw_explanation", lambda *_, **__: b"undrawn")


@pytest.fixture
def catalog(tmp_path: Path) -> SmallCatalog:
    """A catalog that the test may edit between nights."""
    return SmallCatalog(tmp_path / "catalog")


@pytest.fixture
def nights(tmp_path: Path, catalog: SmallCatalog, embedder: HashingEmbedder) -> Nights:
    """Nights over an empty warehouse."""
    return Nights(tmp_path / "warehouse", [catalog])


@pytest.fixture(scope="session")
def beginnings(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Where the warehouse after some stages over some catalog is kept for the next test that begins there."""
    folder = tmp_path_factory.mktemp("beginnings")
    return lambda key: folder / key


@pytest.fixture
def begin(nights: Nights, beginnings: Callable[[str], Path], request: pytest.FixtureRequest) -> Begin:
    """begin("ingest", "embed"): the first night, which is run once for all tests that begin in the same way.

    What it asked a labeler is not to be seen afterwards: who wants to look at that runs the night.
    """

    def run_once(*stages: str) -> None:
        files = [path.read_bytes() for catalog in nights.catalogs for path in sorted(catalog.save().parent.iterdir())]
        who = "labeler" in request.fixturenames
        kept = beginnings(hashlib.sha256(repr((stages, who, files)).encode()).hexdigest()[:16])
        if kept.exists():
            shutil.copytree(kept, nights.folder, symlinks=True)
            nights.n_runs += 1
            return
        nights.run(*stages)
        shutil.copytree(nights.folder, kept, symlinks=True)
        if who:
            request.getfixturevalue("labeler").take()

    return run_once


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


class UnfinishedLabeler(ScriptedLabeler):
    """Ends a task in order after so many answers, as a budget or a batch that still runs does; limits maps tasks to these."""

    def __init__(self) -> None:
        super().__init__()
        self.limits: dict[Task, int] = {}

    def _reply(self, task: Task, key: str, answer: A, text: str = "") -> Reply[A]:
        if task in self.limits and len(self.asked[task]) >= self.limits[task]:
            raise UnfinishedError("the budget is reached: 1 requests were left to it")
        return super()._reply(task, key, answer, text)


@pytest.fixture
def unfinished(monkeypatch: pytest.MonkeyPatch) -> UnfinishedLabeler:
    """Who answers the questions of this test, as long as it is allowed to."""
    plugged = UnfinishedLabeler()
    plugged.plug(monkeypatch)
    return plugged


@pytest.fixture
def staff(monkeypatch: pytest.MonkeyPatch) -> dict[str, Reader]:
    """Several labelers of topics, by the names that a catalog file gives them."""
    return hire(monkeypatch)


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Library:
    """What every test of a module begins with."""
    return make_library(tmp_path_factory.mktemp("library"))


@pytest.fixture
def library(filled: Library, tmp_path: Path) -> Library:
    """A warehouse of five readers with a publication, for the test to change."""
    return copy_library(filled, tmp_path / "warehouse")


@pytest.fixture
def post() -> Iterator[Post]:
    """A mail server that takes what it gets, unless the test says otherwise."""
    with mail_server() as running:
        yield running
