"""The audits of sql/audits/ over a real warehouse: whole data passes every suite, each fault fails its own expectation."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any

import polars as pl
import pytest
from filled_warehouse import fill, insert

from tasks.contracts.catalog import GatesConfig
from tasks.gates import ExpectationResult, audits_of, build_suite, run_suite
from tasks.gates.suites import AUDITS
from warehouse.connection import Warehouse, open_warehouse
from warehouse.statements import list_statements, read_statement

TOPICS = ("politics", "sport")
RECOMMENDED = pl.DataFrame(
    {
        "catalog": ["news"] * 4, "user_id": ["u1", "u1", "u2", "u2"], "rank": [1, 2, 1, 2],
        "item_id": ["i2", "i3", "i1", "i3"], "title": ["Two", "Three", "One", "Three"], "score": [2.0, 1.0, 0.5, 0.1],
        "sources": [["bm25"]] * 4, "reason": ["like what you read"] * 4,
        "reason_content": [None, "near", None, None], "reason_popularity": ["popular"] * 4,
        "reason_diversity": pl.Series([None] * 4, dtype=pl.String), "reason_time": pl.Series([None] * 4, dtype=pl.String),
        "reason_source": ["template"] * 4, "propensity": [None, 0.2, None, None],
    }
)  # fmt: skip


def change(warehouse: Warehouse, statement: str) -> None:
    warehouse.connection.execute(statement)


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Warehouse]:
    with open_warehouse(tmp_path_factory.mktemp("warehouse")) as opened:
        fill(opened)
        yield opened


@pytest.fixture
def warehouse(filled: Warehouse) -> Iterator[Warehouse]:
    """A warehouse without a fault; what a test changes is rolled back."""
    filled.connection.execute("begin")
    yield filled
    filled.connection.execute("rollback")


def audit(
    warehouse: Warehouse, suite: str, *, recommended: pl.DataFrame = RECOMMENDED, **thresholds: Any
) -> list[ExpectationResult]:
    """Run a suite over the warehouse, as a step does."""
    path = warehouse.folder / "scored.parquet"
    recommended.write_parquet(path)
    values = {
        "catalog": "news", "run_id": "r1", "topics": list(TOPICS), "files": [str(path)],
        "as_of_end": datetime(2026, 11, 2),
    }  # fmt: skip
    expectations = build_suite(suite, GatesConfig(**thresholds), topics=TOPICS, top_n=3)
    frames = {
        name: warehouse.query(f"audits/{name}", **{key: values[key] for key in needed})
        for name, needed in audits_of(expectations).items()
    }
    return run_suite(suite, frames, expectations)


def failures(results: list[ExpectationResult]) -> dict[str, int]:
    return {one.expectation: one.n_unexpected for one in results if not one.is_success}


@pytest.mark.parametrize("suite", ["ingest", "labels", "recommendations"])
def test_whole_data_passes(warehouse: Warehouse, suite: str) -> None:
    assert failures(audit(warehouse, suite)) == {}


@pytest.mark.parametrize(
    ("statement", "failed"),
    [
        ("update items set title = ' ' where item_id = 'i1'", {"items_have_titles": 1, "untitled_items": 1}),
        ("update items set is_active = false", {"enough_items": 1}),
        ("update users set user_id = '' where user_id = 'u2'", {"duplicate_ids": 1, "dangling_interactions": 1}),
        ("update interactions set item_id = 'i9'", {"dangling_interactions": 2}),
        ("update ingest_counts set n_stored = 3 where kind = 'items'", {"rows_add_up": 1}),
        ("update ingest_counts set n_quarantined = 4, n_stored = 1 where kind = 'items'", {"few_quarantined": 1}),
        ("update ingest_counts set n_gone = 9 where kind = 'items'", {"few_items_gone": 1}),
    ],
)
def test_a_fault_of_ingest_is_found(warehouse: Warehouse, statement: str, failed: dict[str, int]) -> None:
    change(warehouse, statement)
    assert failures(audit(warehouse, "ingest")) == failed


@pytest.mark.parametrize(
    ("statement", "failed"),
    [
        ("delete from topic_labels where content_hash = 'h3'", {"items_are_labeled": 1}),
        ("delete from enrichments where content_hash = 'h3'", {"items_are_labeled": 1}),
        ("delete from judge_labels", {"pairs_are_labeled": 1}),
        ("delete from similarity_labels", {"pairs_are_labeled": 1}),
        ("update topic_labels set primary_topic = 'sprot'", {"foreign_topics": 3, "topics_are_known": 1, "no_topic_takes_all": 1}),
        ("update topic_labels set confidence = 1.5 where content_hash = 'h1'", {"doubtful_confidences": 1}),
        ("update enrichments set confidence = 'nan'", {"doubtful_confidences": 3}),
        ("insert into topic_labels from topic_labels where content_hash = 'h1'", {"repeated_labels": 1}),
        ("insert into similar_pairs from similar_pairs", {"repeated_labels": 1}),
        ("update similarity_labels set cosine = 2", {"impossible_cosines": 1}),
        ("update topic_labels set primary_topic = null", {"few_abstentions": 1}),
    ],
)  # fmt: skip
def test_a_fault_of_labels_is_found(warehouse: Warehouse, statement: str, failed: dict[str, int]) -> None:
    change(warehouse, statement)
    assert failures(audit(warehouse, "labels")) == failed


@pytest.mark.parametrize(
    ("metric", "value", "failed"),
    [
        ("stability_index", 0.3, "labels_are_stable"),
        ("alpha", 0.1, "labelers_agree"),
        ("ungrounded_share", 0.5, "claims_are_grounded"),
        ("cost_per_label_usd", 0.02, "labels_are_cheap"),
    ],
)
def test_a_figure_out_of_bounds_is_a_warning(warehouse: Warehouse, metric: str, value: float, failed: str) -> None:
    row = {"run_id": "r1", "catalog": "news", "task": "topics", "metric": metric, "subject": "all", "n": 9}
    insert(warehouse, "label_metrics", {**row, "value": value})
    insert(warehouse, "label_metrics", {**row, "run_id": "r0", "value": 99.0 if metric != "alpha" else -1.0})
    results = audit(warehouse, "labels", max_cost_per_label_usd=0.01)
    assert failures(results) == {failed: 1}
    assert [one.severity for one in results if not one.is_success] == ["warning"]


def test_dead_letter_is_not_missing_but_counted(warehouse: Warehouse) -> None:
    change(warehouse, "delete from topic_labels where content_hash = 'h3'")
    letter = {"catalog": "news", "task": "topics", "question_key": "h3", "fingerprint": "f-topics"}
    insert(warehouse, "dead_letters", letter)
    assert failures(audit(warehouse, "labels")) == {"few_dead_letters": 1}
    assert failures(audit(warehouse, "labels", max_dead_letter_share=0.5)) == {}


def change_row(place: int, **values: Any) -> Callable[[pl.DataFrame], pl.DataFrame]:
    """The recommendations with some values of one row changed."""

    def apply(frame: pl.DataFrame) -> pl.DataFrame:
        rows = frame.to_dicts()
        rows[place] |= values
        return pl.DataFrame(rows, schema=frame.schema)

    return apply


@pytest.mark.parametrize(
    ("fault", "failed"),
    [
        (change_row(1, rank=3), {"rank_gaps": 1}),
        (change_row(1, rank=1), {"rank_gaps": 1}),
        (change_row(1, item_id="i2"), {"repeated_recommendations": 1}),
        (change_row(1, item_id="i4"), {"unavailable_recommendations": 1}),
        (change_row(1, item_id="i9"), {"unavailable_recommendations": 1}),
        (change_row(1, item_id="i1"), {"seen_recommendations": 1, "group_repeats": 1}),
        (change_row(1, score=float("nan")), {"unscored_recommendations": 1}),
        (change_row(1, score=None), {"unscored_recommendations": 1}),
        (change_row(1, reason=" "), {"unexplained_recommendations": 1}),
        (change_row(1, reason_source=""), {"unexplained_recommendations": 1}),
        (change_row(1, reason_time=" "), {"unexplained_recommendations": 1}),
        (change_row(1, propensity=0.0), {"doubtful_propensities": 1}),
        (change_row(1, propensity=1.1), {"doubtful_propensities": 1}),
        (change_row(2, propensity=0.5), {"doubtful_propensities": 1}),
        (change_row(1, sources=[]), {"unexplained_recommendations": 1}),
        (lambda frame: frame.filter(pl.col("user_id") == "u1"), {"users_are_covered": 1}),
        (
            lambda frame: pl.concat([frame, frame.head(2).with_columns(user_id=pl.lit("stranger"))]),
            {"users_are_known": 1},
        ),
    ],
)
def test_a_fault_of_recommendations_is_found(
    warehouse: Warehouse, fault: Callable[[pl.DataFrame], pl.DataFrame], failed: dict[str, int]
) -> None:
    assert failures(audit(warehouse, "recommendations", recommended=fault(RECOMMENDED))) == failed


def test_item_that_the_user_named_when_they_came_is_seen(warehouse: Warehouse) -> None:
    change(warehouse, "update users set onboarding = ['three', 'sailing'] where user_id = 'u1'")
    assert failures(audit(warehouse, "recommendations")) == {"seen_recommendations": 1}


def test_lists_that_are_too_long_or_too_short_are_found(warehouse: Warehouse) -> None:
    assert failures(audit(warehouse, "recommendations", min_list_items=3)) == {"lists_are_long_enough": 1}
    longer = [{**RECOMMENDED.row(0, named=True), "rank": 3 + n, "item_id": f"i{n}"} for n in range(2)]
    results = audit(warehouse, "recommendations", recommended=pl.concat([RECOMMENDED, pl.DataFrame(longer)]))
    assert failures(results)["lists_are_not_too_long"] == 1


def test_audit_is_cut_but_counts_all_its_rows(warehouse: Warehouse) -> None:
    many = [{**RECOMMENDED.row(0, named=True), "user_id": f"x{n}", "score": None} for n in range(250)]
    results = audit(warehouse, "recommendations", recommended=pl.concat([RECOMMENDED, pl.DataFrame(many)]))
    assert failures(results)["unscored_recommendations"] == 250


def test_every_audit_is_declared_with_the_values_that_it_needs() -> None:
    in_files = {
        name.removeprefix("audits/"): set(re.findall(r"\$(\w+)", _without_comments(read_statement(name))))
        for name in list_statements("audits")
    }
    assert in_files == {name: set(needed) for name, needed in AUDITS.items()}


def _without_comments(statement: str) -> str:
    return "\n".join(line for line in statement.splitlines() if not line.strip().startswith("--"))
