"""flow: the decorator of every flow that is served. It gives a run its name and an end that says what to do next."""

from __future__ import annotations

import functools
import inspect
import traceback
from collections.abc import Callable, Sequence
from typing import Any, ParamSpec, TypeVar, cast, get_type_hints

import prefect
from prefect import Flow, State
from prefect.context import FlowRunContext
from prefect.logging import get_run_logger
from prefect.runtime import deployment
from prefect.states import Completed, Failed

from flows.console import out
from tasks.contracts.errors import GateFailedError, NightjarError
from tasks.contracts.printing import printable
from tasks.contracts.report import StepReport
from warehouse.errors import WarehouseError

P = ParamSpec("P")
R = TypeVar("R")


def flow(*, name: str, run_name: str = "") -> Callable[[Callable[P, R]], Flow[P, R]]:
    """Make a function a Prefect flow whose runs are named for their day ("judge 2026-11-21"), or by run_name.

    Whoever calls the flow gets what the function returns, or its error; Prefect gets a state: Completed; Partial, which
    is Completed too, with what stays due; Gated or Failed, with the mend.
    """

    def decorate(body: Callable[P, R]) -> Flow[P, R]:
        @functools.wraps(body)
        def run(*args: P.args, **kwargs: P.kwargs) -> State[Any]:
            try:
                return _completed(body(*args, **kwargs))
            except (NightjarError, WarehouseError) as error:
                if is_served():
                    # Prefect keeps the error to the end, and with its frames DuckDB's objects, which it reports as leaked.
                    traceback.clear_frames(error.__traceback__)
                ended = "Gated" if isinstance(error, GateFailedError) else "Failed"
                return Failed(name=ended, message=str(error), data=error)

        # Prefect looks names of types up where `run` stands, which is here and not where the body stands.
        run.__signature__ = inspect.signature(body, eval_str=True)  # type: ignore[attr-defined]
        run.__annotations__ = get_type_hints(body)
        made = prefect.flow(name=name, flow_run_name=run_name or f"{name} {{request.dated}}")(run)
        return cast("Flow[P, R]", made)

    return decorate


def body_of(made: Flow[P, R]) -> Callable[P, R]:
    """The function of a flow, for a flow that does its work as a part of its own."""
    return cast("Callable[P, R]", made.fn.__wrapped__)  # type: ignore[attr-defined]


def is_served() -> bool:
    """Whether a deployment runs this flow, so that somebody looks at the page and nobody at a terminal."""
    return FlowRunContext.get() is not None and deployment.id is not None


def say(text: str) -> None:
    """A line for the operator: on the page's log in a deployment's run, else on the console."""
    if is_served():
        get_run_logger().info(printable(text))
    else:
        out.print(text, markup=False)


def _completed(result: Any) -> State[Any]:
    reports = _reports_in(result)
    due = describe_due(reports)
    if due:
        return Completed(name="Partial", message=f"{due}; run it again, and it goes on from there", data=result)
    warnings = sum(note.startswith("warning: ") for report in reports for note in report.notes)
    n_stages = len({report.stage for report in reports})
    told = f"{n_stages} {'stage' if n_stages == 1 else 'stages'} done" if reports else "done"
    return Completed(message=f"{told}{f', {warnings} warnings of gates' if warnings else ''}", data=result)


def describe_due(reports: Sequence[StepReport]) -> str:
    """What stays due after stages that ended before their work lists did; "" if nothing does."""
    left = [f"{report.catalog} {report.stage} {report.n_due}" for report in reports if report.is_partial]
    return f"questions that stay due: {', '.join(left)}" if left else ""


def _reports_in(result: Any) -> list[StepReport]:
    for part in result if isinstance(result, tuple) else (result,):
        if isinstance(part, list) and all(isinstance(one, StepReport) for one in part):
            return part
    return []
