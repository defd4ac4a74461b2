"""run_suite and what the operator is told: results fit the table, faults of ours are errors, nothing leaves the machine."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
from typing import Any

import polars as pl
import pytest

from tasks.contracts.catalog import GatesConfig
from tasks.contracts.errors import ConfigError, StepError
from tasks.gates import ExpectationResult, build_suite, first_critical, result_frame, run_suite
from tasks.gates.expectation import expect_between, expect_in_set, expect_no_rows, expect_unique
from tasks.gates.suites import SUITES, known_expectations
from tasks.gates.validation import quiet_context

MEND = "mend it"
WHOLE = pl.DataFrame({"name": ["a", "b", "c"], "share": [0.1, None, 0.3]})


@pytest.fixture(autouse=True)
def _no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*args: Any, **kwargs: Any) -> None:
        raise AssertionError("a gate reached for the network")

    monkeypatch.setattr(socket.socket, "connect", refuse)


def run(*expectations: Any, frame: pl.DataFrame = WHOLE) -> list[ExpectationResult]:
    return run_suite("try", {"frame": frame}, expectations)


def test_results_come_in_the_order_of_the_expectations() -> None:
    results = run(
        expect_between("try", "small", frame="frame", column="share", high=0.2, mend=MEND),
        expect_unique("try", "unique", frame="frame", column="name", mend=MEND),
        expect_in_set("try", "known", frame="frame", column="name", values=("a", "b"), mend=MEND, severity="warning"),
        expect_no_rows("try", "frame", expected="no row", mend=MEND),
    )
    assert [(one.expectation, one.is_success, one.n_unexpected) for one in results] == [
        ("small", False, 1), ("unique", True, 0), ("known", False, 1), ("frame", False, 3),
    ]  # fmt: skip
    assert results[0].observed == "share 0.1 to 0.3, 1 of 3 rows unexpected"
    assert results[0].expected == "share at most 0.2"
    assert json.loads(results[2].sample) == [{"name": "c", "share": 0.3}]


def test_exclusive_bound_refuses_the_bound_itself() -> None:
    positive = expect_between("try", "positive", frame="frame", column="p", low=0, is_above=True, mend=MEND)
    assert [run(positive, frame=pl.DataFrame({"p": [p]}))[0].is_success for p in (0.0, 0.1)] == [False, True]
    assert positive.expected == "p above 0"


def test_empty_frame_passes_and_says_so() -> None:
    (result,) = run(
        expect_between("try", "small", frame="frame", column="share", high=0.2, mend=MEND), frame=WHOLE.clear()
    )
    assert result.is_success
    assert result.observed == "no value"


def test_audit_counts_by_its_own_number_and_shows_five_rows() -> None:
    frame = pl.DataFrame({"item_id": [f"i{n}" for n in range(100)], "n_bad": [4321] * 100})
    (result,) = run(expect_no_rows("try", "frame", expected="none", mend=MEND), frame=frame)
    assert result.n_unexpected == 4321
    assert result.observed == "4321 bad rows"
    assert json.loads(result.sample) == [{"item_id": f"i{n}"} for n in range(5)]


def test_sample_is_json_whatever_the_row_holds() -> None:
    frame = pl.DataFrame({"score": [float("nan")], "text": ["x" * 500], "topics": [[{"topic": "a"}]]})
    (result,) = run(expect_no_rows("try", "frame", expected="none", mend=MEND), frame=frame)
    (row,) = json.loads(result.sample, parse_constant=pytest.fail)
    assert row["score"] == "nan"
    assert len(row["text"]) == 200
    assert row["topics"] == [{"topic": "a"}]


def test_missing_frame_and_column_are_faults_of_ours() -> None:
    small = expect_between("try", "small", frame="frame", column="size", high=1, mend=MEND)
    with pytest.raises(StepError, match="column 'size', which frame 'frame' does not have"):
        run(small)
    with pytest.raises(StepError, match="frame 'frame', which was not given"):
        run_suite("try", {}, [small])


def test_expectation_that_cannot_be_evaluated_is_a_fault_of_ours() -> None:
    with pytest.raises(StepError, match="'small' of suite 'try' could not be evaluated on column 'name'"):
        run(expect_between("try", "small", frame="frame", column="name", high=1, mend=MEND))


def test_unknown_suite_is_named() -> None:
    with pytest.raises(ConfigError, match="there is no suite 'ingets'; the suites are ingest, labels"):
        build_suite("ingets", GatesConfig())


def test_names_tell_expectations_apart() -> None:
    for suite in SUITES:
        names = [one.name for one in build_suite(suite, GatesConfig(), topics=("a",))]
        assert len(names) == len(set(names))
    gates = GatesConfig(max_cost_per_label_usd=1.0)
    found = [one for suite in SUITES for one in build_suite(suite, gates, topics=("a",))]
    assert known_expectations().keys() == {one.name for one in found}
    # Where two suites share a name, as recommendations and publication do, they mean the same.
    assert len({(one.name, one.type, one.frame, one.column, one.mend) for one in found}) == len(known_expectations())


def test_catalog_without_taxonomy_is_not_asked_for_topics() -> None:
    names = {one.name for one in build_suite("labels", GatesConfig())}
    assert not names & {"foreign_topics", "topics_are_known", "no_topic_takes_all"}


def test_message_names_gate_rows_and_mend() -> None:
    results = run_suite(
        "ingest", {"dangling_interactions": pl.DataFrame({"user_id": ["u1"], "item_id": ["i9"], "n_bad": [1]})},
        [one for one in build_suite("ingest", GatesConfig()) if one.name == "dangling_interactions"],
    )  # fmt: skip
    message = first_critical(results)
    assert message is not None
    assert message.startswith(
        "gate 'ingest' stopped the run: dangling_interactions observed 1 bad rows, expected every"
    )
    assert '[{"user_id": "u1", "item_id": "i9"}]' in message
    assert "the last publication stands" in message
    assert message.endswith("Report it: ingest should have quarantined these rows.")


def test_warning_does_not_stop_the_run() -> None:
    results = run(expect_no_rows("try", "frame", expected="none", mend=MEND, severity="warning"))
    assert not results[0].is_success
    assert first_critical(results) is None


def test_result_frame_has_the_columns_of_the_table() -> None:
    frame = result_frame(run(expect_no_rows("try", "frame", expected="none", mend=MEND)))
    assert frame.columns == [
        "suite", "expectation", "column_name", "severity", "is_success", "observed", "expected", "n_unexpected", "sample",
    ]  # fmt: skip
    assert result_frame([]).schema == frame.schema


def test_context_is_quiet() -> None:
    context = quiet_context()
    assert context.config.analytics_enabled is False
    assert context.variables.progress_bars == {"globally": False}
    assert context is quiet_context()


def test_great_expectations_is_imported_only_when_used() -> None:
    script = "import sys, tasks.gates; sys.exit('great_expectations' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0
