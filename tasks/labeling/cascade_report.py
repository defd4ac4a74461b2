"""What a night's cascade did: who labeled how many, the error that the audit sample shows, tokens and money saved.

Writes label_metrics. Time and memory O(contents).
"""

from __future__ import annotations

import hashlib
import math
from collections import Counter
from typing import Any

import numpy as np

from tasks.contracts.catalog import hash_config
from tasks.contracts.context import StepContext
from tasks.labelers.protocol import Labeler
from tasks.labeling.cascade_evidence import Evidence
from tasks.labeling.metrics import LabelMetric, store_metrics
from tasks.student.auditing import ErrorEstimate, audit_error, audit_sources
from tasks.student.deciding import Decisions, Source
from tasks.student.threshold import Threshold
from warehouse.connection import Warehouse

OVERALL = "all"


def note_cascade(
    context: StepContext,
    warehouse: Warehouse,
    evidence: Evidence,
    decisions: Decisions,
    unaided: Decisions,
    threshold: Threshold,
    *,
    strong: Labeler,
) -> tuple[tuple[str, ...], dict[str, Any]]:
    """Store the figures; lines for the operator, and the facts to keep with the student.

    The error is how often the cascade, left without the strong labeler's answer, differs from it on the random audit
    sample; by source, and over all contents. 95 % intervals.
    """
    n = len(evidence.keys)
    counts = Counter(str(source) for source in decisions.sources)
    audit = np.flatnonzero(evidence.in_audit)
    wrong = unaided.codes[audit] != evidence.strong[audit]
    chances = evidence.audit[audit]
    overall = audit_error(wrong, probabilities=chances, n_classes=len(evidence.classes))
    by_source = audit_sources(
        [str(unaided.sources[row]) for row in audit], wrong, probabilities=chances, n_classes=len(evidence.classes)
    )
    spent = warehouse.query(
        "queries/labeling_costs", catalog=context.catalog.name, fingerprint=strong.fingerprint("topics")
    ).row(0, named=True)
    each = max(1, spent["n_labels"])
    saved = n - spent["n_labels"]
    tokens, money = spent["tokens"] / each * saved, spent["cost_usd"] / each * saved
    shares = [LabelMetric("source_share", source, count / max(1, n), n=count) for source, count in counts.items()]
    errors = [_metric(source, found) for source, found in {OVERALL: overall, **by_source}.items()]
    promise = LabelMetric(
        "student_error_bound", "student", threshold.error_upper_bound, high=threshold.max_error, n=threshold.n
    )
    savings = [
        LabelMetric("strong_share", strong.name, spent["n_labels"] / max(1, n), n=n),
        LabelMetric("tokens_saved", strong.name, tokens, n=saved),
        LabelMetric("cost_saved_usd", strong.name, money, n=saved),
    ]
    store_metrics(warehouse, context, "topics", [*shares, *errors, promise, *savings])
    notes = (
        "labeled by " + ", ".join(f"{source} {counts[source]}" for source in _order(counts)),
        _describe_error(overall),
        _describe_promise(threshold),
        f"{strong.name} has answered {spent['n_labels']} of {n} contents"
        + (f"; about {tokens:.0f} tokens and ${money:.4f} saved" if spent["n_labels"] else ""),
    )
    facts = {
        "basis": basis_of(evidence, context),
        "threshold": None if threshold.answers_nothing else threshold.value,
        "error_upper_bound": threshold.error_upper_bound,
        "coverage": threshold.coverage,
        "n_calibration": threshold.n,
        "sources": dict(counts),
    }
    return notes, facts


def basis_of(evidence: Evidence, context: StepContext) -> str:
    """A hash of all that the decisions follow from: while it stays, they need not be made again."""
    digest = hashlib.sha256(hash_config(context.catalog.cascade, list(evidence.classes)).encode())
    digest.update("|".join(evidence.keys).encode())
    for part in (evidence.cheap, evidence.strong, evidence.people, np.nan_to_num(evidence.audit)):
        digest.update(np.ascontiguousarray(part).tobytes())
    return digest.hexdigest()[:16]


def _metric(source: str, found: ErrorEstimate) -> LabelMetric:
    return LabelMetric("audit_error", source, found.rate, found.low, found.high, found.n)


def _describe_error(found: ErrorEstimate) -> str:
    if math.isnan(found.rate):
        return "no audit sample yet: the error is unknown"
    return (
        f"without the strong labeler {found.rate:.1%} [{found.low:.1%}, {found.high:.1%}] of the labels would differ from"
        f" its own, by {found.n} audited"
    )


def _describe_promise(threshold: Threshold) -> str:
    if threshold.answers_nothing:
        return (
            f"the student answers nothing alone: {threshold.n} audited contents don't show an error of at most"
            f" {threshold.max_error:.1%}"
        )
    return (
        f"the student answers from confidence {threshold.value:.3f} on, {threshold.coverage:.0%} of the contents, with an error"
        f" of at most {threshold.max_error:.1%} (19 times in 20)"
    )


def _order(counts: Counter[str]) -> list[str]:
    order = [str(source) for source in Source]
    return sorted(counts, key=order.index)
