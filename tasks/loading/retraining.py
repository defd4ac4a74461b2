"""Whether a new model is due, or the champion serves one more night. Reads models, active_fingerprints and the files of models.

A model is due when enough of what it would learn has changed ([ranking] retrain_share), when the champion is old
(retrain_days), when anything else that decides what a model becomes has changed, and always where nobody asked to keep.
Time O(rows), memory O(1) beside them.
"""

from __future__ import annotations

import hashlib
import json

import polars as pl

from tasks.contracts.context import StepContext
from tasks.loading.learning_rows import LearningRows
from tasks.ranking.feature_table import FEATURE_NAMES
from tasks.ranking.learnt import Learnt, changed_share, read_learnt, sketch_pairs
from warehouse.connection import Warehouse
from warehouse.errors import WarehouseError
from warehouse.models import latest_model, read_attachment

ATTACHMENT = "learnt"


def learnt_now(warehouse: Warehouse, context: StepContext, rows: LearningRows, *, code: str) -> Learnt:
    """What a model of tonight learns from. code: a digest of what trains it."""
    catalog = context.catalog
    fingerprints = warehouse.query("queries/active_fingerprints", catalog=catalog.name)
    decisive = {
        "code": code,
        "ranking": catalog.ranking.model_dump(mode="json", exclude={"retrain_share", "retrain_days"}),
        "relevance": catalog.relevance.model_dump(mode="json"),
        "candidates": catalog.candidates.model_dump(mode="json"),
        "features": FEATURE_NAMES,
        "fingerprints": fingerprints.rows(),
    }
    text = json.dumps(decisive, sort_keys=True, default=str)
    frames: list[pl.DataFrame] = [rows.train, rows.validation]
    return sketch_pairs(frames, as_of=context.as_of, settings=hashlib.sha256(text.encode()).hexdigest()[:16])


def why_champion_stays(warehouse: Warehouse, context: StepContext, now: Learnt) -> str | None:
    """What to tell of a champion that goes on serving without a new model; None where one is due."""
    config, catalog = context.catalog.ranking, context.catalog.name
    if not context.keeps or context.is_backfill:
        return None
    try:
        found = latest_model(warehouse, catalog=catalog)
    except WarehouseError:
        # It is damaged: a new one takes its place, and `train` says so.
        return None
    if found is None:
        return None
    before = read_learnt(read_attachment(warehouse, catalog=catalog, model_id=found[0], ending=ATTACHMENT))
    if before is None or before.settings != now.settings:
        return None
    age = (context.as_of - before.as_of).days
    share = changed_share(before, now)
    if share >= config.retrain_share or not 0 <= age < config.retrain_days:
        return None
    return (
        f"no new model: {share:.2%} of the labelled pairs have changed since model {found[0]} was made of those of"
        f" {before.as_of}; due from {config.retrain_share:.0%}, or after {config.retrain_days} days"
    )
