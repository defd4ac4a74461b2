"""Judging by comparison: lists are put in order, a few pairs are graded by themselves, and both become grades.

Reads judge_samples; writes judge_rankings (orders, before they are used), judge_labels (the anchors under the labeler's own
fingerprint, the grades under `order_fingerprint`), dead_letters and label_metrics. What was paid for is stored first, and
grades are computed anew from it each night, for free: whoever is killed in between loses nothing.
Time O(lists * k² + users * items³), memory O(sampled pairs + orders).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import polars as pl

from tasks.contracts.catalog import hash_config
from tasks.contracts.context import StepContext
from tasks.contracts.labels import JudgeConfig
from tasks.contracts.report import StepReport, StoppedStage
from tasks.judging.grading import Standing, grade_all, pick_anchors, stand
from tasks.labelers.openai import OpenAILabeler
from tasks.labelers.protocol import Labeler, RankAnswer, Task
from tasks.labeling.activate import activate
from tasks.labeling.build import build_labeler
from tasks.labeling.grades import GRADE_SCHEMA, grade_row, measure_orders, store_grades
from tasks.labeling.land import land_replies
from tasks.labeling.panel import merge_reports, set_member, spent_by
from tasks.labeling.prompt_versions import store_prompt
from tasks.labeling.suspicions import SuspicionWatch
from tasks.loading.judging import make_questions, make_rank_questions
from tasks.loading.rankings import UserSample, read_grades, read_rankings, read_samples
from warehouse.connection import Warehouse

N_ANCHORS = 4
GRADING_VERSION = "1"
"""Raise it with any change of how orders become grades."""

RANK_SCHEMA = {
    "profile_hash": pl.String,
    "content_hashes": pl.List(pl.String),
    "ranks": pl.List(pl.Int32),
    "confidence": pl.Float64,
    "reason": pl.String,
}


def order_fingerprint(labeler: Labeler, config: JudgeConfig) -> str:
    """Of grades as the mode makes them: a labeler's own in mode "grades", else with all that changes the comparison."""
    if config.mode == "grades":
        return labeler.fingerprint("judge")
    window = config.window if config.mode == "listwise" else 2
    return hash_config(
        config.mode,
        window,
        config.rounds,
        config.seed,
        N_ANCHORS,
        GRADING_VERSION,
        labeler.fingerprint("rank"),
        labeler.fingerprint("judge"),
    )


def judge_in_order(context: StepContext, warehouse: Warehouse, *, design: str, watch: SuspicionWatch) -> StepReport:
    """Let each labeler of the catalog's list put its lists in order and grade its anchors; one report of all."""
    config = context.catalog.judge
    samples = read_samples(warehouse, context, design)
    reports: list[StepReport] = []
    panel = context.catalog.labelers.panel("judge")
    for position, wanted in enumerate(panel):
        labeler = build_labeler("judge", context, warehouse, wanted=wanted, spent=spent_by(reports), is_first=False)
        fingerprint = order_fingerprint(labeler, config)
        prompts = _store_prompts(warehouse, context, labeler)
        set_member(
            warehouse, context, task="judge", position=position, role="member", labeler=labeler, fingerprint=fingerprint
        )
        if position == 0:
            of = {"judge": fingerprint, "rank": labeler.fingerprint("rank")}
            for task, active in of.items():
                activate(
                    warehouse, context, task=task, fingerprint=active, labeler=labeler.name, prompt_hash=prompts[task]
                )
        try:
            reports.append(_ask(labeler, context, warehouse, samples, design=design, watch=watch))
        except StoppedStage as stopped:
            raise StoppedStage(replace(merge_reports([*reports, stopped.report]), stage="judge")) from stopped
    warehouse.run("queries/forget_members", catalog=context.catalog.name, task="judge", n_members=len(panel))
    return replace(merge_reports(reports), stage="judge")


def due_lists(
    warehouse: Warehouse, samples: Sequence[UserSample], fingerprint: str
) -> list[tuple[str, tuple[str, ...]]]:
    """Lists without an order under a fingerprint, as (user id, content hashes as shown)."""
    known = read_rankings(warehouse, samples, fingerprint)
    return [
        (sample.user_id, window)
        for sample in samples
        for window in sample.due({one.items for one, _ in known.get(sample.profile_hash, ())})
    ]


