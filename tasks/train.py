"""train: holdout candidates, truth -> features (shards) -> gate -> a LambdaMART model, champion or challenger.

Features of users with truth are written as shards, checked by the suite `features`, and joined with the truth of
training and validation users; test users' rows are written for `evaluate` and never learnt from. The model is stored as
text with its card and a picture of what it looks at, and takes the champion's place unless it is worse.
Time O(rows x features x trees x trials); memory O(shard) for features and a fixed number of rows for training.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from tasks.contracts.context import StepContext
from tasks.contracts.errors import StepError, TooFewLabelsError
from tasks.contracts.report import StepReport
from tasks.gates import summarize_features
from tasks.gating import check_suite
from tasks.keeping import code_digest
from tasks.loading.history import make_history
from tasks.loading.holdout_features import write_features
from tasks.loading.learning_rows import MAX_ROWS, LearningRows, read_rows
from tasks.loading.retraining import ATTACHMENT, learnt_now, why_champion_stays
from tasks.ranking.feature_table import FEATURE_NAMES, FEATURES, SOURCES
from tasks.ranking.learnt import Learnt
from tasks.ranking.model import TrainedRanker, dump_ranker, load_ranker, train_ranker
from tasks.ranking.model_card import CardFacts, count_rows, write_card
from tasks.ranking.promotion import Decision, decide_promotion, set_apart
from tasks.ranking.shap_picture import draw_explanation, explain_ranker
from tasks.ranking.splits import check_splits
from tasks.ranking.tuning import Tuning, tune_ranker
from tasks.running import task
from tasks.sharding.training import SpreadTraining, spread_training
from warehouse.clock import utc_now
from warehouse.connection import Warehouse, open_warehouse
from warehouse.errors import WarehouseError
from warehouse.models import Promotion, champion_id, latest_model, model_id_of, store_model

SHOWN_BLANK = 10


@dataclass(frozen=True)
class Made:
    """A new ranker, how its parameters were found, and the rows that compare it with the champion."""

    ranker: TrainedRanker
    tuning: Tuning | None
    comparison: pl.DataFrame | None


@task(name="train")
def train(context: StepContext) -> StepReport:
    """Build features, check them, train and store the ranker, and decide whether it serves.

    With too few labels no model is made and the report says so: `score` then serves the champion, or the fusion. Nor is one
    made in a night that changes little of what the champion has learnt (see tasks/loading/retraining).
    """
    with open_warehouse(context.folder, memory_limit_mb=context.memory_limit_mb) as warehouse:
        make_history(warehouse, context)
        shards = write_features(warehouse, context)
        pool = context.pool
        limits = {**MAX_ROWS, "train": pool.train_rows} if pool else MAX_ROWS
        rows = read_rows(warehouse, context, shards, max_rows=limits)
        try:
            check_splits(rows.splits)
            blank = _check_features(warehouse, context, shards)
            learnt = learnt_now(warehouse, context, rows, code=code_digest())
            stays = why_champion_stays(warehouse, context, learnt)
            if stays:
                return StepReport(stage="train", catalog=context.catalog.name, rows_in=rows.n_rows, notes=(stays,))
            whole = None
            if pool and rows.dropped["beyond_row_limit"]:
                whole = spread_training(warehouse, context, shards, pool=pool)
            made = _make_ranker(context, rows, whole)
        except TooFewLabelsError as error:
            return StepReport(
                stage="train", catalog=context.catalog.name, rows_in=rows.n_rows, notes=(f"no new model: {error}",)
            )
        model_id, decision = _store(warehouse, context, rows, made, blank, learnt)
    return StepReport(
        stage="train",
        catalog=context.catalog.name,
        rows_in=rows.n_rows,
        rows_out=made.ranker.n_rows,
        # What is beyond the limit of one machine was learnt on the workers.
        dropped={why: n for why, n in rows.dropped.items() if whole is None or why != "beyond_row_limit"},
        notes=_notes(model_id, made, decision, blank, is_backfill=context.is_backfill),
    )


def _check_features(warehouse: Warehouse, context: StepContext, shards: Sequence[Path]) -> list[str]:
    """Run the suite `features`; the features that have no value at all in this catalog and need not have one."""
    frames = summarize_features((pl.read_parquet(path) for path in shards), dict.fromkeys(FEATURE_NAMES, (None, None)))
    unused = tuple(f"{source}_" for source in SOURCES if source not in context.catalog.candidates.sources)
    optional = [one.name for one in FEATURES if one.known != "always" or (unused and one.name.startswith(unused))]
    is_blank = (pl.col("n_filled") == 0) & pl.col("feature").is_in(optional)
    blank = frames["feature_summary"].filter(is_blank)["feature"].to_list()
    frames["feature_summary"] = frames["feature_summary"].filter(~is_blank)
    check_suite("features", warehouse, context, frames=frames)
    return blank


def _make_ranker(context: StepContext, rows: LearningRows, whole: SpreadTraining | None) -> Made:
    config, threads = context.catalog.ranking, context.threads
    stopping, comparison = set_apart(rows.validation, seed=config.seed)
    tuning = tune_ranker(rows.train, stopping, config=config, n_threads=threads) if config.tuning_trials else None
    ranker = train_ranker(
        rows.train,
        stopping,
        comparison=comparison,
        config=config,
        n_threads=threads,
        extra=tuning.best.params if tuning else None,
        whole=whole,
    )
    return Made(ranker, tuning, comparison)


def _store(
    warehouse: Warehouse, context: StepContext, rows: LearningRows, made: Made, blank: Sequence[str], learnt: Learnt
) -> tuple[str, Decision | None]:
    """Store the model with its card, its picture and the decision.

    None where it is the champion already, and in a backfill: a model of an earlier day must not serve tonight.
    """
    text = dump_ranker(made.ranker)
    model_id, reigning = model_id_of(text), champion_id(warehouse, catalog=context.catalog.name)
    decision = None if model_id == reigning or context.is_backfill else _decide(warehouse, context, made)
    explained = explain_ranker(
        made.ranker, rows.validation, seed=context.catalog.ranking.seed, n_threads=context.threads
    )
    facts = CardFacts(
        model_id=model_id,
        catalog=context.catalog.name,
        title=context.catalog.title or context.catalog.name,
        licence=context.catalog.licence,
        as_of=context.as_of.isoformat(),
        run_id=context.run_id,
        code_version=context.code_version,
        rows=count_rows({"train": rows.train, "validation": rows.validation}),
        dropped=rows.dropped,
        weights=context.catalog.relevance.weights,
        blank=blank,
        tuning=made.tuning,
        decision=decision,
        explanation=explained,
        picture=f"{model_id}.shap.png",
    )
    title = f"{facts.title}: what moves the scores of model {model_id} ({len(explained.values):,} rows)"
    store_model(
        warehouse,
        catalog=context.catalog.name,
        text=text,
        metadata=_metadata(context, made),
        run_id=context.run_id,
        now=utc_now(),
        promotion=_promotion(decision, reigning) if decision else None,
        attachments={
            "card.md": write_card(made.ranker, facts).encode(),
            "shap.png": draw_explanation(explained, title=title),
            ATTACHMENT: learnt.text().encode(),
        },
    )
    return model_id, decision


def _decide(warehouse: Warehouse, context: StepContext, made: Made) -> Decision:
    try:
        found = latest_model(warehouse, catalog=context.catalog.name)
        champion = load_ranker(found[1]) if found else None
    except (WarehouseError, StepError) as error:
        return Decision(is_promoted=True, reason=f"not compared with the champion: {error}")
    return decide_promotion(
        made.ranker, champion, made.comparison, config=context.catalog.ranking, n_threads=context.threads
    )


def _promotion(decision: Decision, reigning: str | None) -> Promotion:
    found = decision.comparison
    return Promotion(
        is_promoted=decision.is_promoted,
        reason=decision.reason,
        champion_id=reigning,
        difference=found.difference.mean if found else None,
        low=found.difference.low if found else None,
        high=found.difference.high if found else None,
        n_users=found.n_users if found else None,
    )


def _metadata(context: StepContext, made: Made) -> dict[str, Any]:
    ranker, tuning = made.ranker, made.tuning
    found: dict[str, Any] = {
        "as_of": context.as_of.isoformat(),
        "params": dict(ranker.params),
        "n_users": ranker.n_users,
        "n_rows": ranker.n_rows,
        "n_trees": ranker.n_trees,
        "validation_ndcg@10": ranker.validation_ndcg,
        "feature_names": list(ranker.feature_names),
        "importances": dict(ranker.importances),
        "split": dict(ranker.split),
        "code_version": context.code_version,
    }
    if tuning:
        best = tuning.best
        found["tuning"] = {"n_trials": len(tuning.trials), "best_trial": best.number, "validation_ndcg@10": best.ndcg}
    return found


def _notes(
    model_id: str, made: Made, decision: Decision | None, blank: Sequence[str], *, is_backfill: bool
) -> tuple[str, ...]:
    ranker, tuning = made.ranker, made.tuning
    notes = [
        f"model {model_id}: {ranker.n_trees} trees from {ranker.n_users} users, validation NDCG@10"
        f" {ranker.validation_ndcg:.3f}; most gain from {', '.join(list(ranker.importances)[:3])}"
    ]
    if is_backfill:
        notes.append("ranks this day alone; the champion stays")
    elif decision is None:
        notes.append("the same model as the champion")
    elif decision.is_promoted:
        notes.append(f"promoted to champion: {decision.reason}")
    else:
        notes.append(f"kept back: {decision.reason}; the champion goes on serving")
    if tuning:
        short = f" of {tuning.n_asked}, for the time was up" if tuning.is_cut_short else ""
        notes.append(
            f"parameters of trial {tuning.best.number} of {len(tuning.trials)} trials{short}: validation NDCG@10"
            f" {tuning.trials[0].ndcg:.3f} before, {tuning.best.ndcg:.3f} after"
        )
    if blank:
        more = f" and {len(blank) - SHOWN_BLANK} more; the card names them" if len(blank) > SHOWN_BLANK else ""
        notes.append(f"features without a value in this catalog: {', '.join(blank[:SHOWN_BLANK])}{more}")
    return tuple(notes)
