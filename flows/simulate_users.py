"""simulate-users: taxonomy -> users, for a catalog that has none."""

from __future__ import annotations

from functools import partial

from flows.request import StageRequest
from flows.served import flow
from flows.stage import run_stage
from tasks.contracts.report import StepReport
from tasks.simulate_users import simulate_users


@flow(name="simulate-users")
def simulate_users_flow(request: StageRequest, n_users: int, seed: int) -> list[StepReport]:
    """Write n_users simulated profiles for each catalog of the request."""
    return run_stage("simulate-users", partial(simulate_users, n_users=n_users, seed=seed), request)
