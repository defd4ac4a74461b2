"""judge: a sample of user-item pairs -> judge_samples (with probabilities) -> judge_labels (relevance 0-3).

Coins are thrown for users and items that are new (judge_drawn remembers), then the pairs without a label under today's
fingerprint are asked, users in blocks; in the modes pairwise and listwise lists of them are put in order instead, which
`tasks.labeling.ranked` makes grades of. Time O(new users x items + users x new items), memory O(block x items).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tasks.contracts.catalog import hash_config
from tasks.contracts.context import StepContext
from tasks.contracts.plan import PlanLine
from tasks.contracts.report import StepReport
from tasks.labelers.protocol import JudgeQuestion, Labeler
from tasks.labeling import land_replies, make_labeler
from tasks.labeling.activate import activate
from tasks.labeling.combining import combine_labels
from tasks.labeling.estimate import estimate_line
from tasks.labeling.grades import GRADE_SCHEMA, grade_row
from tasks.labeling.panel import ask_panel
from tasks.labeling.ranked import N_ANCHORS, due_lists, judge_in_order
from tasks.labeling.sampling import draw_pairs, strata_of
from tasks.labeling.suspicions import SuspicionWatch, watch_suspicions
from tasks.loading.judge_pool import PoolLoader
from tasks.loading.judging import BLOCK_USERS, make_questions, make_rank_questions
from tasks.loading.rankings import read_samples
from tasks.ranking.splits import split_of
from tasks.running import task
from warehouse.connection import Warehouse, open_warehouse
from warehouse.vectors import read_vectors

BLOCK_CELLS = 8_000_000


@task(name="judge", hours=24)
def judge(context: StepContext) -> StepReport:
    """Draw the pairs that are due for a coin, and ask for the relevance of those without a label."""
    if context.catalog.judge.pairs_per_user == 0 and context.catalog.judge.evaluation_pairs_per_user == 0:
        return StepReport(stage="judge", catalog=context.catalog.name, notes=("the catalog switches the judge off",))
    with open_warehouse(context.folder, memory_limit_mb=context.memory_limit_mb) as warehouse:
        design = _design(context)
        activate(warehouse, context, task="judge_design", fingerprint=design, labeler="sample")
        n_drawn, told = _draw(warehouse, context, design)
        with watch_suspicions(warehouse, context) as watch:
            if context.catalog.judge.mode == "grades":
                report = ask_panel(
                    "judge", context, warehouse, lambda one: _grade(one, context, warehouse, design=design, watch=watch)
                )
            else:
                report = judge_in_order(context, warehouse, design=design, watch=watch)
        combined = combine_labels("judge", context, warehouse)
    return replace(report, notes=(*report.notes, *combined, *told, f"{n_drawn} pairs newly drawn"))


def plan_judge(context: StepContext) -> list[PlanLine]:
    """What judging would take, a line a labeler: pairs drawn and not labeled, about how many more are drawn; asks nothing."""
    config = context.catalog.judge
    if config.pairs_per_user == 0 and config.evaluation_pairs_per_user == 0:
        return [PlanLine("judge", context.catalog.name, 0, "nobody", note="the catalog switches the judge off")]
    with open_warehouse(context.folder) as warehouse:
        design = _design(context)
        users = warehouse.query(
            "queries/judge_users", catalog=context.catalog.name, user_space=context.catalog.user_space, design=design
        )
        new = min(int((~users["is_drawn"]).sum()), config.max_users)
        note = f"about {new * config.pairs_per_user} more pairs are drawn for {new} new users" if new else ""
        return [
            _plan_one(warehouse, context, wanted, design=design, note=note)
            for wanted in context.catalog.labelers.panel("judge")
        ]


def _plan_one(warehouse: Warehouse, context: StepContext, wanted: str, *, design: str, note: str) -> PlanLine:
    labeler = make_labeler("judge", context, warehouse, wanted=wanted)
    if context.catalog.judge.mode == "grades":
        due = _questions(warehouse, context, design, labeler.fingerprint("judge"))
        return estimate_line("judge", context, labeler, due, note=note)
    lists = due_lists(warehouse, read_samples(warehouse, context, design), labeler.fingerprint("rank"))
    asked = f"lists to put in order; then up to {N_ANCHORS} pairs a user are graded by themselves"
    line = estimate_line(
        "rank",
        context,
        labeler,
        make_rank_questions(warehouse, context, lists),
        note="; ".join(part for part in (asked, note) if part),
    )
    return replace(line, stage="judge")


def _grade(
    labeler: Labeler, context: StepContext, warehouse: Warehouse, *, design: str, watch: SuspicionWatch
) -> StepReport:
    fingerprint = labeler.fingerprint("judge")
    return land_replies(
        labeler.judge(watch.profiles(_questions(warehouse, context, design, fingerprint))),
        warehouse,
        context=context,
        labeler=labeler,
        task="judge",
        table="judge_labels",
        schema=GRADE_SCHEMA,
        row_of=grade_row,
        count_due=lambda: _due(warehouse, context, design, fingerprint).height,
    )


def _design(context: StepContext) -> str:
    """Hash of what changes the sample, and of nothing that only changes how it is judged."""
    sample = context.catalog.judge.model_dump(mode="json", exclude={"mode", "window", "rounds"})
    return hash_config(sample, context.catalog.ranking.test_share)


def _draw(warehouse: Warehouse, context: StepContext, design: str) -> tuple[int, tuple[str, ...]]:
    """How many pairs were newly drawn, and what is to be told of the sources."""
    catalog = context.catalog
    scope = {"catalog": catalog.name, "design": design}
    items, vectors = read_vectors(warehouse, "queries/judge_items", **scope)
    users = warehouse.query("queries/judge_users", user_space=catalog.user_space, **scope)
    users = _chosen_users(users, catalog.judge.max_users)
    has_new_items = not items.is_empty() and not items["is_drawn"].all()
    if not has_new_items:
        users = users.filter(~pl.col("is_drawn"))
    if items.is_empty() or users.is_empty():
        return 0, ()
    n_drawn = 0
    loader = PoolLoader(warehouse, context, contents=items["content_hash"], vectors=vectors)
    block = max(1, min(BLOCK_USERS, BLOCK_CELLS // items.height))
    for start in range(0, users.height, block):
        part = users.slice(start, block)
        drawn = _draw_block(warehouse, context, items=items, users=part, loader=loader)
        marks = part.filter(~pl.col("is_drawn")).select(key_hash="profile_hash", kind=pl.lit("user"))
        with warehouse.transaction():
            warehouse.insert("judge_samples", _scoped(drawn, context, design), on_conflict="ignore")
            warehouse.insert("judge_drawn", _scoped(marks, context, design), on_conflict="ignore")
        n_drawn += drawn.height
    marks = items.filter(~pl.col("is_drawn")).select(key_hash="content_hash", kind=pl.lit("item"))
    with warehouse.transaction():
        warehouse.insert("judge_drawn", _scoped(marks, context, design), on_conflict="ignore")
    return n_drawn, loader.notes


def _chosen_users(users: pl.DataFrame, max_users: int) -> pl.DataFrame:
    """Users already drawn, and of the others those with the smallest profile hashes, up to max_users in all."""
    if users.height <= max_users:
        return users
    ranked = users.sort(~pl.col("is_drawn"), "profile_hash").head(max_users)
    return ranked.sort("user_id")


def _draw_block(
    warehouse: Warehouse, context: StepContext, *, items: pl.DataFrame, users: pl.DataFrame, loader: PoolLoader
) -> pl.DataFrame:
    catalog = context.catalog
    user_ids = users["user_id"].to_list()
    is_open = ~np.logical_and.outer(users["is_drawn"].to_numpy(), items["is_drawn"].to_numpy())
    is_seen = np.zeros_like(is_open)
    seen = warehouse.query("queries/seen_pairs", catalog=catalog.name, user_ids=user_ids, as_of_end=context.as_of_end)
    row = {user: number for number, user in enumerate(user_ids)}
    column = {content: number for number, content in enumerate(items["content_hash"])}
    for user, content in seen.iter_rows():
        if content in column:
            is_seen[row[user], column[content]] = True
    is_test = (_splits(context, users["user_id"]) == "test").to_numpy()
    n_pairs = np.where(is_test, catalog.judge.evaluation_pairs_per_user, catalog.judge.pairs_per_user)
    pool = loader.load(users, n_pairs=n_pairs, n_seen=is_seen.sum(axis=1))
    drawn = draw_pairs(
        pool,
        user_keys=_keys(users["profile_hash"]),
        item_keys=_keys(items["content_hash"]),
        n_pairs=n_pairs,
        is_open=is_open,
        is_seen=is_seen,
        config=catalog.judge,
    )
    return pl.DataFrame(
        {
            "user_id": users["user_id"].gather(drawn.user),
            "profile_hash": users["profile_hash"].gather(drawn.user),
            "item_id": items["item_id"].gather(drawn.item),
            "content_hash": items["content_hash"].gather(drawn.item),
            "stratum": pl.Series(np.array(strata_of(pool.sources))[drawn.stratum], dtype=pl.String),
            "sampling_probability": drawn.probability,
        }
    )


def _splits(context: StepContext, user_ids: pl.Series) -> pl.Series:
    ranking = context.catalog.ranking
    return split_of(
        user_ids, seed=ranking.seed, validation_share=ranking.validation_share, test_share=ranking.test_share
    )


def _keys(hashes: pl.Series) -> NDArray[np.uint64]:
    return np.array([int(text[:16], 16) for text in hashes], dtype=np.uint64)


def _scoped(frame: pl.DataFrame, context: StepContext, design: str) -> pl.DataFrame:
    return frame.with_columns(
        catalog=pl.lit(context.catalog.name), design=pl.lit(design), run_id=pl.lit(context.run_id)
    )


def _due(warehouse: Warehouse, context: StepContext, design: str, fingerprint: str) -> pl.DataFrame:
    catalog = context.catalog
    return warehouse.query(
        "queries/pairs_to_judge",
        catalog=catalog.name,
        user_space=catalog.user_space,
        design=design,
        fingerprint=fingerprint,
    )


def _questions(warehouse: Warehouse, context: StepContext, design: str, fingerprint: str) -> Iterator[JudgeQuestion]:
    yield from make_questions(warehouse, context, _due(warehouse, context, design, fingerprint))
