"""Runs a suite with Great Expectations over pandas frames. Reads and writes nothing; no network, no telemetry.

Only the columns that an expectation names are handed over, in frames that are aggregates or at most a hundred bad
rows, so that memory is bounded. Time: about 10 ms an expectation.
"""

from __future__ import annotations

import json
import math
import threading
from collections import defaultdict
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

import polars as pl

from tasks.contracts.errors import StepError
from tasks.gates.expectation import Expectation, ExpectationResult

SAMPLE_ROWS = 5
SAMPLE_CHARS = 200
TRUE_COUNT = "n_bad"
_ONE_AT_A_TIME = threading.Lock()


def run_suite(
    suite: str, frames: Mapping[str, pl.DataFrame], expectations: Sequence[Expectation]
) -> list[ExpectationResult]:
    """Validate the frames; one result an expectation, in the order of the expectations.

    frames maps the name that an expectation gives as its `frame` to the rows. Raises StepError for a frame or column
    that is missing, and for an expectation that Great Expectations can't evaluate: a fault of ours, not of the data.
    """
    by_frame: dict[str, list[int]] = defaultdict(list)
    for place, one in enumerate(expectations):
        _check_inputs(one, suite, frames)
        by_frame[one.frame].append(place)
    results: dict[int, ExpectationResult] = {}
    # Great Expectations keeps one registry a context, and Prefect runs tasks in threads.
    with _ONE_AT_A_TIME:
        for name, places in by_frame.items():
            outcomes = _validate(frames[name], [expectations[place] for place in places])
            for place, outcome in zip(places, outcomes, strict=True):
                results[place] = _to_result(expectations[place], outcome, frames[name])
    return [results[place] for place in range(len(expectations))]


@cache
def quiet_context() -> Any:
    """The process's one Great Expectations context: in memory, no usage statistics, no progress bars."""
    # The import costs several seconds, which only a run that validates should pay.
    import great_expectations
    from great_expectations.data_context.types.base import DataContextConfig, InMemoryStoreBackendDefaults

    config = DataContextConfig(
        store_backend_defaults=InMemoryStoreBackendDefaults(init_temp_docs_sites=False),
        analytics_enabled=False,
        progress_bars={"globally": False},
    )
    return great_expectations.get_context(mode="ephemeral", project_config=config)


@cache
def _whole_frame() -> Any:
    """What turns a frame into a batch: one for all, since each one more is written into the context's configuration."""
    asset = quiet_context().data_sources.pandas_default.add_dataframe_asset("rows")
    return asset.add_batch_definition_whole_dataframe("all")


def _check_inputs(one: Expectation, suite: str, frames: Mapping[str, pl.DataFrame]) -> None:
    if one.suite != suite:
        raise StepError(
            f"expectation {one.name!r} belongs to suite {one.suite!r}, not {suite!r}; build the suite again"
        )
    if one.frame not in frames:
        raise StepError(
            f"suite {suite!r} looks at frame {one.frame!r}, which was not given; audits_of() names what it needs"
        )
    if one.column and one.column not in frames[one.frame].columns:
        raise StepError(f"suite {suite!r} looks at column {one.column!r}, which frame {one.frame!r} does not have")


def _validate(frame: pl.DataFrame, group: Sequence[Expectation]) -> list[Any]:
    # Imported here for the same reason as in quiet_context.
    from great_expectations import ExpectationSuite
    from great_expectations.expectations.expectation_configuration import ExpectationConfiguration

    columns = list(dict.fromkeys(one.column for one in group if one.column)) or frame.columns[:1]
    batch = _whole_frame().get_batch({"dataframe": frame.select(columns).to_pandas()})
    configured = [
        ExpectationConfiguration(
            type=one.type,
            kwargs={**({"column": one.column} if one.column else {}), **one.kwargs},
            meta={"position": place},
        ).to_domain_obj()
        for place, one in enumerate(group)
    ]  # fmt: skip
    validated = batch.validate(
        ExpectationSuite(name=group[0].suite, expectations=configured),
        result_format={"result_format": "SUMMARY", "partial_unexpected_count": SAMPLE_ROWS},
    )
    # Results come in an order of their own.
    return sorted(validated.results, key=lambda outcome: outcome.expectation_config.meta["position"])


def _to_result(one: Expectation, outcome: Any, frame: pl.DataFrame) -> ExpectationResult:
    if not outcome.result:
        raise StepError(
            f"expectation {one.name!r} of suite {one.suite!r} could not be evaluated on column {one.column!r} of "
            f"{frame.schema.get(one.column)}: {_first_error(outcome.exception_info)}"
        )
    n_unexpected = 0 if outcome.success else _count_unexpected(outcome.result, frame)
    places = outcome.result.get("partial_unexpected_index_list")
    bad = frame.head(SAMPLE_ROWS) if places is None else frame[list(places[:SAMPLE_ROWS])]
    return ExpectationResult(
        suite=one.suite, expectation=one.name, column_name=one.column, severity=one.severity,
        is_success=bool(outcome.success), observed=_describe_observed(one, frame, n_unexpected), expected=one.expected,
        n_unexpected=n_unexpected, sample="[]" if outcome.success else _to_json(bad),
    )  # fmt: skip


def _count_unexpected(result: Mapping[str, Any], frame: pl.DataFrame) -> int:
    if "unexpected_count" in result:
        return int(result["unexpected_count"])
    return int(frame[TRUE_COUNT][0]) if TRUE_COUNT in frame.columns else frame.height


def _describe_observed(one: Expectation, frame: pl.DataFrame, n_unexpected: int) -> str:
    if not one.column:
        return f"{n_unexpected} bad rows" if n_unexpected else "no bad row"
    values = frame[one.column].drop_nulls()
    if values.is_empty():
        return "no value"
    if values.dtype.is_numeric():
        low, high = float(values.min()), float(values.max())  # type: ignore[arg-type]
        spread = f"{one.column} {low:.6g}" if low == high else f"{one.column} {low:.6g} to {high:.6g}"
    else:
        spread = f"{values.n_unique()} values of {one.column}"
    is_summary = frame.height == 1
    return spread if is_summary or not n_unexpected else f"{spread}, {n_unexpected} of {frame.height} rows unexpected"


def _first_error(exception_info: Mapping[str, Any]) -> str:
    for value in [exception_info, *exception_info.values()]:
        if isinstance(value, Mapping) and value.get("exception_message"):
            return str(value["exception_message"])
    return "Great Expectations gave no reason"


def _to_json(rows: pl.DataFrame) -> str:
    shown = rows.drop(TRUE_COUNT, strict=False).to_dicts()
    return json.dumps([{key: _plain(value) for key, value in row.items()} for row in shown], ensure_ascii=False)


def _plain(value: Any) -> Any:
    if isinstance(value, str):
        return value if len(value) <= SAMPLE_CHARS else value[: SAMPLE_CHARS - 1] + "…"
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)  # JSON has no NaN, and DuckDB's JSON refuses it
    if isinstance(value, list):
        return [_plain(part) for part in value]
    if isinstance(value, dict):
        return {key: _plain(part) for key, part in value.items()}
    return value if value is None or isinstance(value, bool | int | float) else str(value)
