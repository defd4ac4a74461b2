"""One night over a catalog whose every name is an attack: it is published, verified and read, and no name is obeyed."""

from __future__ import annotations

import csv
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.chaos.hostile_names import FIT, ORDERS, RUN, TOPICS, UNFIT, make_hostile
from tests.flows.conftest import Nightjar, nightjar
from tests.night import Nights
from warehouse.errors import PublicationError
from warehouse.publication import resolve_latest, verify_publication
from warehouse.publication.manifest import Publication, read_manifest
from warehouse.publication.verify import find_faults

__all__ = ["nightjar"]
ROOT = Path(__file__).resolve().parents[2]
FORMULA = re.compile(r"^[=+\-@\t\r]")
SAFE_NAME = re.compile(r"^[A-Za-z0-9._=+%-]{1,120}$")


NIGHT = """
import json, sys
loaded = []
sys.addaudithook(lambda event, said: loaded.append(".".join(map(str, said))) if event == "pickle.find_class" else None)
from pathlib import Path
import pytest
from tests.chaos.hostile_names import make_hostile
from tests.fake_embedder import HashingEmbedder
from tests.night import Nights, plug_embedder
folder = Path(sys.argv[1])
with pytest.MonkeyPatch.context() as patched:
    plug_embedder(patched, HashingEmbedder())
    Nights(folder / "warehouse", [make_hostile(folder / "catalog")]).run()
found = list(loaded)
import pickle
pickle.loads(pickle.dumps(Path))
print("LOADED", json.dumps([found, loaded[len(found):]]))
"""


@dataclass(frozen=True)
class Watched:
    """The night, and what was unpickled in it; watches says that the watch saw what this test itself unpickled."""

    nights: Nights
    loaded: list[str]
    watches: bool


