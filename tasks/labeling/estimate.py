"""Estimates what a labeler would take for its work list. Asks nothing; time O(questions)."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import count
from typing import Any

from tasks.contracts.context import StepContext
from tasks.contracts.plan import PlanLine
from tasks.labelers.openai import OpenAILabeler
from tasks.labelers.openai_verify import VerifyingLabeler
from tasks.labelers.protocol import Labeler, Task


def estimate_line(
    task: Task,
    context: StepContext,
    labeler: Labeler,
    questions: Iterable[Any],
    *,
    note: str = "",
) -> PlanLine:
    """The plan's line for the questions that are due. Stored replies are free, and not counted as requests."""
    name = context.catalog.name
    if isinstance(labeler, VerifyingLabeler):
        told = f"what {labeler.verifier} is asked to verify is not counted"
        return estimate_line(
            task, context, labeler.labeler, questions, note="; ".join(part for part in (note, told) if part)
        )
    if not isinstance(labeler, OpenAILabeler):
        return PlanLine(task, name, sum(1 for _ in questions), labeler.name, note=note)
    counted = count()
    found = labeler.estimate(task, (question for question, _ in zip(questions, counted, strict=False)))
    stored = f"{found.stored} questions are answered from the store" if found.stored else ""
    return PlanLine(
        stage=task,
        catalog=name,
        rows_due=next(counted),
        labeler=labeler.name,
        requests=found.requests,
        tokens_in=found.tokens_in,
        tokens_out=found.tokens_out,
        cost_usd=found.cost_usd if found.is_priced else None,
        note="; ".join(part for part in (note, stored) if part),
        prompt=f"{found.sample.system}\n\n{found.sample.user}" if found.sample else "",
    )
