"""task: the decorator of every step. What is the same for all of them is said here once."""

from __future__ import annotations

import functools
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, ParamSpec

import prefect
from prefect.cache_policies import NO_CACHE
from prefect.context import TaskRunContext
from prefect.logging import get_run_logger
from prefect.runtime import deployment

from tasks.contracts.context import StepContext
from tasks.contracts.errors import TransientError
from tasks.contracts.report import StepReport
from warehouse.errors import LockedError

RETRY_DELAYS = (10.0, 60.0, 300.0)
"""Seconds before a step is tried again; it goes on where it was, so that nothing is paid for twice."""

P = ParamSpec("P")


def task(*, name: str, hours: float = 12.0, run_name: str = "") -> Callable[[Callable[P, StepReport]], Any]:
    """Make a step a Prefect task that is named for its catalog ("judge news"), or by run_name.

    hours is the longest that it may take. Only what is transient is tried again: a labeler that could not be reached,
    and, in a run that nobody waits for, a database that another process has open.
    """

    def decorate(step: Callable[P, StepReport]) -> Any:
        @functools.wraps(step)
        def run(*args: P.args, **kwargs: P.kwargs) -> StepReport:
            clock = time.monotonic()
            _unwatch_progress_bars()
            report = _with_workers(step(*args, **kwargs), (*args, *kwargs.values()))
            _log(replace(report, seconds=time.monotonic() - clock))
            return report

        return prefect.task(
            name=name,
            task_run_name=run_name or f"{name} {{context.catalog.name}}",
            cache_policy=NO_CACHE,
            retries=len(RETRY_DELAYS),
            retry_delay_seconds=list(RETRY_DELAYS),
            retry_condition_fn=_is_transient,
            timeout_seconds=hours * 3600,
        )(run)

    return decorate


def _unwatch_progress_bars() -> None:
    """No thread beside the bars that libraries make though they show none.

    Python waits for ever for a thread that could not begin for want of memory; a night that ran out of it once hung there.
    """
    # Imported here, for where a step is declared nothing shows bars.
    from tqdm import tqdm

    tqdm.monitor_interval = 0


def _with_workers(report: StepReport, given: Sequence[object]) -> StepReport:
    """The report with what is to be told of the workers that the step was given."""
    pools = [one.pool for one in given if isinstance(one, StepContext) and one.pool is not None]
    return replace(report, notes=(*report.notes, *(note for pool in pools for note in pool.notes())))


def _is_transient(_task: object, _task_run: object, state: Any) -> bool:
    error = state.data
    if isinstance(error, LockedError):
        return deployment.id is not None
    return isinstance(error, TransientError | ConnectionError)


def _log(report: StepReport) -> None:
    """The line and the notes of a step, where the page shows the task's log; without Prefect (`.fn`) nothing."""
    if TaskRunContext.get() is None:
        return
    logger = get_run_logger()
    logger.info(report.describe())
    for note in report.notes:
        logger.info("  %s", note)
