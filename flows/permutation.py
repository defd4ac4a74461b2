"""permutation: the label-permutation test, run on purpose; see docs/metrics.md."""

from __future__ import annotations

from functools import partial

from prefect import flow

from flows.request import RunRequest
from flows.stage import run_stage
from tasks.contracts.report import StepReport
from tasks.permutation import permutation


@flow(name="permutation", flow_run_name="permutation", validate_parameters=True)
def permutation_flow(request: RunRequest, n_shuffles: int) -> list[StepReport]:
    """Train n_shuffles times on shuffled labels, for each catalog of the request."""
    return run_stage("permutation", partial(permutation, n_shuffles=n_shuffles), request)
