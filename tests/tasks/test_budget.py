"""What a task may still ask: of the run's budget and its own, the smaller; and what the plan says of it."""

from __future__ import annotations

from typing import Any

import pytest

from tasks.contracts.asking import BudgetConfig
from tasks.contracts.choose import find_endpoint
from tasks.contracts.errors import ConfigError
from tasks.contracts.plan import PlanLine
from tasks.contracts.report import StepReport
from tasks.labeling.budget import budget_for, note_budget
from tasks.labeling.build import make_labeler
from tasks.runs import record_stage
from tests.night import Nights, SmallCatalog, with_key
from warehouse.clock import utc_now
from warehouse.connection import open_warehouse

UNANSWERED = "http://127.0.0.1:9/v1"


@pytest.fixture
def nights(nights: Nights, catalog: SmallCatalog) -> Nights:
    nights.changes = {"endpoints": with_key(UNANSWERED)}
    return nights


def left(
    nights: Nights, catalog: SmallCatalog, budget: str, task: Any = "judge"
) -> tuple[int | None, float | None] | None:
    """What is left to a task of the present run."""
    catalog.more = budget
    catalog.save()
    with open_warehouse(nights.folder) as warehouse:
        context = nights.context()
        endpoint = find_endpoint(task, context)
        found = budget_for(task, context, warehouse, endpoint=endpoint)
    return None if found is None else (found.max_requests, found.max_cost_usd)


def test_without_limits_there_is_no_budget(nights: Nights, catalog: SmallCatalog) -> None:
    assert left(nights, catalog, "") is None


def test_smaller_of_run_and_task_holds(nights: Nights, catalog: SmallCatalog) -> None:
    both = "[budget]\nmax_requests = 10\nmax_cost_usd = 2.0\n[budget.judge]\nmax_requests = 4\nmax_cost_usd = 3.0"
    assert left(nights, catalog, both) == (4, 2.0)
    assert left(nights, catalog, both, "topics") == (10, 2.0)


def test_what_earlier_stages_of_the_run_have_spent_counts(nights: Nights, catalog: SmallCatalog) -> None:
    spent = StepReport("topics", "news", requests=7, cost_usd=1.5)
    record_stage(nights.folder, nights.run_id, spent, status="completed", started_at=utc_now())
    record_stage(nights.folder, "another run", spent, status="completed", started_at=utc_now())
    of_another = StepReport("enrich", "books", requests=1, cost_usd=0.1)
    record_stage(nights.folder, nights.run_id, of_another, status="completed", started_at=utc_now())
    assert left(nights, catalog, "[budget]\nmax_requests = 10\nmax_cost_usd = 2.0") == (3, 0.5)
    assert left(nights, catalog, "[budget]\nmax_requests = 5") == (0, None)
    assert left(nights, catalog, "[budget.judge]\nmax_requests = 5") == (5, None)


def test_budget_in_money_needs_prices(nights: Nights, catalog: SmallCatalog) -> None:
    nights.changes = {"endpoints": with_key(UNANSWERED, price_in=0.0, price_out=0.0)}
    message = "catalog 'news' limits what 'judge' may cost, but the endpoint 'default' has no prices.*set its price_in"
    with pytest.raises(ConfigError, match=message):
        left(nights, catalog, "[budget]\nmax_cost_usd = 1.0")
    assert left(nights, catalog, "[budget]\nmax_requests = 1") == (1, None)


def test_embedded_labeler_has_no_budget(nights: Nights, catalog: SmallCatalog) -> None:
    nights.changes = {"endpoints": with_key(UNANSWERED, price_in=0.0, price_out=0.0)}
    catalog.more = '[labelers]\njudge = "embedded"\n[budget]\nmax_cost_usd = 1.0'
    catalog.save()
    with open_warehouse(nights.folder) as warehouse:
        assert make_labeler("judge", nights.context(), warehouse).name.startswith("embedded:")


def test_budget_of_a_run_is_shared_by_its_stages(nights: Nights, catalog: SmallCatalog) -> None:
    catalog.more = "[budget]\nmax_requests = 1"
    nights.changes = {"endpoints": {"fake": fake()}, "endpoint": "fake"}
    reports = nights.run("ingest", "enrich", "embed", "topics")
    assert [(reports[task].requests, reports[task].is_partial) for task in ("enrich", "topics")] == [
        (1, True),
        (0, True),
    ]
    assert reports["topics"].n_due == 30


def fake() -> Any:
    from flows.settings import Settings

    return Settings().read_endpoints()["fake"]


def plan_line(stage: str, *, rows: int, requests: int, cost_usd: float | None = 0.0) -> PlanLine:
    return PlanLine(stage, "news", rows, "openai:x", requests=requests, cost_usd=cost_usd)


def test_plan_says_where_a_budget_ends_a_task() -> None:
    lines = [
        plan_line("enrich", rows=100, requests=20, cost_usd=1.0),
        plan_line("embed", rows=100, requests=0),
        plan_line("judge", rows=1000, requests=200, cost_usd=4.0),
    ]
    notes = [line.note for line in note_budget(lines, BudgetConfig(max_cost_usd=3.0))]
    assert notes == ["", "", "the budget of $2 ends this about at row 500 of 1000"]
    notes = [line.note for line in note_budget(lines, BudgetConfig(max_requests=30))]
    assert notes == ["", "", "the budget of 10 requests ends this about at row 50 of 1000"]


def test_plan_within_the_budget_says_nothing_of_it() -> None:
    lines = [plan_line("judge", rows=10, requests=2, cost_usd=0.1)]
    assert note_budget(lines, BudgetConfig(max_requests=2, max_cost_usd=0.1)) == lines
