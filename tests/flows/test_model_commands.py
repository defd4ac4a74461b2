"""nightjar model: what stands where, what a card says, and a champion chosen by hand."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import pytest

from tests.flows.conftest import Nightjar
from warehouse.connection import open_warehouse
from warehouse.models import Promotion, latest_model, store_model

KEPT_BACK = Promotion(
    is_promoted=False, reason="worse than before", difference=-0.1, low=-0.2, high=-0.05, n_users=30, champion_id="x"
)


@pytest.fixture
def models(tmp_path: Path) -> dict[str, str]:
    """The champion and a challenger of news, and the champion of books, by their texts."""
    stored = {}
    with open_warehouse(tmp_path / "warehouse") as warehouse:
        for night, (text, catalog, promotion) in enumerate(
            [
                ("old", "news", Promotion(is_promoted=True, reason="the catalog's first model")),
                ("new", "news", KEPT_BACK),
                ("book", "books", Promotion(is_promoted=True, reason="the catalog's first model")),
            ]
        ):
            stored[text] = store_model(
                warehouse,
                catalog=catalog,
                text=text,
                metadata={},
                run_id=f"r{night}",
                now=datetime(2026, 11, 1 + night, 3),
                promotion=promotion,
                attachments={"card.md": f"# Card of {text}\n".encode(), "shap.png": b"png"},
            )
    return stored


def champion(tmp_path: Path, catalog: str = "news") -> str:
    with open_warehouse(tmp_path / "warehouse", read_only=True) as warehouse:
        found = latest_model(warehouse, catalog=catalog)
    assert found is not None
    return found[1]


def test_list_shows_standing_and_decision(nightjar: Nightjar, models: dict[str, str]) -> None:
    shown = " ".join(nightjar("model", "list").out.split())
    assert f"│ news │ {models['old']} │ champion │ 2026-11-01 03:00 │ │ the catalog's first model │" in shown
    assert f"│ {models['new']} │ challenger │ 2026-11-02 03:00 │ -0.100 [-0.200, -0.050] │ worse than before │" in shown
    assert "books" not in nightjar("model", "list", "--catalog", "news").out


def test_list_of_no_models_says_what_to_run(nightjar: Nightjar, tmp_path: Path) -> None:
    with open_warehouse(tmp_path / "warehouse"):
        pass
    assert nightjar("model", "list").out == "no model yet; run `nightjar train` to make one\n"


def test_promote_puts_a_model_in_the_champions_place(
    nightjar: Nightjar, models: dict[str, str], tmp_path: Path
) -> None:
    done = nightjar("model", "promote", models["new"][:6])
    assert done.code == 0
    assert f"model {models['new']} is the champion of news in the place of {models['old']}" in done.out
    assert champion(tmp_path) == "new"
    assert champion(tmp_path, "books") == "book"
    shown = " ".join(nightjar("model", "list").out.split())
    assert f"{models['old']} │ retired" in shown
    assert "promoted by hand" in shown
    assert nightjar("model", "promote", models["old"]).code == 0
    assert champion(tmp_path) == "old"


def test_promote_refuses_what_it_can_not_do(nightjar: Nightjar, models: dict[str, str], tmp_path: Path) -> None:
    for words, message in [
        (("zz",), "nightjar: no model's id begins with 'zz'; `nightjar model list` shows them"),
        (("",), "nightjar: 3 models begin with '' ("),
        ((models["old"],), f"nightjar: model {models['old']} is the champion of catalog 'news' already; nothing to do"),
        ((models["new"], "--catalog", "books"), "nightjar: no model's id begins with"),
    ]:
        refused = nightjar("model", "promote", *words)
        assert (refused.code, refused.err.startswith(message)) == (2, True), refused.err
    (tmp_path / "warehouse" / "models" / "news" / f"{models['new']}.json").write_text("other", encoding="utf-8")
    refused = nightjar("model", "promote", models["new"])
    assert refused.code == 1
    assert "was changed" in refused.err
    assert champion(tmp_path) == "old"


def test_card_is_printed_as_it_stands(nightjar: Nightjar, models: dict[str, str], tmp_path: Path) -> None:
    assert nightjar("model", "card", "news").out == "# Card of old\n"
    assert nightjar("model", "card", "--model", models["new"]).out == "# Card of new\n"
    folder = Path(nightjar("model", "card", "books", "--path").out.splitlines()[0]).parent
    assert folder == tmp_path / "warehouse" / "models" / "books"


def test_card_asks_which_catalog_is_meant(nightjar: Nightjar, models: dict[str, str]) -> None:
    assert "several catalogs have a champion (books, news); name one" in nightjar("model", "card").err
    assert "catalog 'films' has no champion yet" in nightjar("model", "card", "films").err


def test_model_of_before_cards_has_none(nightjar: Nightjar, models: dict[str, str], tmp_path: Path) -> None:
    with open_warehouse(tmp_path / "warehouse") as warehouse:
        warehouse.connection.execute("update models set metadata = '{}' where catalog = 'books'")
    refused = nightjar("model", "card", "books")
    assert refused.code == 2
    assert f"model {models['book']} has no card; run `nightjar train` to make one" in refused.err
