"""nightly: all stages in order, for all catalogs, as one run and one Prefect flow run."""

from __future__ import annotations

from functools import partial
from typing import Any

from prefect import Flow

from flows.artifacts import leave_plan
from flows.candidates import candidates_flow
from flows.embed import embed_flow
from flows.enrich import enrich_flow
from flows.evaluate import evaluate_flow
from flows.explain import explain_flow
from flows.ingest import ingest_flow
from flows.judge import judge_flow
from flows.plan import plan_stages
from flows.publish import publish_flow
from flows.quality import quality_flow
from flows.relations import relations_flow
from flows.request import RunRequest
from flows.rerank import rerank_flow
from flows.rewrite import rewrite_flow
from flows.score import score_flow
from flows.served import body_of, flow, is_served
from flows.settings import Settings
from flows.similar import similar_flow
from flows.stage import load_catalogs, make_context, open_run
from flows.topics import topics_flow
from flows.train import train_flow
from tasks.contracts.plan import PlanLine
from tasks.contracts.report import StepReport

STAGE_FLOWS: dict[str, Flow[[Any], list[StepReport]]] = {
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


@flow(name="nightly")
def nightly_flow(request: RunRequest) -> tuple[str, list[StepReport]]:
    """All stages for all catalogs, and publish.

    Returns the run's id and what each stage did for each catalog. The stages are tasks of this flow run and no flow runs
    of their own, so that a retried night is one run, which does what is missing. A stage of which nothing has changed is
    kept, unless all is asked for (`fresh`); see tasks/keeping.py.
    """
    reports: list[StepReport] = []
    with open_run(request, writes_report=True) as (opened, settings):
        night = opened.model_copy(update={"keeps": not request.fresh})
        for stage in request.stages():
            reports += body_of(STAGE_FLOWS[stage])(night)
            if stage == "ingest" and is_served():
                leave_plan(partial(_plan, opened, settings))
    return str(opened.run_id), reports


def _plan(opened: RunRequest, settings: Settings) -> list[PlanLine]:
    """What the labelers will be asked, when tonight's sources are read and nothing is spent yet."""
    chosen = set(opened.stages())
    lines = [
        line
        for file, catalog in load_catalogs(opened, settings)
        for line in plan_stages(make_context(opened, settings, file, catalog))
    ]
    return [line for line in lines if line.stage in chosen]
