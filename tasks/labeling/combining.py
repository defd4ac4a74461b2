"""One label a question from all who answered it: combined_labels, rewritten each night, for free.

Several labelers' answers are combined as the catalog says; a single labeler's stay as they are, but that their confidences
are calibrated where people have labeled enough to do so. Time O(answers), memory O(answers of one task).
"""

from __future__ import annotations

import numpy as np
import polars as pl

from tasks.contracts.context import StepContext
from tasks.labelers.protocol import Task
from tasks.labeling.classes import NONE, classes_of, is_ordinal
from warehouse.clock import utc_now
from warehouse.connection import Warehouse

MIN_CALIBRATION = 50
"""People's labels from which on confidences are calibrated on them."""
COMBINE_SEED = 11


def combine_labels(task: Task, context: StepContext, warehouse: Warehouse) -> tuple[str, ...]:
    """Write the combined labels of a task; returns notes for the operator, none where a single labeler's answers stand."""
    known = warehouse.query("queries/count_members", catalog=context.catalog.name, task=task).row(0, named=True)
    if known["n_labelers"] < 2 and known["n_people"] < MIN_CALIBRATION:
        warehouse.run("queries/forget_combined", catalog=context.catalog.name, task=task)
        return ()
    # What combines is imported where there is something to combine: it brings scikit-learn and pandas with it.
    from tasks.agreement import combine

    answers = read_answers(warehouse, context, task)
    gold = read_gold(warehouse, context, task)
    n_labelers = answers["labeler"].n_unique()
    if n_labelers > 1:
        found = combine(
            answers,
            method=context.catalog.combine.method,
            classes=classes_of(task, context.catalog),
            is_ordinal=is_ordinal(task),
            gold=gold if gold.height else None,
            seed=COMBINE_SEED,
        )
        found = found.with_columns(source=pl.col("method"))
        why = next(iter(found["reason"].drop_nulls()), "")
        shared = answers.group_by("question_key").len().filter(pl.col("len") == n_labelers).height
        notes: tuple[str, ...] = (
            f"{found.height} labels combined by {found['method'][0]}{f': {why}' if why else ''}",
            f"{n_labelers} labelers, {shared} questions answered by all of them",
        )
    else:
        found, notes = _calibrate(answers, gold)
    _store(warehouse, context, task, found)
    return notes


def read_answers(warehouse: Warehouse, context: StepContext, task: Task) -> pl.DataFrame:
    """question_key, labeler, answer, confidence of today's labelers; a topic's "none of these" is an answer of its own.

    Labelers of one name, as two endpoints with one model, are told apart by their fingerprints.
    """
    frame = warehouse.query("queries/panel_answers_of", catalog=context.catalog.name, task=task)
    names = frame.group_by("labeler").agg(pl.col("fingerprint").n_unique().alias("n"))
    same = names.filter(pl.col("n") > 1)["labeler"].to_list()
    told = pl.when(pl.col("labeler").is_in(same)).then(
        pl.format("{}#{}", "labeler", pl.col("fingerprint").str.slice(0, 4))
    )
    known = frame.with_columns(labeler=told.otherwise(pl.col("labeler")), answer=pl.col("answer").fill_null(NONE))
    classes = classes_of(task, context.catalog)
    return known.filter(pl.col("answer").is_in(classes)).select("question_key", "labeler", "answer", "confidence")


def read_gold(warehouse: Warehouse, context: StepContext, task: Task) -> pl.DataFrame:
    """question_key and answer of people's labels; judged pairs with the user as their group."""
    frame = warehouse.query("queries/person_answers", catalog=context.catalog.name, task=task)
    known = frame.select("question_key", pl.col("answer").fill_null(NONE))
    known = known.filter(pl.col("answer").is_in(classes_of(task, context.catalog)))
    if task == "judge":
        return known.with_columns(group=pl.col("question_key").str.split("|").list.first())
    return known


def _calibrate(answers: pl.DataFrame, gold: pl.DataFrame) -> tuple[pl.DataFrame, tuple[str, ...]]:
    known = answers.join(gold.select("question_key", truth="answer"), on="question_key")
    if known.height < MIN_CALIBRATION:
        return answers.clear(), ()
    from tasks.student.calibration import fit_calibration

    right = (known["answer"] == known["truth"]).to_numpy()
    curve = fit_calibration(known["confidence"].to_numpy().astype(np.float64), right)
    honest = curve.apply(answers["confidence"].to_numpy().astype(np.float64))
    found = answers.select(
        "question_key",
        "answer",
        confidence=pl.Series(honest),
        score=pl.lit(None, dtype=pl.Float64),
        n_labelers=pl.lit(1, dtype=pl.Int64),
        method=pl.lit("calibrated"),
        source=pl.format("{} calibrated", "labeler"),
    )
    return found, (f"confidences calibrated on {known.height} of people's labels",)


def _store(warehouse: Warehouse, context: StepContext, task: Task, found: pl.DataFrame) -> None:
    """Replace the combined labels of the task; none, and the single labeler's count again."""
    scope = {"catalog": context.catalog.name, "task": task, "run_id": context.run_id}
    with warehouse.transaction():
        warehouse.run("queries/forget_combined", catalog=context.catalog.name, task=task)
        if found.height:
            answer = pl.when(pl.col("answer") != NONE).then(pl.col("answer"))
            rows = found.select(
                "question_key", "score", "n_labelers", "method", "source", "confidence", answer=answer
            ).filter(pl.col("confidence").is_not_null())
            rows = rows.with_columns(
                *(pl.lit(value).alias(name) for name, value in scope.items()), created_at=pl.lit(utc_now())
            )
            warehouse.insert("combined_labels", rows)
