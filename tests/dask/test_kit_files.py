"""Kits and parts as files: what is written is read again, and nothing but that."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import date, datetime
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal
from scipy import sparse

from tasks.contracts.errors import StepError
from tasks.contracts.recommending import CandidatesConfig
from tasks.ranking.inputs import LabelMatrix
from tasks.retrieval.item_index import build_item_index
from tasks.retrieval.user_shard import UserQueries
from tasks.sharding.codec import Buffer, encode
from tasks.sharding.kits import KitReader, Stored, put_kit, put_part, read_part
from tasks.sharding.shared import Shared


@pytest.fixture
def shared(tmp_path: Path) -> Shared:
    return Shared(str(tmp_path / "shared"))


@pytest.fixture(params=["folder", "store"])
def either(request: pytest.FixtureRequest, tmp_path: Path) -> Shared:
    """A folder, and an object store."""
    return Shared(str(tmp_path / "shared") if request.param == "folder" else f"memory://{tmp_path.name}/shared")


def whole_tree() -> dict[str, object]:
    items = pl.DataFrame(
        {
            "item_id": ["b", "a"],
            "title": ['Zwei, "quoted"', None],
            "text": ["x", "y"],
            "published_at": [datetime(2026, 1, 1), None],
            "is_active": [True, True],
            "group_id": [None, None],
        },
        schema_overrides={"group_id": pl.String},
    )
    index = build_item_index(items, np.eye(2, 4, dtype=np.float32))
    return {
        "index": index,
        "again": index.vectors,
        "labels": LabelMatrix(["t"], sparse.csr_matrix(np.array([[0.5], [0.0]]))),
        "plain": [1, 2.5, None, True, "text", date(2026, 1, 1), datetime(2026, 1, 1, 2, 3), (1, "a"), {"k": {3: 4}}],
        "many": [f"text {number}" for number in range(100)],
        "config": CandidatesConfig(per_source=7),
        "empty": pl.DataFrame(),
        "series": pl.Series("named", [1, None], dtype=pl.Int32),
        "queries": UserQueries(np.array([0]), np.ones((1, 4), np.float32), np.array([False])),
        "zero": np.zeros((0, 0), np.float32),
        "nan": np.array([np.nan, 1.0]),
    }


def assert_same_tree(found: dict[str, object], told: dict[str, object]) -> None:
    index, before = found["index"], told["index"]
    assert index.item_ids.equals(before.item_ids)
    assert (index.titles, index.texts) == (before.titles, before.texts)
    np.testing.assert_array_equal(index.vectors, before.vectors)
    np.testing.assert_array_equal(index.published_days, before.published_days)
    assert found["again"] is index.vectors
    assert len(index.positions) == 2
    assert index.locate(pl.Series(["b", "c"])).tolist() == [1, -1]
    np.testing.assert_array_equal(found["labels"].shares.toarray(), told["labels"].shares.toarray())
    assert found["labels"].names == ["t"]
    assert found["plain"] == told["plain"]
    assert (found["many"], found["config"]) == (told["many"], told["config"])
    assert found["series"].equals(told["series"], check_names=True, check_dtypes=True)
    np.testing.assert_array_equal(found["queries"].vectors, told["queries"].vectors)
    np.testing.assert_array_equal(found["nan"], told["nan"])
    assert found["zero"].shape == (0, 0)
    assert_frame_equal(found["empty"], pl.DataFrame())


def test_kit_and_part_come_back_as_they_were(either: Shared) -> None:
    told = whole_tree()
    stored = put_kit(either, "run", told)
    assert_same_tree(KitReader().read(either, stored), told)
    assert_same_tree(read_part(either, put_part(either, "run/part.zip", told)), told)
    either.remove("run")
    assert "run" not in either.names()


def test_kit_is_read_once_and_what_two_kits_share_is_written_once(shared: Shared) -> None:
    array = np.arange(500_000.0)
    first, second = put_kit(shared, "run", {"a": array}), put_kit(shared, "run", {"a": array, "b": 1})
    assert len(list((Path(shared.address) / "run" / "pieces").iterdir())) == 1
    reader = KitReader()
    assert reader.read(shared, first) is reader.read(shared, first)
    assert reader.read(shared, second)["b"] == 1


@pytest.mark.parametrize(
    ("value", "why"),
    [
        ({"call": print}, r"kit\['call'\] is a builtin_function_or_method, which"),
        ({"path": Path("x")}, "is a PosixPath"),
        ({"objects": np.array([object()], dtype=object)}, r"kit\['objects'\] is an array of Python objects"),
        ({"coo": sparse.coo_matrix(np.eye(2))}, "format 'coo'"),
    ],
)
def test_what_can_not_be_written_is_named(value: object, why: str, shared: Shared) -> None:
    with pytest.raises(StepError, match=why):
        put_kit(shared, "run", value)


class Nothing:
    def add(self, suffix: str, buffers: Sequence[Buffer]) -> str:
        raise AssertionError("nothing large")


@pytest.mark.parametrize("name", ["subprocess:Popen", "os:system", "tasks.sharding.codec:decode", "builtins:eval"])
def test_kit_that_names_what_is_no_class_of_ours_is_refused(name: str, shared: Shared) -> None:
    tampered = json.dumps({"n": 0, "object": name, "state": {}}).encode()
    stored = Stored("run/kits/x.json", shared.put("run/kits/x.json", [tampered]))
    with pytest.raises(StepError, match="tampered"):
        KitReader().read(shared, stored)
    assert encode([1], Nothing()) == b'{"n":0,"list":[1]}'


def test_damaged_and_absent_pieces_are_found_before_use(shared: Shared) -> None:
    stored = put_kit(shared, "run", {"a": np.arange(1000.0)})
    [piece] = (Path(shared.address) / "run" / "pieces").iterdir()
    content = piece.read_bytes()
    piece.write_bytes(content[:-1] + b"\x01")
    with pytest.raises(StepError, match=r"pieces/.*is not what was written there \(sha256\)"):
        KitReader().read(shared, stored)
    piece.unlink()
    with pytest.raises(StepError, match="is not in the shared folder"):
        KitReader().read(shared, stored)


def test_file_appears_whole_or_not_at_all(shared: Shared) -> None:
    def fails() -> bytes:
        raise OSError("the disk is full")

    class Breaking:
        def __iter__(self):
            yield b"half"
            yield fails()

    with pytest.raises(OSError, match="disk is full"):
        shared.put("run/file", Breaking())  # type: ignore[arg-type]
    assert list((Path(shared.address) / "run").iterdir()) == []
    first = shared.put("run/file", [b"one"])
    second = shared.put("run/file", [b"two"])
    assert shared.read("run/file", sha256=second) == b"two"
    with pytest.raises(StepError, match="is not what was written"):
        shared.read("run/file", sha256=first)


def test_shard_is_moved_out_of_the_shared_folder(either: Shared, tmp_path: Path) -> None:
    digest = either.put("run/shard", [b"rows"])
    either.take("run/shard", tmp_path / "shard", sha256=digest)
    assert (tmp_path / "shard").read_bytes() == b"rows"
    assert not either.exists("run/shard")
