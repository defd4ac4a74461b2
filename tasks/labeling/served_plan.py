"""What asking about served lists would take at most, for they are made only later in the night. Asks nothing."""

from __future__ import annotations

import math
from dataclasses import replace
from itertools import cycle, islice
from typing import Literal

from tasks.contracts.context import StepContext
from tasks.contracts.plan import PlanLine
from tasks.labelers.openai import QUESTIONS_PER_REQUEST, OpenAILabeler
from tasks.labelers.protocol import RankQuestion
from tasks.labeling.build import make_labeler
from tasks.labeling.samples import sample_question
from warehouse.connection import open_warehouse


def plan_served(
    task: Literal["rerank", "explain"],
    context: StepContext,
    *,
    wanted: str,
    users: int | None,
    questions_per_user: int,
    items_per_question: int = 1,
) -> list[PlanLine]:
    """One line: as many questions as the users (at most `users`) make, each as long as one that is shown with it.

    What is stored already is free, and not known before the lists are.
    """
    with open_warehouse(context.folder) as warehouse:
        n_active = warehouse.value("queries/count_active_users", user_space=context.catalog.user_space)
        labeler = make_labeler(task, context, warehouse, wanted=wanted)
        sample, _ = sample_question(task, context, warehouse)
        if isinstance(sample, RankQuestion):
            sample = replace(sample, items=tuple(islice(cycle(sample.items), items_per_question)))
        # While the warehouse is open: the estimate asks the stored replies what is known already.
        one = labeler.estimate(task, [sample]) if isinstance(labeler, OpenAILabeler) else None
    n_users = n_active if users is None else min(users, n_active)
    n_questions = n_users * questions_per_user
    note = f"at most, if every list of {n_users} users is new; what was answered before is free"
    line = PlanLine(task, context.catalog.name, n_questions, labeler.name, note=note)
    if one is None or n_questions == 0:
        return [line]
    return [
        PlanLine(
            task,
            context.catalog.name,
            n_questions,
            labeler.name,
            requests=math.ceil(n_questions / QUESTIONS_PER_REQUEST[task]),
            tokens_in=one.tokens_in * n_questions,
            tokens_out=one.tokens_out * n_questions,
            cost_usd=one.cost_usd * n_questions if one.is_priced else None,
            note=note,
            prompt=f"{one.sample.system}\n\n{one.sample.user}" if one.sample else "",
        )
    ]
