"""permutation: the label-permutation test, run on purpose; see docs/metrics.md."""

from __future__ import annotations

from functools import partial

from flows.request import StageRequest
from flows.served import flow
from flows.stage import run_stage
from tasks.contracts.report import StepReport
from tasks.permutation import permutation


@flow(name="permutation")
def permutation_flow(request: StageRequest, n_shuffles: int) -> list[StepReport]:
    """Train n_shuffles times on shuffled labels, for each catalog of the request."""
    return run_stage("permutation", partial(permutation, n_shuffles=n_shuffles), request)
