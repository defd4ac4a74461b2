"""`nightjar review export` and `config`: which questions are chosen, in which order, and what a person is shown."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.flows.conftest import Nightjar
from tests.reviewing.conftest import SECOND, Desk
from warehouse.lock import hold_run_lock

Key = Callable[[str], str]


def test_least_confident_come_first(desk: Desk) -> None:
    rows = desk.export("--n", 5)
    query = "select confidence from current_topic_labels order by confidence limit 5"
    assert [float(row["confidence"]) for row in rows] == pytest.approx(desk.nights.column(query), abs=0.0006)
    assert {row["why"] for row in rows} == {"low-confidence"}
    assert set(rows[0]) >= {
        "catalog",
        "task",
        "question_key",
        "item_id",
        "title",
        "text",
        "labels",
        "answer",
        "note",
        "reviewer",
    }
    assert {row["answer"] + row["note"] + row["reviewer"] for row in rows} == {""}


def test_same_warehouse_gives_the_same_file(desk: Desk) -> None:
    desk.export("--task", "judge", name="a.csv")
    desk.export("--task", "judge", name="b.csv")
    assert (desk.folder / "a.csv").read_bytes() == (desk.folder / "b.csv").read_bytes()


def test_reasons_take_turns_and_a_question_of_several_is_there_once(desk: Desk, key_of: Key) -> None:
    items = [f"i{n:02d}" for n in range(12)]
    topic = dict(desk.nights.rows("select item_id, primary_topic from current_topic_labels"))
    desk.second_labeler({item: "food" if topic[item] != "food" else "sport" for item in items[:3]})
    for n in (5, 6, 7):
        desk.change(
            "insert into dead_letters (catalog, task, question_key, fingerprint, labeler, reason, raw_reply, attempts, run_id, created_at)"
            f" values ('news', 'topics', '{key_of(items[n])}', 'second', '{SECOND}', 'refused', '', 1, 'r001', now()::timestamp)"
        )
    for n in (2, 8, 9):
        desk.change(f"insert into audit_samples values ('news', 'topics', '{key_of(items[n])}', 0.1, 'r001')")
    rows = desk.export("--n", 12)
    first = {reason for row in rows[:4] for reason in row["why"].split(", ")}
    assert first == {"low-confidence", "disagreement", "dead-letter", "audit"}
    assert len({row["question_key"] for row in rows}) == len(rows) == 12
    why = {row["item_id"]: row["why"].split(", ") for row in rows}
    assert set(why["i02"]) >= {"disagreement", "audit"}
    n_reasons = Counter(reason for reasons in why.values() for reason in reasons)
    assert (n_reasons["disagreement"], n_reasons["dead-letter"], n_reasons["audit"]) == (3, 3, 3)
    only = desk.export("--why", "dead-letter")
    assert {row["item_id"] for row in only} == {"i05", "i06", "i07"}


def test_labels_of_each_member_of_the_panel_are_shown(desk: Desk) -> None:
    desk.second_labeler({"i00": None})
    [row] = [row for row in desk.export("--why", "disagreement") if row["item_id"] == "i00"]
    assert row["labels"].startswith("embedded:")
    assert f"{SECOND}: none (0.60)" in row["labels"]


def test_answered_questions_stay_away_until_asked_for_again(desk: Desk) -> None:
    rows = desk.export("--n", 4)
    for row in rows[:2]:
        row["answer"], row["reviewer"] = "sport", "ann"
    assert desk.nightjar("review", "import", desk.fill(rows)).code == 0
    answered = {row["question_key"] for row in rows[:2]}
    assert answered.isdisjoint({row["question_key"] for row in desk.export("--n", 100)})
    assert answered <= {row["question_key"] for row in desk.export("--n", 100, "--again")}


def test_judge_shows_the_person_without_their_id(desk: Desk) -> None:
    rows = desk.export("--task", "judge", "--n", 20)
    assert all("follows" in row["profile"] for row in rows)
    # Each profile of this catalog says its own id in the summary; nothing else may.
    path = desk.folder / "judge.json"
    assert desk.nightjar("review", "export", path, "--task", "judge").code == 0
    for task in json.loads(path.read_text(encoding="utf-8")):
        del task["data"]["profile"]
        assert not [user for user in desk.catalog.users if f'"{user}"' in json.dumps(task)]
        assert "user_id" not in task["data"]


def test_similar_shows_both_items(desk: Desk) -> None:
    rows = desk.export("--task", "similar")
    assert rows
    ids = {frozenset((row["item_id"], row["other_item_id"])) for row in rows}
    assert frozenset(("i04", "i30")) in ids
    assert all(row["text"] and row["other_text"] for row in rows)


def test_enrich_shows_the_description_that_counts(desk: Desk) -> None:
    desk.nights.run("enrich")
    rows = desk.export("--task", "enrich", "--n", 3)
    assert all(row["description"] for row in rows)


def test_label_studio_gets_tasks_with_predictions(desk: Desk) -> None:
    path = desk.folder / "tasks.json"
    assert desk.nightjar("review", "export", path, "--n", 3).code == 0
    tasks = json.loads(path.read_text(encoding="utf-8"))
    assert len(tasks) == 3
    for task in tasks:
        assert task["data"]["question_key"]
        [prediction] = task["predictions"]
        assert prediction["model_version"].startswith("embedded:")
        assert 0 <= prediction["score"] <= 1


def test_cells_that_start_a_formula_are_defused(desk: Desk) -> None:
    desk.change("update items set title = '=HYPERLINK(\"x\")', text = '  +1' where item_id < 'i30'")
    row = desk.export("--n", 1)[0]
    assert (row["title"], row["text"]) == ('\'=HYPERLINK("x")', "'  +1")


def test_texts_are_redacted_as_for_a_model(desk: Desk) -> None:
    desk.change("update items set text = 'Write to ann@example.org'")
    assert {row["text"] for row in desk.export()} == {"Write to [email]"}


def test_file_that_exists_is_not_overwritten(desk: Desk) -> None:
    path = desk.folder / "doubtful.csv"
    path.write_text("precious", encoding="utf-8")
    outcome = desk.nightjar("review", "export", path)
    assert (outcome.code, path.read_text(encoding="utf-8")) == (2, "precious")
    assert "exists and may hold people's answers" in outcome.err


def test_nothing_doubtful_writes_no_file(desk: Desk) -> None:
    path = desk.folder / "none.csv"
    outcome = desk.nightjar("review", "export", path, "--why", "audit")
    assert (outcome.code, path.exists()) == (0, False)
    assert "no question of topics is doubtful" in outcome.out
    assert sorted(desk.folder.glob(".*")) == []


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("x.txt",), "say --format csv"),
        (("x.csv", "--why", "mood"), "'mood' is no reason"),
        (("x.csv", "--why", ""), "is no reason"),
        (("no/such/x.csv",), "no folder"),
    ],
)
def test_wrong_options_say_the_mend(desk: Desk, words: tuple[str, ...], message: str) -> None:
    outcome = desk.nightjar("review", "export", *words)
    assert outcome.code == 2
    assert message in outcome.err


def test_running_night_is_not_disturbed(desk: Desk) -> None:
    with hold_run_lock(desk.nights.folder):
        for words in (("export", "x.csv"), ("status",)):
            outcome = desk.nightjar("review", *words)
            assert outcome.code == 1
            assert "is in use by process" in outcome.err


def test_configuration_has_the_topics_of_the_catalog(desk: Desk) -> None:
    outcome = desk.nightjar("review", "config")
    assert outcome.code == 0
    for topic in ("sport", "space", "food", "none"):
        assert f'<Choice value="{topic}"' in outcome.out


def test_without_a_warehouse_the_mend_is_said(nightjar: Nightjar, tmp_path: Path) -> None:
    catalog = Path(__file__).parents[2] / "examples/sample/news.toml"
    outcome = nightjar("review", "export", tmp_path / "x.csv", "--catalog", catalog)
    assert outcome.code == 1
    assert "there is no warehouse" in outcome.err
