"""Grades on their way into the warehouse: rows of judge_labels, what is told of orders, and pairs that got no grade.

Writes judge_labels, dead_letters and label_metrics; all of it follows from orders and anchors that are stored already.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import polars as pl

from tasks.contracts.context import StepContext
from tasks.judging.grading import Anchor, Graded
from tasks.judging.order_bias import Ranked, measure_order_bias
from tasks.labelers.protocol import JudgeAnswer, Labeler
from tasks.labeling.land import PROVENANCE
from tasks.loading.rankings import UserSample, read_grades
from warehouse.clock import utc_now
from warehouse.connection import Warehouse

BLOCK_USERS = 500
GRADE_SCHEMA = {
    "profile_hash": pl.String,
    "content_hash": pl.String,
    "relevance": pl.Int32,
    "confidence": pl.Float64,
    "reason": pl.String,
}


def grade_row(key: str, answer: JudgeAnswer) -> Mapping[str, Any]:
    """A row of judge_labels, from a question's key and its answer."""
    profile_hash, content_hash = key.split("|")
    return {
        "profile_hash": profile_hash,
        "content_hash": content_hash,
        "relevance": answer.relevance,
        "confidence": answer.confidence,
        "reason": answer.reason,
    }


def store_grades(
    warehouse: Warehouse,
    context: StepContext,
    samples: Sequence[UserSample],
    graded: Graded,
    *,
    design: str,
    fingerprint: str,
    labeler: Labeler,
    is_partial: bool,
) -> list[str]:
    """Replace the grades of users of whom one has changed; what is to be told of it.

    Pairs without a grade become dead letters, but for those whose turn has not come, as the asking ended early. A grade
    costs nothing: what was paid stands with the orders and the anchors.
    """
    n_changed = n_dead = 0
    scope = {"catalog": context.catalog.name, "design": design, "fingerprint": fingerprint}
    origin = {"fingerprint": fingerprint, "labeler": labeler.name}
    for start in range(0, len(samples), BLOCK_USERS):
        block = samples[start : start + BLOCK_USERS]
        dead = [] if is_partial else _dead_letters(context, block, graded, origin)
        n_changed += _store_block(warehouse, context, block, graded, scope=scope, origin=origin, dead=dead)
        n_dead += len(dead)
    notes = [
        f"{len(graded.grades)} grades from orders and {graded.n_anchors} anchors, {n_changed} of them new or changed"
    ]
    if graded.ungraded and not graded.n_anchors:
        notes.append(
            "no order could become a grade: not one pair was graded by itself, and an order does not say whether any item is good"
        )
    elif n_dead:
        notes.append(f"{n_dead} pairs got no grade: see the dead letters")
    return notes


def _store_block(
    warehouse: Warehouse,
    context: StepContext,
    block: Sequence[UserSample],
    graded: Graded,
    *,
    scope: Mapping[str, str],
    origin: Mapping[str, str],
    dead: Sequence[Mapping[str, Any]],
) -> int:
    """Store the grades of some users in one transaction; how many of them are new or changed."""
    stored = read_grades(warehouse, block, scope["fingerprint"])
    wanted = {
        one.profile_hash: {
            key: graded.grades[one.profile_hash, key]
            for key in one.contents
            if (one.profile_hash, key) in graded.grades
        }
        for one in block
    }
    changed = [
        one.profile_hash
        for one in block
        if _of(stored.get(one.profile_hash, {}), one.contents) != wanted[one.profile_hash]
    ]
    rows = [
        {
            **grade_row(f"{profile}|{key}", JudgeAnswer(one.relevance, one.confidence, one.reason)),
            **_free(context),
            **origin,
        }
        for profile in changed
        for key, one in wanted[profile].items()
    ]
    keys = [f"{profile}|{key}" for profile, grades in wanted.items() for key in grades]
    with warehouse.transaction():
        warehouse.run("queries/forget_grades", profile_hashes=changed, **scope)
        warehouse.insert("judge_labels", pl.DataFrame(rows, schema={**GRADE_SCHEMA, **PROVENANCE}, orient="row"))
        ungraded = {name: scope[name] for name in ("catalog", "fingerprint")}
        warehouse.run("queries/forget_ungraded", keys=keys, **ungraded)
        if dead:
            warehouse.insert("dead_letters", pl.DataFrame(dead), on_conflict="replace")
    return sum(
        one != stored.get(profile, {}).get(key) for profile, grades in wanted.items() for key, one in grades.items()
    )


def measure_orders(
    warehouse: Warehouse,
    context: StepContext,
    *,
    labeler: Labeler,
    rankings: Mapping[str, Sequence[tuple[Ranked, str]]],
    graded: Graded,
) -> list[str]:
    """Write what is known of a judge's orders into label_metrics, as of this run; and the same as notes."""
    found = measure_order_bias([one for ranked in rankings.values() for one, _ in ranked])
    estimates = {**found, "anchor_agreement": graded.agreement}
    rows = [
        {
            "run_id": context.run_id,
            "catalog": context.catalog.name,
            "task": "judge",
            "metric": metric,
            "subject": labeler.name,
            "value": None if np.isnan(one.value) else one.value,
            "low": one.low,
            "high": one.high,
            "n": one.n,
            "created_at": utc_now(),
        }
        for metric, one in estimates.items()
        if one.n
    ]
    if rows:
        warehouse.insert("label_metrics", pl.DataFrame(rows), on_conflict="replace")
    notes = []
    if found:
        bias, same = found["order_bias"], found["order_consistency"]
        notes.append(
            f"order bias {bias.value:+.3f} ({bias.low:+.3f} to {bias.high:+.3f}) over {bias.n} lists shown both ways round, which"
            f" averages it out; {same.value:.1%} of pairs stand alike both times"
        )
    if graded.agreement.n:
        notes.append(
            f"{graded.agreement.value:.1%} of {graded.agreement.n} anchors got the grade that they have by themselves"
        )
    return notes


def _of(stored: Mapping[str, Anchor], contents: Sequence[str]) -> Mapping[str, Anchor]:
    """Of the stored grades those of this catalog's sample: users may be shared with other catalogs."""
    return {key: stored[key] for key in contents if key in stored}


def _free(context: StepContext) -> Mapping[str, Any]:
    spent = {"requests": 0, "tokens_in": 0, "tokens_out": 0, "cost_usd": 0.0}
    return {**spent, "run_id": context.run_id, "created_at": utc_now()}


def _dead_letters(
    context: StepContext, samples: Sequence[UserSample], graded: Graded, origin: Mapping[str, str]
) -> list[dict[str, Any]]:
    return [
        {
            "catalog": context.catalog.name,
            "task": "judge",
            "question_key": f"{one.profile_hash}|{key}",
            **origin,
            "reason": graded.ungraded[one.profile_hash, key],
            "raw_reply": "",
            "attempts": 0,
            "run_id": context.run_id,
            "created_at": utc_now(),
        }
        for one in samples
        for key in one.active
        if (one.profile_hash, key) in graded.ungraded
    ]
