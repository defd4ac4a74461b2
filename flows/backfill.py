"""backfill: past nights, each with what was known at the end of its day, published as an archive.

The sources are read and the labels made once; then each day is a run of its own, from the relations to the publication.
A label tells of content and counts on every day; what depends on the day is made anew: histories, features, the model.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta

from flows.console import out
from flows.nightly import STAGE_FLOWS, nightly_flow
from flows.request import RunRequest, StageName
from flows.served import body_of, flow
from flows.settings import load_settings
from flows.stage import load_catalogs, open_run
from tasks.backfill import latest_day, published_days
from tasks.contracts.errors import ConfigError, GateFailedError
from tasks.contracts.report import StepReport
from warehouse.clock import utc_now

# The judge's sample and the gate on labels are of no day.
DAILY: tuple[StageName, ...] = (
    "relations", "rewrite", "candidates", "train", "score", "rerank", "explain", "evaluate", "publish",
)  # fmt: skip
MAX_DAYS = 366


@flow(name="backfill")
def backfill_flow(request: RunRequest) -> tuple[str, list[StepReport]]:
    """One past night over what is read and labeled; the run's id and what each stage did for each catalog."""
    reports: list[StepReport] = []
    with open_run(request) as (opened, _):
        for stage in DAILY:
            reports += body_of(STAGE_FLOWS[stage])(opened)
    return str(opened.run_id), reports


def run_backfill(request: RunRequest, first: date, last: date, *, is_again: bool, is_dry_run: bool) -> None:
    """Say what will be done, and do it, a day after the other; days that are published already are passed over.

    A day that a gate stops does not stop the others. Raises ConfigError for a range that is none, GateFailedError at the
    end if a gate stopped a day.
    """
    settings = load_settings(warehouse=request.warehouse)
    names = [catalog.name for _, catalog in load_catalogs(request, settings)]
    days = days_between(first, last)
    done = {} if is_again else published_days(settings.warehouse, names)
    due = [day for day in days if day not in done]
    _tell_plan(days, due, names, latest_day(settings.warehouse))
    if is_dry_run or not due:
        return
    out.print("reading the sources, and labeling what is new", markup=False)
    nightly_flow(request.model_copy(update={"as_of": last, "to_stage": "quality"}))
    stopped = []
    for number, day in enumerate(due, start=1):
        out.print(f"\n{day}: night {number} of {len(due)}", markup=False, style="bold")
        try:
            backfill_flow(request.model_copy(update={"as_of": day, "is_backfill": True}))
        except GateFailedError as error:
            out.print(f"{day} is not published: {error}", markup=False, style="yellow")
            stopped.append(day)
    out.print(
        f"\nbackfill of {len(due) - len(stopped)} days is published; `nightjar publications` lists them", markup=False
    )
    if stopped:
        raise GateFailedError(
            f"gates stopped {len(stopped)} of {len(due)} days: {_list_days(stopped)}; mend what they name, and say the same again"
        )


def days_between(first: date, last: date) -> list[date]:
    """The days from first to last, both included. Raises ConfigError for an empty, a future or an overlong range."""
    today = utc_now().date()
    if last < first:
        raise ConfigError(f"TO {last} comes before FROM {first}; say the earlier day first")
    if last > today:
        raise ConfigError(f"TO {last} is not over yet; today is {today} (UTC)")
    n_days = (last - first).days + 1
    if n_days > MAX_DAYS:
        raise ConfigError(f"{first} to {last} are {n_days} days; backfill at most {MAX_DAYS} at once")
    return [first + timedelta(days=number) for number in range(n_days)]


def _tell_plan(days: Sequence[date], due: Sequence[date], names: Sequence[str], latest: date | None) -> None:
    skipped = [day for day in days if day not in due]
    if skipped:
        out.print(f"already published, passed over: {_list_days(skipped)}; --again does them anew", markup=False)
    if not due:
        out.print("nothing is left to do")
        return
    newest = "nothing is published yet: the newest of these days becomes the latest"
    stays = newest if latest is None else f"`latest` shows {latest} and never goes back"
    out.print(
        f"backfill of {', '.join(names)}: {len(due)} nights, {_list_days(due)}. The sources are read and labels made once;"
        f" then each day: {', '.join(DAILY)}. {stays}.",
        markup=False,
    )


def _list_days(days: Sequence[date]) -> str:
    return f"{days[0]}" if len(days) == 1 else f"{days[0]} to {days[-1]} ({len(days)} days)"
