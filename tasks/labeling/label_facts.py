"""What is known about tonight's labels, for the gates and the report: rows of label_metrics. Reads all labels, writes these.

share, stability_index, jensen_shannon    how the labels are spread, and how far that is from last week
alpha, kappa, weighted_kappa, agreement   between labelers; kappas also between people and each labeler
accuracy, calibration_error(_after)       on people's labels, of each labeler and of the label that counts
cost_per_label_usd, tokens_per_label      of this run
ungrounded_share                          claims of enrichments that their text does not carry
Time O(labels), memory O(answers of one task).
"""

from __future__ import annotations

import math
from typing import cast

import polars as pl

from tasks.agreement import measure_alpha, measure_pairs
from tasks.agreement.shift import jensen_shannon_distance, stability_index
from tasks.contracts.context import StepContext
from tasks.labelers.protocol import Task
from tasks.labeling.classes import NONE, classes_of, is_ordinal
from tasks.labeling.combining import read_answers, read_gold
from tasks.labeling.metrics import LabelMetric, store_metrics
from tasks.student.intervals import wilson_interval
from tasks.student.reliability import assess_calibration
from warehouse.connection import Warehouse

COMBINED_TASKS: tuple[Task, ...] = ("topics", "similar", "judge")
MIN_CALIBRATION = 30
SEED = 3
PEOPLE = "people"
COUNTS = "the label that counts"


def store_label_facts(warehouse: Warehouse, context: StepContext) -> None:
    """Measure and store all of it for the context's catalog and run."""
    _store_shares(warehouse, context)
    _store_costs(warehouse, context)
    _store_grounding(warehouse, context)
    for task in COMBINED_TASKS:
        if task == "topics" and not context.catalog.taxonomy:
            continue
        answers, gold = read_answers(warehouse, context, task), read_gold(warehouse, context, task)
        found = _measure_agreement(task, context, answers, gold)
        trusted = warehouse.query("queries/trusted_answers", catalog=context.catalog.name, task=task)
        trusted = trusted.with_columns(pl.col("answer").fill_null(NONE), labeler=pl.lit(COUNTS))
        for who in (*answers["labeler"].unique().sort(), COUNTS):
            said = (answers if who != COUNTS else trusted).filter(pl.col("labeler") == who)
            found += _measure_on_gold(who, said, gold)
        store_metrics(warehouse, context, task, found)


def _store_shares(warehouse: Warehouse, context: StepContext) -> None:
    name = context.catalog.name
    now = warehouse.query("queries/label_shares", catalog=name)
    before = warehouse.query("queries/label_shares_before", catalog=name, as_of=context.as_of)
    for (task,), rows in now.group_by("task", maintain_order=True):
        counts = dict(zip(rows["answer"], rows["n"], strict=True))
        total = sum(counts.values())
        found = [LabelMetric("share", answer, n / total, n=n) for answer, n in counts.items()]
        earlier = before.filter(pl.col("task") == task)
        if earlier.height:
            known = dict(zip(earlier["answer"], earlier["n"], strict=True))
            found.append(LabelMetric("stability_index", "a week", stability_index(known, counts), n=total))
            found.append(LabelMetric("jensen_shannon", "a week", jensen_shannon_distance(known, counts), n=total))
        store_metrics(warehouse, context, str(task), found)


def _store_costs(warehouse: Warehouse, context: StepContext) -> None:
    spent = warehouse.query("queries/label_costs", run_id=context.run_id, catalog=context.catalog.name)
    for row in spent.iter_rows(named=True):
        n = row["n_labels"]
        found = [
            LabelMetric("cost_per_label_usd", "run", row["cost_usd"] / n, n=n),
            LabelMetric("tokens_per_label", "run", row["tokens"] / n, n=n),
        ]
        store_metrics(warehouse, context, row["task"], found)


def _store_grounding(warehouse: Warehouse, context: StepContext) -> None:
    claims = warehouse.query("queries/grounded_claims", catalog=context.catalog.name).row(0, named=True)
    if n := claims["n_claims"]:
        low, high = wilson_interval(claims["n_ungrounded"], n)
        share = LabelMetric("ungrounded_share", "all", claims["n_ungrounded"] / n, low, high, n)
        store_metrics(warehouse, context, "enrich", [share])


def _measure_agreement(
    task: Task, context: StepContext, answers: pl.DataFrame, gold: pl.DataFrame
) -> list[LabelMetric]:
    classes, ordered = classes_of(task, context.catalog), is_ordinal(task)
    people = gold.select("question_key", labeler=pl.lit(PEOPLE), answer="answer")
    machines = answers.select("question_key", "labeler", "answer")
    found = []
    if machines["labeler"].n_unique() > 1:
        alpha = measure_alpha(machines, classes=classes, is_ordinal=ordered, seed=SEED)
        found.append(LabelMetric("alpha", "labelers", alpha.value, alpha.low, alpha.high, alpha.n))
    everyone = pl.concat([machines, people])
    if everyone["labeler"].n_unique() < 2:
        return found
    for pair in measure_pairs(everyone, classes=classes, is_ordinal=ordered, seed=SEED).iter_rows(named=True):
        subject = f"{pair['first']} and {pair['second']}"
        for metric in ("agreement", "kappa", *(("weighted_kappa",) if ordered else ())):
            value, low, high = (_number(pair[f"{metric}{part}"]) for part in ("", "_low", "_high"))
            found.append(LabelMetric(metric, subject, value, low, high, pair["n_answered"]))
    return found


def _measure_on_gold(who: str, said: pl.DataFrame, gold: pl.DataFrame) -> list[LabelMetric]:
    known = said.join(gold.select("question_key", truth="answer"), on="question_key").drop_nulls("confidence")
    n = known.height
    if n == 0:
        return []
    right = (known["answer"] == known["truth"]).to_numpy()
    low, high = wilson_interval(int(right.sum()), n)
    found = [LabelMetric("accuracy", who, float(right.mean()), low, high, n)]
    # People's own labels are sure of themselves: their calibration says nothing.
    if n >= MIN_CALIBRATION and who != COUNTS:
        report = assess_calibration(known["confidence"].to_numpy(), right, seed=SEED)
        found.append(LabelMetric("calibration_error", who, report.error_before, n=n))
        found.append(LabelMetric("calibration_error_after", who, report.error_after, n=n))
    return found


def _number(value: object) -> float:
    return math.nan if value is None else cast("float", value)