def _store_prompts(warehouse: Warehouse, context: StepContext, labeler: Labeler) -> Mapping[str, str]:
    if not isinstance(labeler, OpenAILabeler):
        return {"judge": "", "rank": ""}
    store_prompt(warehouse, context, task="rank", template=labeler.template("rank"))
    return {"judge": labeler.template("judge").hash, "rank": labeler.template("rank").hash}


def _ask(
    labeler: Labeler,
    context: StepContext,
    warehouse: Warehouse,
    samples: Sequence[UserSample],
    *,
    design: str,
    watch: SuspicionWatch,
) -> StepReport:
    ranks = labeler.fingerprint("rank")

    profiles = {sample.user_id: sample.profile_hash for sample in samples}
    lists = due_lists(warehouse, samples, ranks)
    _forget_unasked(
        warehouse,
        context,
        task="rank",
        fingerprint=ranks,
        keys=["|".join((profiles[user], *keys)) for user, keys in lists],
    )
    ordered = land_replies(
        labeler.rank(watch.profiles(make_rank_questions(warehouse, context, lists))),
        warehouse,
        context=context,
        labeler=labeler,
        task="rank",
        table="judge_rankings",
        schema=RANK_SCHEMA,
        row_of=_rank_row,
        count_due=lambda: len(due_lists(warehouse, samples, ranks)),
    )
    rankings = read_rankings(warehouse, samples, ranks)
    standings = [stand(one.profile_hash, one.contents, rankings.get(one.profile_hash, ())) for one in samples]
    reports = [_named(ordered, "lists")]
    if not ordered.is_partial:
        reports.append(_named(_ask_anchors(labeler, context, warehouse, samples, standings, watch=watch), "anchors"))
    anchors = read_grades(warehouse, samples, labeler.fingerprint("judge"))
    graded = grade_all(standings, anchors)
    report = merge_reports(reports)
    fingerprint = order_fingerprint(labeler, context.catalog.judge)
    told = [
        *measure_orders(warehouse, context, labeler=labeler, rankings=rankings, graded=graded),
        *store_grades(
            warehouse,
            context,
            samples,
            graded,
            design=design,
            fingerprint=fingerprint,
            labeler=labeler,
            is_partial=report.is_partial,
        ),
    ]
    return replace(report, notes=(*report.notes, *told))


def _ask_anchors(
    labeler: Labeler,
    context: StepContext,
    warehouse: Warehouse,
    samples: Sequence[UserSample],
    standings: Sequence[Standing],
    *,
    watch: SuspicionWatch,
) -> StepReport:
    fingerprint = labeler.fingerprint("judge")

    def find_due() -> pl.DataFrame:
        graded = read_grades(warehouse, samples, fingerprint)
        pairs = [
            (sample.user_id, content, f"{sample.profile_hash}|{content}")
            for sample, standing in zip(samples, standings, strict=True)
            for content in pick_anchors(
                standing, sample.active, graded.get(sample.profile_hash, {}), n_anchors=N_ANCHORS
            )
        ]
        return pl.DataFrame(pairs, schema=dict.fromkeys(("user_id", "content_hash", "key"), pl.String), orient="row")

    due = find_due()
    _forget_unasked(warehouse, context, task="judge", fingerprint=fingerprint, keys=due["key"].to_list())
    return land_replies(
        labeler.judge(watch.profiles(make_questions(warehouse, context, due))),
        warehouse,
        context=context,
        labeler=labeler,
        task="judge",
        table="judge_labels",
        schema=GRADE_SCHEMA,
        row_of=grade_row,
        count_due=lambda: find_due().height,
    )


def _forget_unasked(
    warehouse: Warehouse, context: StepContext, *, task: Task, fingerprint: str, keys: Sequence[str]
) -> None:
    """Lists of another design, and anchors that nobody needs any more, are no open questions."""
    warehouse.run(
        "queries/forget_unasked", catalog=context.catalog.name, task=task, fingerprint=fingerprint, keys=list(keys)
    )


def _named(report: StepReport, name: str) -> StepReport:
    """The report with its notes under a name, as two askings of one labeler follow one another."""
    return replace(report, stage="judge", notes=tuple(f"{name}: {note}" for note in report.notes))


def _rank_row(key: str, answer: RankAnswer) -> Mapping[str, Any]:
    profile_hash, *contents = key.split("|")
    return {
        "profile_hash": profile_hash,
        "content_hashes": contents,
        "ranks": list(answer.ranks),
        "confidence": answer.confidence,
        "reason": answer.reason,
    }
