"""weekly: what is too dear for every night. Measures again, tests for leakage, reports labels, reads the publication again."""

from __future__ import annotations

from functools import partial
from typing import Annotated

from pydantic import Field

from flows.evaluate import evaluate_flow
from flows.publications import print_contract_check, print_verification
from flows.request import StageRequest
from flows.served import body_of, flow, say
from flows.settings import Settings
from flows.stage import load_catalogs, open_run, run_stage
from tasks.contracts.report import StepReport
from tasks.label_pages import write_label_pages
from tasks.permutation import permutation


class WeeklyRequest(StageRequest):
    """The full evaluation."""

    n_shuffles: Annotated[int, Field(ge=0, le=100)] = Field(
        10,
        title="Trainings on shuffled labels",
        description="The label-permutation test: so many models must learn nothing. 0 leaves the test out.",
    )


@flow(name="weekly")
def weekly_flow(request: WeeklyRequest) -> list[StepReport]:
    """Evaluate with all slices, run the permutation test, write the label reports, verify the latest publication."""
    with open_run(request, writes_report=True) as (opened, settings):
        reports = body_of(evaluate_flow)(opened)
        if request.n_shuffles:
            reports += run_stage("permutation", partial(permutation, n_shuffles=request.n_shuffles), opened)
        _write_label_pages(opened, settings)
        print_verification(settings.warehouse, None)
        print_contract_check(settings, None, against=None)
        say("the latest publication is whole and keeps the contract")
    return reports


def _write_label_pages(opened: StageRequest, settings: Settings) -> None:
    catalogs = [catalog for _, catalog in load_catalogs(opened, settings)]
    for path in write_label_pages(settings.warehouse, catalogs, output=None):
        say(f"label report: {path}")
