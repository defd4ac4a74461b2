"""What the operator does with models: see where each stands, read a card, and put another one in the champion's place."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from tasks.contracts.errors import ConfigError
from warehouse.clock import utc_now
from warehouse.connection import Warehouse, open_warehouse
from warehouse.models import Promotion, champion_id, check_model, find_models, record_promotion

CARD, PICTURE = "card.md", "shap.png"


@dataclass(frozen=True)
class Card:
    """A model's card as text, and the files of card and picture."""

    text: str
    path: Path
    picture: Path


def list_models(folder: Path, *, catalog: str | None = None) -> pl.DataFrame:
    """A row a model, newest first within a catalog: catalog, model_id, status, trained_at, run_id, and the last decision:
    reason, difference, low, high, n_users, decided_at.
    """
    with open_warehouse(folder, read_only=True) as warehouse:
        return find_models(warehouse, catalog=catalog)


def promote_model(folder: Path, beginning: str, *, catalog: str | None = None) -> tuple[str, str, str | None]:
    """Make the model whose id begins so its catalog's champion: catalog, its id, and the id of the champion before.

    Raises ConfigError if no model or several fit, or it is the champion already; WarehouseError if its file was changed.
    """
    with open_warehouse(folder) as warehouse:
        found = _only_model(warehouse, beginning, catalog)
        name, model_id = str(found["catalog"]), str(found["model_id"])
        before = champion_id(warehouse, catalog=name)
        if before == model_id:
            raise ConfigError(f"model {model_id} is the champion of catalog {name!r} already; nothing to do")
        check_model(warehouse, file=str(found["file"]), sha256=str(found["sha256"]))
        promotion = Promotion(is_promoted=True, reason="promoted by hand", champion_id=before, is_by_hand=True)
        record_promotion(warehouse, catalog=name, model_id=model_id, promotion=promotion, run_id="", now=utc_now())
    return name, model_id, before


def read_card(folder: Path, *, catalog: str | None = None, beginning: str | None = None) -> Card:
    """The card of the model whose id begins so, else of the champion. Raises ConfigError if none or several fit."""
    with open_warehouse(folder, read_only=True) as warehouse:
        found = _only_model(warehouse, beginning, catalog) if beginning else _only_champion(warehouse, catalog)
    files = json.loads(str(found["metadata"])).get("files", {})
    path = folder / files[CARD] if CARD in files else None
    if path is None or not path.exists():
        raise ConfigError(f"model {found['model_id']} has no card; run `nightjar train` to make one")
    return Card(path.read_text(encoding="utf-8"), path, folder / files[PICTURE])


def _only_model(warehouse: Warehouse, beginning: str, catalog: str | None) -> dict[str, object]:
    found = find_models(warehouse, beginning=beginning, catalog=catalog)
    if found.height == 1:
        return found.row(0, named=True)
    if found.is_empty():
        raise ConfigError(f"no model's id begins with {beginning!r}; `nightjar model list` shows them")
    several = ", ".join(f"{row['catalog']} {row['model_id']}" for row in found.head(5).iter_rows(named=True))
    raise ConfigError(
        f"{found.height} models begin with {beginning!r} ({several}); give more of the id, or --catalog NAME"
    )


def _only_champion(warehouse: Warehouse, catalog: str | None) -> dict[str, object]:
    found = find_models(warehouse, catalog=catalog).filter(pl.col("status") == "champion")
    if found.height == 1:
        return found.row(0, named=True)
    if found.is_empty():
        whose = f"catalog {catalog!r} has" if catalog else "there is"
        raise ConfigError(f"{whose} no champion yet; run `nightjar train` to make one")
    raise ConfigError(f"several catalogs have a champion ({', '.join(found['catalog'])}); name one of them")
