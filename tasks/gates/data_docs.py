"""Great Expectations' Data Docs: a folder of static pages that shows how every suite of the last runs went.

Built from rows of `quality_results` alone, so that any process can build them again for any runs. Writes `folder` anew
and swaps it in at the end: an interrupted build leaves the old pages. About 20 ms a page.
"""

from __future__ import annotations

import html
import json
import re
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import groupby
from pathlib import Path
from typing import Any

from tasks.gates.expectation import ExpectationResult
from tasks.gates.offline_view import OfflineView
from tasks.gates.suites import known_expectations

SHOWN_CHARS = 600
_TURNING = re.compile("[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")


@dataclass(frozen=True)
class SuiteRun:
    """The results of one run for one catalog, any number of suites; run_at is naive UTC."""

    run_id: str
    catalog: str
    run_at: datetime
    results: Sequence[ExpectationResult]


@dataclass(frozen=True)
class _Page:
    """One suite of one run, with the path that Great Expectations' own links expect it at."""

    suite: str
    run: SuiteRun
    results: Sequence[ExpectationResult]

    @property
    def path(self) -> str:
        moment = self.run.run_at.strftime("%Y%m%dT%H%M%SZ")
        return f"validations/{self.suite}/{self.run.run_id}/{moment}/{self.run.catalog}.html"

    @property
    def is_success(self) -> bool:
        return all(one.is_success for one in self.results)


def build_data_docs(runs: Sequence[SuiteRun], folder: Path) -> Path:
    """Write the site into `folder`, replacing what is there; the path of its index.html."""
    partial = folder.with_name(f".{folder.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    pages = [page for run in runs for page in _split_suites(run)]
    view = OfflineView()
    for page in pages:
        _write(partial / page.path, view.render(_render_results(page), home="../../../../index.html"))
    for suite in sorted({page.suite for page in pages}):
        names = {one.expectation: one for page in pages if page.suite == suite for one in page.results}
        document = _render_suite(suite, list(names.values()))
        _write(partial / "expectations" / f"{suite}.html", view.render(document, home="../index.html"))
    _write(partial / "index.html", view.render(_render_index(pages), home="index.html"))
    _swap(partial, folder)
    return folder / "index.html"


def _split_suites(run: SuiteRun) -> Iterator[_Page]:
    ordered = sorted(run.results, key=lambda one: one.suite)
    for suite, results in groupby(ordered, key=lambda one: one.suite):
        yield _Page(suite=suite, run=run, results=list(results))


def _render_results(page: _Page) -> Any:
    # great_expectations takes seconds to import, which only Data Docs and validation should pay.
    from great_expectations.core import ExpectationSuiteValidationResult, ExpectationValidationResult
    from great_expectations.render.renderer.page_renderer import ValidationResultsPageRenderer

    outcomes = [
        ExpectationValidationResult(
            success=one.is_success, expectation_config=_to_config(one), meta={}, result=_to_shown_result(one),
            exception_info={"raised_exception": False, "exception_message": None, "exception_traceback": None},
        )
        for one in page.results
    ]  # fmt: skip
    n_passed = sum(one.is_success for one in page.results)
    document = ExpectationSuiteValidationResult(
        success=page.is_success, results=outcomes, suite_name=page.suite, suite_parameters={},
        statistics={
            "evaluated_expectations": len(outcomes), "successful_expectations": n_passed,
            "unsuccessful_expectations": len(outcomes) - n_passed, "success_percent": 100.0 * n_passed / len(outcomes),
        },
        meta={
            "run_id": {"run_name": f"run {page.run.run_id}", "run_time": page.run.run_at.replace(tzinfo=UTC).isoformat()},
            "batch_spec": {"data_asset_name": page.run.catalog},
            "active_batch_definition": {"data_asset_name": page.run.catalog},
        },
    )  # fmt: skip
    return ValidationResultsPageRenderer(run_info_at_end=True).render(document)


def _render_suite(suite: str, results: Sequence[ExpectationResult]) -> Any:
    from great_expectations.core import ExpectationSuite
    from great_expectations.render.renderer.page_renderer import ExpectationSuitePageRenderer

    expectations = [_to_config(one).to_domain_obj() for one in results]
    return ExpectationSuitePageRenderer().render(ExpectationSuite(name=suite, expectations=expectations))


def _render_index(pages: Sequence[_Page]) -> Any:
    from great_expectations.render.renderer.site_index_page_renderer import SiteIndexPageRenderer

    links = [
        {
            "expectation_suite_name": page.suite,
            "expectation_suite_filepath": f"expectations/{page.suite}.html",
            "filepath": page.path,
            "validation_success": page.is_success,
            "run_time": page.run.run_at.replace(tzinfo=UTC),
            "run_name": page.run.run_id,
            "asset_name": page.run.catalog,
        }
        for page in sorted(pages, key=lambda page: (page.run.run_at, page.run.catalog, page.suite), reverse=True)
    ]
    return SiteIndexPageRenderer().render({"site_name": "quality gates", "validations_links": links})


def _to_config(one: ExpectationResult) -> Any:
    from great_expectations.expectations.expectation_configuration import ExpectationConfiguration

    known = known_expectations().get(one.expectation)
    mend = f" If it fails: {known.mend}." if known else ""
    return ExpectationConfiguration(
        type=known.type if known else "expect_table_row_count_to_equal",
        kwargs={**({"column": known.column, **known.kwargs} if known and known.column else {"value": 0})},
        description=_show(f"{one.expectation} ({one.severity}): expected {_shorten(one.expected)}.{mend}"),
        severity=one.severity,
    )


def _to_shown_result(one: ExpectationResult) -> dict[str, Any]:
    # Great Expectations does not escape what it puts into table cells.
    rows = [", ".join(f"{key}: {value}" for key, value in row.items()) for row in json.loads(one.sample)]
    return {
        "observed_value": _show(_shorten(one.observed)),
        # Their sentence about the count is left out (0): the observed value says it, and of more than the sample.
        "unexpected_count": 0,
        "partial_unexpected_list": [_show(_shorten(row)) for row in rows],
    }


def _shorten(text: str) -> str:
    """At most SHOWN_CHARS characters: one value must not fill the page."""
    return text if len(text) <= SHOWN_CHARS else text[: SHOWN_CHARS - 1] + "…"


def _show(text: str) -> str:
    """Escaped, and with marks that turn the direction of writing as their codes: they would reorder what stands beside."""
    return html.escape(_TURNING.sub(lambda mark: f"\\u{ord(mark.group()):04x}", text))


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def _swap(partial: Path, folder: Path) -> None:
    old = folder.with_name(f".{folder.name}.old")
    shutil.rmtree(old, ignore_errors=True)
    if folder.exists():
        folder.rename(old)
    partial.rename(folder)
    shutil.rmtree(old, ignore_errors=True)