@pytest.fixture(scope="module")
def watched(tmp_path_factory: pytest.TempPathFactory) -> Watched:
    """In a process of its own, since an audit hook stays for good."""
    folder = tmp_path_factory.mktemp("hostile")
    ended = subprocess.run(
        [sys.executable, "-c", NIGHT, str(folder)], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert ended.returncode == 0, ended.stderr[-3000:]
    said = next(line for line in ended.stdout.splitlines() if line.startswith("LOADED "))
    loaded, own = json.loads(said.removeprefix("LOADED "))
    return Watched(
        Nights(folder / "warehouse", [make_hostile(folder / "catalog")], n_runs=1), loaded, own == ["pathlib.Path"]
    )


@pytest.fixture(scope="module")
def hostile(watched: Watched) -> Nights:
    return watched.nights


def test_a_night_loads_no_pickle(watched: Watched) -> None:
    assert watched.watches
    assert watched.loaded == []


def test_rows_add_up_and_the_unfit_are_quarantined(hostile: Nights) -> None:
    [(n_in, n_stored, n_quarantined)] = hostile.rows(
        "select n_in, n_stored, n_quarantined from ingest_counts where kind = 'items'"
    )
    assert n_in == 20 + len(UNFIT) + 5
    assert n_stored == 20
    assert n_quarantined == len(UNFIT) + 5
    assert set(hostile.column("select item_id from items")) == set(FIT[:20])
    assert set(hostile.column("select distinct user_id from users")) == set(FIT[::-1][:10])
    assert set(hostile.column("select distinct topic from catalog_topics")) == set(TOPICS)


def test_what_is_published_is_verified_and_names_are_as_they_were(hostile: Nights) -> None:
    verify_publication(hostile.folder / "published")
    lists = hostile.published("recommendations")
    assert set(lists["user_id"]) == set(FIT[::-1][:10])
    assert set(lists["item_id"]) <= set(FIT[:20])
    assert lists.height >= 50


def test_no_name_became_a_path(hostile: Nights) -> None:
    below = list(hostile.folder.rglob("*"))
    assert len(below) > 10
    assert not [path for path in below if not SAFE_NAME.match(path.name)]
    assert {path.name for path in hostile.folder.parent.iterdir()} == {"warehouse", "catalog"}
    assert resolve_latest(hostile.folder / "published")


@pytest.mark.parametrize("program", ["duckdb_lookup.py", "polars_lookup.py"])
def test_readers_find_a_hostile_user_and_only_that_one(hostile: Nights, program: str) -> None:
    lists = hostile.published("recommendations")
    user = next(user for user in FIT if (user in set(lists["user_id"]) and "'" in user) or user == "NaN")
    told = subprocess.run(
        [sys.executable, program, str(hostile.folder / "published"), user],
        cwd=ROOT / "examples" / "consume", capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert f"{user}: {len(lists.filter(lists['user_id'] == user))} recommendations" in told.stdout


COMMANDS: tuple[tuple[str, ...], ...] = (
    ("status",),
    ("verify",),
    ("publications",),
    ("plan",),
    ("sql", "select item_id, title from items order by 1"),
    ("sql", "select reason, raw from quarantine"),
)


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_no_order_to_a_terminal_is_printed(hostile: Nights, nightjar: Nightjar, command: tuple[str, ...]) -> None:
    ended = nightjar("--warehouse", hostile.folder, *command, warehouse=False)
    printed = ended.out + ended.err
    assert "Traceback" not in printed
    assert not [char for char in ORDERS if char in printed]


def test_no_cell_of_an_export_is_a_formula(hostile: Nights, nightjar: Nightjar, tmp_path: Path) -> None:
    for task in ("topics", "similar", "judge"):
        path = tmp_path / f"{task}.csv"
        ended = nightjar("--warehouse", hostile.folder, "review", "export", path, "--task", task, warehouse=False)
        assert ended.code == 0, ended.err
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = list(csv.reader(file))
        assert len(rows) > 1
        assert not [cell for row in rows for cell in row if FORMULA.match(cell)]
        assert not [cell for row in rows for cell in row if "\x1b" in cell or "\x00" in cell]


def test_no_page_holds_a_name_as_markup(hostile: Nights, nightjar: Nightjar, tmp_path: Path) -> None:
    ended = nightjar("--warehouse", hostile.folder, "report", "--output", tmp_path / "report.html", warehouse=False)
    assert ended.code == 0, ended.err
    pages = [*tmp_path.glob("*.html"), *hostile.folder.rglob("*.html")]
    assert pages
    for page in pages:
        text = page.read_text(encoding="utf-8")
        for attack in (f"<script>{RUN}", f"onerror={RUN}>", f"<svg onload={RUN}", f"<b onmouseover={RUN}"):
            assert attack not in text, page


def manifest_of(nights: Nights) -> Path:
    return nights.folder / "published" / "runs" / nights.run_id / "manifest.json"


def test_manifest_names_no_hostile_file(hostile: Nights) -> None:
    manifest = json.loads(manifest_of(hostile).read_text(encoding="utf-8"))
    paths = [file["path"] for table in manifest["tables"].values() for file in table["files"]]
    assert len(paths) >= 3
    assert all(SAFE_NAME.match(part) for path in paths for part in Path(path).parts)


ODD: tuple[object, ...] = (None, 3, -1, "x", "../..", "/etc", "\x00", 1e400, [], {}, [None], {"a": 1}, [[]])


def odd_manifests(value: object) -> Iterator[object]:
    """The manifest with an odd value in each place in turn."""
    yield from ODD
    if isinstance(value, dict):
        for key in value:
            yield {name: part for name, part in value.items() if name != key}
            yield from ({**value, key: odd} for odd in odd_manifests(value[key]))
    elif isinstance(value, list) and value:
        yield from ([odd, *value[1:]] for odd in odd_manifests(value[0]))


def has_faults(publication: Publication) -> bool:
    try:
        return next(find_faults(publication), None) is not None
    except PublicationError:
        return True


def test_a_manifest_of_any_shape_is_refused_or_is_held_to_its_files(hostile: Nights, tmp_path: Path) -> None:
    sound = json.loads(manifest_of(hostile).read_text(encoding="utf-8"))
    sound = {
        name: sound[name] for name in sound if name not in ("models", "labelers", "coverage", "comparison", "gates")
    }
    path = tmp_path / "runs" / hostile.run_id / "manifest.json"
    path.parent.mkdir(parents=True)
    found = {"refused": 0, "read": 0}
    for odd in odd_manifests(sound):
        path.write_text(json.dumps(odd), encoding="utf-8")
        try:
            publication = read_manifest(tmp_path, hostile.run_id)
        except PublicationError:
            found["refused"] += 1
            continue
        found["read"] += 1
        # Nothing lies there, so whatever the manifest says, the check finds it out.
        assert not publication.n_files or has_faults(publication)
    assert found["refused"] > 200
