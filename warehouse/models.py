"""Trained models: a text file each under <folder>/models/<catalog>/, beside it what tells of it, and rows of two tables.

Writes `models` (metadata, checksum) and `promotions` (who is the champion, and why). A model's id is the hash of its
text, so that the same training gives the same model, stored once.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import polars as pl

from warehouse.connection import Warehouse
from warehouse.errors import WarehouseError
from warehouse.shards import sync_file, sync_folder

ID_DIGITS = 16


@dataclass(frozen=True)
class Promotion:
    """A decision about a model: whether it became the champion in the place of champion_id, and why.

    difference, low, high: of NDCG@10, the model's less the champion's, on n_users users; None where not compared.
    """

    is_promoted: bool
    reason: str
    champion_id: str | None = None
    difference: float | None = None
    low: float | None = None
    high: float | None = None
    n_users: int | None = None
    is_by_hand: bool = False


def model_id_of(text: str) -> str:
    """The id of a model with this text: 16 hex digits of its SHA-256."""
    return _digest(text)[:ID_DIGITS]


def store_model(
    warehouse: Warehouse,
    *,
    catalog: str,
    text: str,
    metadata: Mapping[str, Any],
    run_id: str,
    now: datetime,
    promotion: Promotion | None,
    attachments: Mapping[str, bytes] | None = None,
) -> str:
    """Write the model, its attachments and the decision about it; its id.

    attachments: content by ending; "card.md" becomes `<model_id>.card.md`, and metadata.files tells where it lies. Without
    a promotion nothing changes in who is the champion: for a model that was decided about before. A process that dies
    leaves files that no row names, and the next training writes them again.
    """
    digest, model_id = _digest(text), model_id_of(text)
    folder = warehouse.folder / "models" / catalog
    folder.mkdir(parents=True, exist_ok=True)
    files = {ending: f"{model_id}.{ending}" for ending in attachments or {}}
    for ending, content in {**(attachments or {}), "json": text.encode()}.items():
        _replace(folder / f"{model_id}.{ending}", content)
    sync_folder(folder)
    row = {
        "catalog": catalog,
        "model_id": model_id,
        "file": f"models/{catalog}/{model_id}.json",
        "sha256": digest,
        "metadata": json.dumps(
            {**metadata, "files": {name: f"models/{catalog}/{file}" for name, file in files.items()}}
        ),
        "run_id": run_id,
        "trained_at": now,
    }
    with warehouse.transaction():
        warehouse.insert("models", pl.DataFrame([row]), on_conflict="replace")
        if promotion is not None:
            record_promotion(warehouse, catalog=catalog, model_id=model_id, promotion=promotion, run_id=run_id, now=now)
    return model_id


def record_promotion(
    warehouse: Warehouse, *, catalog: str, model_id: str, promotion: Promotion, run_id: str, now: datetime
) -> None:
    """Note a decision; the last promoted model of a catalog is its champion."""
    row = {**vars(promotion), "catalog": catalog, "model_id": model_id, "run_id": run_id, "decided_at": now}
    types = {
        "champion_id": pl.String,
        "difference": pl.Float64,
        "low": pl.Float64,
        "high": pl.Float64,
        "n_users": pl.Int64,
    }
    warehouse.insert("promotions", pl.DataFrame([row], schema_overrides=types))


def latest_model(warehouse: Warehouse, *, catalog: str) -> tuple[str, str] | None:
    """Id and text of the champion, None if the catalog has none. Raises WarehouseError on a changed or vanished file."""
    found = warehouse.query("queries/latest_model", catalog=catalog)
    if found.is_empty():
        return None
    model_id, file, sha256 = found.row(0)
    return model_id, _read_checked(warehouse.folder / file, sha256)


def model_of_run(warehouse: Warehouse, *, catalog: str, run_id: str) -> tuple[str, str] | None:
    """Id and text of the model that a run made, None if it made none. Raises WarehouseError on a changed or vanished file."""
    found = warehouse.query("queries/run_model", catalog=catalog, run_id=run_id)
    if found.is_empty():
        return None
    model_id, file, sha256 = found.row(0)
    return model_id, _read_checked(warehouse.folder / file, sha256)


def read_attachment(warehouse: Warehouse, *, catalog: str, model_id: str, ending: str) -> bytes:
    """What store_model wrote beside a model; nothing where it is not there."""
    path = warehouse.folder / "models" / catalog / f"{model_id}.{ending}"
    return path.read_bytes() if path.exists() else b""


def champion_id(warehouse: Warehouse, *, catalog: str) -> str | None:
    """The champion's id alone, also where its file is damaged; None if the catalog has none."""
    found: str | None = warehouse.value("queries/latest_model", catalog=catalog)
    return found


def find_models(warehouse: Warehouse, *, beginning: str = "", catalog: str | None = None) -> pl.DataFrame:
    """The rows of model_standings whose id begins so, newest first within a catalog."""
    return warehouse.query("queries/models_like", beginning=beginning, catalog=catalog)


def check_model(warehouse: Warehouse, *, file: str, sha256: str) -> None:
    """Raise WarehouseError unless the model's file is there and unchanged."""
    _read_checked(warehouse.folder / file, sha256)


def _read_checked(path: Path, sha256: str) -> str:
    if not path.exists():
        raise WarehouseError(
            f"model file {str(path)!r} is gone; run `nightjar train` to make a new one, or `nightjar model promote` another"
        )
    content = path.read_bytes()
    if hashlib.sha256(content).hexdigest() != sha256:
        raise WarehouseError(
            f"model file {str(path)!r} was changed; run `nightjar train` to make a new one, or `nightjar model promote` another"
        )
    return content.decode()


def _replace(path: Path, content: bytes) -> None:
    partial = path.with_name(path.name + ".partial")
    partial.write_bytes(content)
    sync_file(partial)
    os.replace(partial, path)


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
