"""`nightjar review status`: who has reviewed what, ties, and agreement of people and labelers."""

from __future__ import annotations

import polars as pl
import pytest

from tasks.contracts.catalog_file import load_catalog
from tasks.reviewing.standing import Standing, compare_voices, read_standing
from tests.reviewing.conftest import Desk


def stand(desk: Desk) -> Standing:
    return read_standing(desk.nights.folder, [load_catalog(desk.catalog.file)])


def test_reviewers_and_ties_are_counted(desk: Desk) -> None:
    rows = desk.export("--n", 3)
    for name, answers in {"ann": ("sport", "food", "food"), "bob": ("sport", "space", "")}.items():
        filled = [{**row, "answer": answer, "reviewer": name} for row, answer in zip(rows, answers, strict=True)]
        assert desk.nightjar("review", "import", desk.fill(filled)).code == 0
    [counts] = stand(desk).counts.to_dicts()
    assert {name: counts[name] for name in ("catalog", "task", "n_questions", "n_reviewers", "n_answers", "n_ties")} == {
        "catalog": "news", "task": "topics", "n_questions": 3, "n_reviewers": 2, "n_answers": 5, "n_ties": 1,
    }  # fmt: skip
    agreement = {(row["who"], row["with"]): row for row in stand(desk).agreement.to_dicts()}
    assert (agreement["people", "one another"]["n"], agreement["people", "one another"]["agreement"]) == (2, 0.5)
    assert (agreement["ann", "bob"]["n"], agreement["ann", "bob"]["agreement"]) == (2, 0.5)
    labeler = next(other for who, other in agreement if who == "ann" and other.startswith("embedded"))
    topics = dict(desk.nights.rows("select content_hash, primary_topic from topic_labels"))
    same = sum(topics[row["question_key"]] == said for row, said in zip(rows, ("sport", "food", "food"), strict=True))
    assert agreement["ann", labeler]["n"] == 3
    assert agreement["ann", labeler]["agreement"] == pytest.approx(same / 3)
    outcome = desk.nightjar("review", "status")
    assert outcome.code == 0
    assert "n_ties" in outcome.out
    assert "kappa" in outcome.out


def test_reviewers_latest_answer_is_the_one_compared(desk: Desk) -> None:
    [row] = desk.export("--n", 1)
    for day, answer in ((1, "sport"), (2, "none")):
        filled = [{**row, "answer": answer, "reviewer": "ann", "reviewed_at": f"2026-11-0{day}T00:00:00Z"}]
        desk.nightjar("review", "import", desk.fill(filled))
    [counts] = stand(desk).counts.to_dicts()
    assert (counts["n_answers"], counts["n_ties"]) == (1, 0)
    [agreement] = stand(desk).agreement.to_dicts()
    assert (agreement["n"], agreement["agreement"]) == (1, 0.0)


def test_nothing_reviewed_says_how_to_begin(desk: Desk) -> None:
    assert "begin with `nightjar review export FILE`" in desk.nightjar("review", "status").out


def test_grades_are_weighed_by_how_far_they_lie_apart() -> None:
    said = {"ann": ["0", "1", "2", "3"], "bob": ["0", "1", "2", "2"]}
    voices = pl.DataFrame(
        [(f"q{place}", "person", name, grade) for name, grades in said.items() for place, grade in enumerate(grades)],
        schema=["question_key", "kind", "voice", "answer"],
        orient="row",
    )
    rows = compare_voices("news", "judge", voices)
    assert [(row[2], row[3], row[6]) for row in rows] == [
        ("people", "one another", "alpha"),
        ("ann", "bob", "weighted kappa"),
    ]
    assert rows[1][5] == 0.75
    # 1 - sum(w o) / sum(w e), w = (i - j)^2: one pair apart by one, against 32 / 4 expected.
    assert rows[1][7] == pytest.approx(1 - 1 / 8)


def test_none_of_these_agrees_with_none_of_these() -> None:
    rows = [(f"q{n}", kind, who, answer) for n, answer in enumerate((None, None, "sport", "food"))
            for kind, who in (("person", "ann"), ("labeler", "m"))]  # fmt: skip
    voices = pl.DataFrame(rows, schema=["question_key", "kind", "voice", "answer"], orient="row")
    [row] = compare_voices("news", "topics", voices)
    assert (row[4], row[5], row[7]) == (4, 1.0, 1.0)
