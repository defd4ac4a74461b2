"""Stored models: the same text is the same model, and a changed file is no model."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from filled_warehouse import NOW

from warehouse.connection import Warehouse, open_warehouse
from warehouse.errors import WarehouseError
from warehouse.models import latest_model, store_model


@pytest.fixture
def warehouse(tmp_path: Path) -> Iterator[Warehouse]:
    with open_warehouse(tmp_path) as opened:
        yield opened


def store(warehouse: Warehouse, text: str, *, night: int = 0, catalog: str = "news") -> str:
    now = NOW + timedelta(days=night)
    return store_model(warehouse, catalog=catalog, text=text, metadata="{}", run_id=f"r{night}", now=now)


def model_file(warehouse: Warehouse) -> Path:
    [path] = (warehouse.folder / "models" / "news").iterdir()
    return path


def test_last_trained_model_is_the_latest(warehouse: Warehouse) -> None:
    assert latest_model(warehouse, catalog="news") is None
    first = store(warehouse, "one", night=0)
    second = store(warehouse, "two", night=1)
    assert latest_model(warehouse, catalog="news") == (second, "two")
    store(warehouse, "one", night=2)
    assert latest_model(warehouse, catalog="news") == (first, "one")


def test_same_training_is_stored_once(warehouse: Warehouse) -> None:
    assert store(warehouse, "one", night=0) == store(warehouse, "one", night=1)
    assert model_file(warehouse).read_text(encoding="utf-8") == "one"
    assert warehouse.connection.execute("select count(*), max(run_id) from models").fetchall() == [(1, "r1")]


def test_catalogs_have_models_of_their_own(warehouse: Warehouse) -> None:
    store(warehouse, "one", night=0)
    store(warehouse, "two", night=1, catalog="books")
    found = [latest_model(warehouse, catalog=name) for name in ("news", "books")]
    assert [model and model[1] for model in found] == ["one", "two"]


def test_changed_file_is_refused(warehouse: Warehouse) -> None:
    store(warehouse, "one")
    model_file(warehouse).write_text("won", encoding="utf-8")
    with pytest.raises(WarehouseError, match="was changed; run `nightjar train` to make a new one"):
        latest_model(warehouse, catalog="news")


def test_file_that_is_gone_is_named(warehouse: Warehouse) -> None:
    store(warehouse, "one")
    gone = model_file(warehouse)
    gone.unlink()
    with pytest.raises(WarehouseError, match=f"model file '{gone}' is gone; run `nightjar train`"):
        latest_model(warehouse, catalog="news")
