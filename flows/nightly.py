"""nightly: all stages in order, for all catalogs, as one run."""

from __future__ import annotations

from collections.abc import Callable
from typing import get_args

from prefect import flow

from flows.candidates import candidates_flow
from flows.embed import embed_flow
from flows.enrich import enrich_flow
from flows.evaluate import evaluate_flow
from flows.explain import explain_flow
from flows.ingest import ingest_flow
from flows.judge import judge_flow
from flows.publish import publish_flow
from flows.quality import quality_flow
from flows.relations import relations_flow
from flows.request import RunRequest, StageName
from flows.rerank import rerank_flow
from flows.rewrite import rewrite_flow
from flows.score import score_flow
from flows.similar import similar_flow
from flows.stage import open_run
from flows.topics import topics_flow
from flows.train import train_flow
from tasks.contracts.errors import ConfigError
from tasks.contracts.report import StepReport

STAGE_FLOWS: dict[str, Callable[[RunRequest], list[StepReport]]] = {
    "ingest": ingest_flow,
    "enrich": enrich_flow,
    "embed": embed_flow,
    "topics": topics_flow,
    "similar": similar_flow,
    "relations": relations_flow,
    "judge": judge_flow,
    "quality": quality_flow,
    "rewrite": rewrite_flow,
    "candidates": candidates_flow,
    "train": train_flow,
    "score": score_flow,
    "rerank": rerank_flow,
    "explain": explain_flow,
    "evaluate": evaluate_flow,
    "publish": publish_flow,
}


@flow(name="nightly", flow_run_name="nightly")
def nightly_flow(request: RunRequest) -> tuple[str, list[StepReport]]:
    """Run the stages from_stage to to_stage; the run's id and what each stage did for each catalog."""
    stages = stages_between(request.from_stage, request.to_stage)
    with open_run(request) as (opened, _):
        reports = [report for stage in stages for report in STAGE_FLOWS[stage](opened)]
    return str(opened.run_id), reports


def stages_between(first: str, last: str) -> list[str]:
    """The stages from first to last, both included. Raises ConfigError if last comes before first."""
    order = list(get_args(StageName))
    if order.index(last) < order.index(first):
        raise ConfigError(f"stage {last!r} comes before {first!r}; the order is {', '.join(order)}")
    return order[order.index(first) : order.index(last) + 1]
