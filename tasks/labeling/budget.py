"""What a task may still ask: the catalog's budget for the task and for the run, less what the run has spent.

Reads stage_runs. What is spent by earlier stages of a run counts, because each of them has recorded its report.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import cast, get_args

from tasks.contracts.asking import BudgetConfig, TaskBudget
from tasks.contracts.context import EndpointSettings, StepContext
from tasks.contracts.errors import ConfigError
from tasks.contracts.plan import PlanLine
from tasks.labelers.protocol import Task
from tasks.llm.budget import Budget
from warehouse.connection import Warehouse

TASKS = get_args(Task)
Limits = tuple[int | None, float | None]
"""Requests and US dollars; None: no limit."""
Spent = tuple[int, float]
"""Requests and US dollars."""


def budget_for(
    task: Task, context: StepContext, warehouse: Warehouse, *, endpoint: EndpointSettings, spent: Spent = (0, 0.0)
) -> Budget | None:
    """What `task` may ask of `endpoint` from now on, None without a limit; spent is what the task has asked tonight.

    Raises ConfigError where money is limited and the task's endpoint states no price: the limit could never be reached.
    """
    earlier = warehouse.query("queries/run_spending", run_id=context.run_id, catalog=context.catalog.name)
    requests, cost_usd = left_for(
        task,
        context.catalog.budget,
        spent_requests=earlier["requests"][0],
        spent_usd=earlier["cost_usd"][0],
        spent_here=spent,
    )
    if cost_usd is not None and not endpoint.is_priced:
        raise ConfigError(
            f"catalog {context.catalog.name!r} limits what {task!r} may cost, but the endpoint {endpoint.name!r} has no"
            " prices, so that the limit could never be reached; set its price_in and price_out, or limit max_requests"
        )
    if requests is None and cost_usd is None:
        return None
    return Budget(max_requests=requests, max_cost_usd=cost_usd)


def left_for(
    task: Task, budget: BudgetConfig, *, spent_requests: int, spent_usd: float, spent_here: Spent = (0, 0.0)
) -> Limits:
    """The smaller of what is left of the task's limit and of the run's, at least 0; spent_here is the task's own share.

    >>> left_for("judge", BudgetConfig(max_requests=10, judge=TaskBudget(max_requests=8)), spent_requests=4, spent_usd=0.0)
    (6, None)
    """
    own: TaskBudget = getattr(budget, {"rank": "judge"}.get(task, task))
    here, here_usd = spent_here
    requests = [(own.max_requests, here), (budget.max_requests, spent_requests + here)]
    cost_usd = [(own.max_cost_usd, here_usd), (budget.max_cost_usd, spent_usd + here_usd)]
    return (
        min((max(0, limit - used) for limit, used in requests if limit is not None), default=None),
        min((max(0.0, limit - used) for limit, used in cost_usd if limit is not None), default=None),
    )


def note_budget(lines: Sequence[PlanLine], budget: BudgetConfig) -> list[PlanLine]:
    """The plan's lines of one catalog, with a note where the budget would end a task before its work list does.

    Tasks are taken in the order of the lines, and each spends what its estimate says, or what is left to it.
    """
    noted: list[PlanLine] = []
    spent_requests, spent_usd = 0, 0.0
    for line in lines:
        if line.stage not in TASKS or not line.requests:
            noted.append(line)
            continue
        left = left_for(cast("Task", line.stage), budget, spent_requests=spent_requests, spent_usd=spent_usd)
        share, said = _first_reached(line, left)
        spent_requests += round(line.requests * share)
        spent_usd += (line.cost_usd or 0.0) * share
        if said:
            ends = f"the budget of {said} ends this about at row {math.floor(line.rows_due * share)} of {line.rows_due}"
            line = replace(line, note="; ".join(part for part in (line.note, ends) if part))
        noted.append(line)
    return noted


def _first_reached(line: PlanLine, left: Limits) -> tuple[float, str]:
    """The share of a line that its limits allow, and the limit that ends it; 1.0 and "" where none does."""
    requests, cost_usd = left
    reached = []
    if requests is not None and line.requests > requests:
        reached.append((requests / line.requests, f"{requests} requests"))
    if cost_usd is not None and line.cost_usd is not None and line.cost_usd > cost_usd:
        reached.append((cost_usd / line.cost_usd, f"${cost_usd:g}"))
    return min(reached, default=(1.0, ""))
