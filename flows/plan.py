"""plan: what each stage would do tonight. Reads the sources into a copy of the warehouse; spends nothing."""

from __future__ import annotations

from dataclasses import replace

from rich.table import Table

from flows.console import out
from flows.request import RunRequest
from flows.settings import load_settings
from flows.stage import load_catalogs, make_context, new_run_id
from tasks.contracts.context import StepContext
from tasks.contracts.plan import PlanLine
from tasks.embed import plan_embed
from tasks.enrich import plan_enrich
from tasks.explain import plan_explain
from tasks.ingest import ingest
from tasks.judge import plan_judge
from tasks.labeling.budget import note_budget
from tasks.plan import copy_warehouse
from tasks.rerank import plan_rerank
from tasks.rewrite import plan_rewrite
from tasks.similar import plan_similar
from tasks.topics import plan_topics

PLANNED = (plan_enrich, plan_embed, plan_topics, plan_similar, plan_judge, plan_rewrite, plan_rerank, plan_explain)


def print_plan(request: RunRequest, *, shows_prompts: bool) -> None:
    """Print rows due, requests, tokens and money a stage; with shows_prompts also one rendered prompt a task."""
    lines = make_plan(request)
    table = Table(title="tonight's plan", title_justify="left")
    for name in ("catalog", "stage", "labeler"):
        table.add_column(name, overflow="fold")
    for name in ("rows due", "requests", "tokens in", "tokens out", "cost $"):
        table.add_column(name, justify="right")
    for line in lines:
        cost = "no price set" if line.cost_usd is None else f"{line.cost_usd:.4f}"
        counts = (line.rows_due, line.requests, line.tokens_in, line.tokens_out)
        table.add_row(line.catalog, line.stage, line.labeler, *(str(count) for count in counts), cost)
    out.print(table)
    for line in lines:
        if line.note:
            out.print(f"{line.catalog} {line.stage}: {line.note}", markup=False, style="dim")
    priced = [line.cost_usd for line in lines if line.cost_usd is not None]
    requests = sum(line.requests for line in lines)
    tokens = sum(line.tokens_in + line.tokens_out for line in lines)
    out.print(f"in all about {requests} requests, {tokens} tokens, ${sum(priced):.4f}; nothing was asked or written")
    for line in lines:
        if shows_prompts and line.prompt:
            out.print(f"\n--- one request of {line.catalog} {line.stage}\n{line.prompt}", markup=False)


def make_plan(request: RunRequest) -> list[PlanLine]:
    """One line a stage and catalog, from a copy of the warehouse into which tonight's sources were read."""
    settings = load_settings(warehouse=request.warehouse)
    opened = request.model_copy(update={"run_id": new_run_id()})
    lines: list[PlanLine] = []
    with copy_warehouse(settings.warehouse) as folder:
        for file, catalog in load_catalogs(opened, settings):
            context = replace(make_context(opened, settings, file, catalog), folder=folder)
            report = ingest.fn(context)
            lines.append(PlanLine("ingest", catalog.name, report.rows_in, "reader", note="; ".join(report.notes)))
            lines += plan_stages(context)
    return lines


def plan_stages(context: StepContext) -> list[PlanLine]:
    """One line a stage and labeler for a catalog whose sources have been read."""
    return note_budget([line for plan in PLANNED for line in _lines(plan(context))], context.catalog.budget)


def _lines(planned: PlanLine | list[PlanLine]) -> list[PlanLine]:
    return [planned] if isinstance(planned, PlanLine) else planned
