"""Stored models: the same text is the same model, a changed file is no model, and the last promoted one is the champion."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import duckdb
import pytest
from filled_warehouse import NOW

from warehouse.connection import Warehouse, open_warehouse
from warehouse.errors import WarehouseError
from warehouse.migrations import migrate
from warehouse.models import Promotion, find_models, latest_model, model_id_of, record_promotion, store_model
from warehouse.statements import SQL_FOLDER

PROMOTED = Promotion(is_promoted=True, reason="better")
KEPT_BACK = Promotion(
    is_promoted=False, reason="worse", champion_id="c", difference=-0.1, low=-0.2, high=-0.05, n_users=30
)


@pytest.fixture
def warehouse(tmp_path: Path) -> Iterator[Warehouse]:
    with open_warehouse(tmp_path) as opened:
        yield opened


def store(
    warehouse: Warehouse,
    text: str,
    *,
    night: int = 0,
    catalog: str = "news",
    promotion: Promotion | None = PROMOTED,
    attachments: dict[str, bytes] | None = None,
) -> str:
    return store_model(
        warehouse,
        catalog=catalog,
        text=text,
        metadata={"n_users": 3},
        run_id=f"r{night}",
        now=NOW + timedelta(days=night),
        promotion=promotion,
        attachments=attachments,
    )


def model_file(warehouse: Warehouse) -> Path:
    [path] = (warehouse.folder / "models" / "news").iterdir()
    return path


def statuses(warehouse: Warehouse) -> dict[str, str]:
    return dict(find_models(warehouse).select("model_id", "status").iter_rows())


def test_the_last_promoted_model_is_the_champion(warehouse: Warehouse) -> None:
    assert latest_model(warehouse, catalog="news") is None
    first = store(warehouse, "one", night=0)
    second = store(warehouse, "two", night=1)
    assert latest_model(warehouse, catalog="news") == (second, "two")
    assert statuses(warehouse) == {first: "retired", second: "champion"}
    store(warehouse, "one", night=2)
    assert latest_model(warehouse, catalog="news") == (first, "one")
    assert statuses(warehouse) == {first: "champion", second: "retired"}


def test_a_model_that_was_kept_back_serves_nobody(warehouse: Warehouse) -> None:
    first = store(warehouse, "one", night=0)
    second = store(warehouse, "two", night=1, promotion=KEPT_BACK)
    assert latest_model(warehouse, catalog="news") == (first, "one")
    assert statuses(warehouse) == {first: "champion", second: "challenger"}
    row = find_models(warehouse, beginning=second).row(0, named=True)
    assert (row["reason"], row["difference"], row["high"], row["n_users"]) == ("worse", -0.1, -0.05, 30)
    assert warehouse.query("queries/latest_models", catalogs=["news"])["model_id"].to_list() == [first]


def test_a_catalog_with_challengers_only_has_no_champion(warehouse: Warehouse) -> None:
    store(warehouse, "one", promotion=KEPT_BACK)
    assert latest_model(warehouse, catalog="news") is None


def test_a_model_made_again_keeps_its_place(warehouse: Warehouse) -> None:
    first = store(warehouse, "one", night=0)
    second = store(warehouse, "two", night=1)
    store(warehouse, "one", night=2, promotion=None)
    store(warehouse, "two", night=2, promotion=None)
    assert statuses(warehouse) == {first: "retired", second: "champion"}


def test_of_two_decisions_at_once_the_later_counts(warehouse: Warehouse) -> None:
    first, second = store(warehouse, "one"), store(warehouse, "two")
    assert statuses(warehouse) == {first: "retired", second: "champion"}
    by_hand = Promotion(is_promoted=True, reason="by hand", champion_id=second, is_by_hand=True)
    record_promotion(warehouse, catalog="news", model_id=first, promotion=by_hand, run_id="", now=NOW)
    assert statuses(warehouse) == {first: "champion", second: "retired"}


def test_same_training_is_stored_once(warehouse: Warehouse) -> None:
    assert store(warehouse, "one", night=0) == store(warehouse, "one", night=1) == model_id_of("one")
    assert model_file(warehouse).read_text(encoding="utf-8") == "one"
    assert warehouse.connection.execute("select count(*), max(run_id) from models").fetchall() == [(1, "r1")]


def test_attachments_lie_beside_the_model_and_metadata_names_them(warehouse: Warehouse) -> None:
    model_id = store(warehouse, "one", attachments={"card.md": b"# card", "shap.png": b"png"})
    names = {path.name for path in (warehouse.folder / "models" / "news").iterdir()}
    assert names == {f"{model_id}.json", f"{model_id}.card.md", f"{model_id}.shap.png"}
    metadata = json.loads(find_models(warehouse)["metadata"][0])
    assert metadata["n_users"] == 3
    assert (warehouse.folder / metadata["files"]["card.md"]).read_bytes() == b"# card"


def test_catalogs_have_models_of_their_own(warehouse: Warehouse) -> None:
    store(warehouse, "one", night=0)
    store(warehouse, "two", night=1, catalog="books")
    found = [latest_model(warehouse, catalog=name) for name in ("news", "books")]
    assert [model and model[1] for model in found] == ["one", "two"]
    assert find_models(warehouse, catalog="books").height == 1


def test_changed_file_is_refused(warehouse: Warehouse) -> None:
    store(warehouse, "one")
    model_file(warehouse).write_text("won", encoding="utf-8")
    with pytest.raises(WarehouseError, match="was changed; run `nightjar train` to make a new one, or `nightjar model"):
        latest_model(warehouse, catalog="news")


def test_file_that_is_gone_is_named(warehouse: Warehouse) -> None:
    store(warehouse, "one")
    gone = model_file(warehouse)
    gone.unlink()
    with pytest.raises(WarehouseError, match=f"model file '{gone}' is gone; run `nightjar train`"):
        latest_model(warehouse, catalog="news")


def test_models_of_before_keep_serving(tmp_path: Path) -> None:
    """The migration makes each catalog's latest model its champion."""
    older = tmp_path / "migrations"
    older.mkdir()
    scripts = sorted((SQL_FOLDER / "migrations").glob("*.sql"))
    for script in [one for one in scripts if one.stem < "0011"]:
        (older / script.name).write_text(script.read_text(encoding="utf-8"), encoding="utf-8")
    row = "insert into models values (?, ?, 'f', 's', '{}', 'r', ?)"
    with duckdb.connect() as connection:
        migrate(connection, folder=older)
        for catalog, model_id, night in [("news", "a", 0), ("news", "b", 2), ("news", "c", 1), ("books", "d", 0)]:
            connection.execute(row, [catalog, model_id, NOW + timedelta(days=night)])
        migrate(connection)
        promoted = connection.execute(
            "select catalog, model_id from promotions where is_promoted order by 1"
        ).fetchall()
    assert promoted == [("books", "d"), ("news", "b")]
