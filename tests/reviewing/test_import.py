"""`nightjar review import`: what people said becomes the label that counts; every row is accounted for."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.flows.conftest import Outcome
from tests.reviewing.conftest import Desk
from warehouse.lock import hold_run_lock

Key = Callable[[str], str]
LABELS = (
    "select catalog, task, question_key, answer, reviewer, note, reviewed_at, source from human_labels order by all"
)


def bring(desk: Desk, rows: list[dict[str, str]], *options: object, name: str = "filled.csv") -> Outcome:
    return desk.nightjar("review", "import", desk.fill(rows, name), *options)


def gold(desk: Desk, text: str, *options: object, name: str = "gold.csv") -> Outcome:
    path = desk.folder / name
    path.write_text(text, encoding="utf-8")
    return desk.nightjar("review", "import", path, *options)


def topic_of(desk: Desk, item: str) -> tuple[Any, ...]:
    return desk.nights.rows(
        f"select primary_topic, labeler, reason from current_topic_labels where item_id = '{item}'"
    )[0]


def test_persons_label_counts_before_all_others(desk: Desk, key_of: Key) -> None:
    key = key_of("i00")
    desk.change(
        f"insert into combined_labels values ('news', 'topics', '{key}', 'space', 0.9, null, 2, 'majority', 'a+b', 'r001', now()::timestamp)"
    )
    assert topic_of(desk, "i00")[:2] == ("space", "combined:a+b")
    [row] = [row for row in desk.export("--n", 100) if row["item_id"] == "i00"]
    outcome = bring(desk, [{**row, "answer": "food", "note": "it is, really", "reviewer": "ann"}])
    assert (outcome.code, "1 imported, 0 unchanged, 0 skipped, 0 refused" in outcome.out) == (0, True)
    assert topic_of(desk, "i00") == ("food", "person:ann", "it is, really")
    shown = desk.nightjar(
        "sql", "select primary_topic, labeler from current_topic_labels where item_id = 'i00'", "--format", "csv"
    )
    assert shown.out.splitlines() == ["primary_topic,labeler", "food,person:ann"]


def test_none_of_these_is_an_answer(desk: Desk) -> None:
    [row] = desk.export("--n", 1)
    assert bring(desk, [{**row, "answer": "None"}], "--reviewer", "ann").code == 0
    assert topic_of(desk, row["item_id"])[:2] == (None, "person:ann")


def test_every_task_goes_out_and_comes_back(desk: Desk) -> None:
    desk.nights.run("enrich")
    for task, answer in (("similar", "FALSE"), ("judge", "3.0"), ("enrich", "true")):
        [row] = desk.export("--task", task, "--n", 1)
        outcome = bring(desk, [{**row, "answer": answer}], "--reviewer", "ann", name=f"{task}.csv")
        assert outcome.code == 0, outcome.out
    stored = desk.nights.rows("select task, answer from person_labels order by task")
    assert stored == [("enrich", "true"), ("judge", "3"), ("similar", "false")]
    assert desk.nights.rows("select relevance from current_judge_labels where labeler = 'person:ann'") == [(3,)]
    assert desk.nights.rows(
        "select is_similar, confidence from current_similarity_labels where labeler = 'person:ann'"
    ) == [(False, 0.0)]


def test_same_file_twice_changes_nothing(desk: Desk) -> None:
    rows = [{**row, "answer": "sport", "reviewer": "ann"} for row in desk.export("--n", 3)]
    bring(desk, rows)
    before = desk.nights.table("human_labels")
    outcome = bring(desk, rows)
    assert (outcome.code, "0 imported, 3 unchanged" in outcome.out) == (0, True)
    assert desk.nights.table("human_labels") == before


def test_older_file_brought_in_again_does_not_undo_a_later_answer(desk: Desk) -> None:
    [row] = desk.export("--n", 1)
    for answer, name in (("sport", "first.csv"), ("food", "second.csv")):
        bring(desk, [{**row, "answer": answer, "reviewer": "ann"}], name=name)
    outcome = desk.nightjar("review", "import", desk.folder / "first.csv")
    assert "0 imported, 1 unchanged" in outcome.out
    assert topic_of(desk, row["item_id"])[0] == "food"


@pytest.mark.parametrize("order", [(1, 2), (2, 1)])
def test_later_answer_of_the_same_reviewer_counts_whichever_came_in_first(desk: Desk, order: tuple[int, int]) -> None:
    [row] = desk.export("--n", 1)
    for day in order:
        answer = {1: "sport", 2: "food"}[day]
        bring(
            desk,
            [{**row, "answer": answer, "reviewer": "ann", "reviewed_at": f"2026-11-0{day}T08:00:00Z"}],
            name=f"{day}.csv",
        )
    assert topic_of(desk, row["item_id"])[0] == "food"
    assert desk.nights.value("select count(*) from human_labels") == 2


def test_tie_gives_no_persons_label_and_a_third_voice_decides(desk: Desk) -> None:
    [row] = desk.export("--n", 1)
    before = topic_of(desk, row["item_id"])
    other = "food" if before[0] != "food" else "space"
    for name, answer in (("ann", "sport"), ("bob", other)):
        bring(desk, [{**row, "answer": answer, "reviewer": name}])
    assert topic_of(desk, row["item_id"]) == before
    bring(desk, [{**row, "answer": other, "reviewer": "cy"}])
    assert topic_of(desk, row["item_id"])[:2] == (other, "person:bob, cy")


def test_each_row_that_does_not_fit_is_told_with_its_reason(desk: Desk) -> None:
    rows = desk.export("--n", 9)
    changes = [
        {"answer": "sprot", "reviewer": "ann"},
        {"answer": "sport", "reviewer": ""},
        {"answer": "sport", "reviewer": "ann", "question_key": "f" * 32},
        {"answer": "sport", "reviewer": "ann", "catalog": "wool"},
        {"answer": "sport", "reviewer": "ann", "task": "mood"},
        {"answer": "sport", "reviewer": "ann", "question_key": f"{rows[5]['question_key']}|"},
        {"answer": "sport", "reviewer": "ann", "task": "similar"},
        {"answer": ""},
        {"answer": "food", "reviewer": "ann"},
    ]
    outcome = bring(desk, [{**row, **change} for row, change in zip(rows, changes, strict=True)])
    assert outcome.code == 0
    assert "1 imported, 0 unchanged, 1 skipped, 7 refused" in outcome.out
    for said in (
        "row 2", "did you mean 'sport'?", "say --reviewer NAME", "row 4", "its text has changed or is gone", "catalog 'wool' is none of news",
        "unknown task 'mood'", "expected true or false", "skipped 1: no answer",
    ):  # fmt: skip
        assert said in outcome.out, said
    assert "row 10" not in outcome.out
    assert desk.nights.value("select count(*) from human_labels") == 1


def test_refused_rows_can_be_had_as_a_file(desk: Desk) -> None:
    rows = [{**row, "answer": "sprot", "reviewer": "ann"} for row in desk.export("--n", 3)]
    outcome = bring(desk, rows, "--refused", desk.folder / "refused.csv")
    assert (outcome.code, "nothing could be imported" in outcome.out) == (1, True)
    assert [row["row"] for row in desk.read("refused.csv")] == ["2", "3", "4"]
    again = bring(desk, rows, "--refused", desk.folder / "filled.csv")
    assert (again.code, "exists; give the name of a new file" in again.err) == (2, True)


def test_reviewer_who_contradicts_themselves_in_a_file_is_refused(desk: Desk) -> None:
    [row] = desk.export("--n", 1)
    answers = [{**row, "answer": answer, "reviewer": "ann"} for answer in ("sport", "food")]
    outcome = bring(desk, answers)
    assert (outcome.code, "2 refused" in outcome.out) == (1, True)
    assert "answers the same question twice, differently" in outcome.out
    assert desk.nights.table("human_labels") == []


def test_answer_from_the_future_is_refused(desk: Desk) -> None:
    [row] = desk.export("--n", 1)
    outcome = bring(desk, [{**row, "answer": "sport", "reviewer": "ann", "reviewed_at": "2999-01-01T00:00:00Z"}])
    assert (outcome.code, "lies in the future" in outcome.out) == (1, True)


def test_what_a_spreadsheet_was_defused_of_comes_back(desk: Desk) -> None:
    [row] = desk.export("--n", 1)
    bring(desk, [{**row, "answer": "sport", "reviewer": "'@ann", "note": "'=not a formula"}])
    assert desk.nights.rows("select reviewer, note from human_labels") == [("@ann", "=not a formula")]


@pytest.mark.parametrize(("encoding", "separator"), [("utf-16", "\t"), ("utf-8", ";"), ("utf-8-sig", ",")])
def test_file_is_read_as_spreadsheets_save_it(desk: Desk, encoding: str, separator: str) -> None:
    [row] = desk.export("--n", 1)
    lines = [
        ("catalog", "task", "question_key", "answer", "note"),
        ("news", "topics", row["question_key"], "food", "très"),
    ]
    path = desk.folder / "saved.txt"
    path.write_text("\r\n".join(map(separator.join, lines)), encoding=encoding)
    assert desk.nightjar("review", "import", path, "--reviewer", "ann").code == 0
    assert desk.nights.rows("select answer, note from human_labels") == [("food", "très")]


def test_changed_item_is_no_question_any_more(desk: Desk) -> None:
    rows = [{**row, "answer": "sport", "reviewer": "ann"} for row in desk.export("--n", 1)]
    desk.change(f"update items set content_hash = md5('new') where item_id = '{rows[0]['item_id']}'")
    outcome = bring(desk, rows)
    assert (outcome.code, "its text has changed or is gone" in outcome.out) == (1, True)


def test_plain_gold_of_every_kind(desk: Desk) -> None:
    assert "2 imported" in gold(desk, "item_id,topic,second_topic\ni00,food,sport\ni01,none,\n").out
    assert topic_of(desk, "i00") == ("food", "person:gold", "second topic: sport")
    assert topic_of(desk, "i01")[0] is None
    assert "1 imported" in gold(desk, "item_a,item_b\ni30,i04\n").out
    assert desk.nights.rows("select is_similar from current_similarity_labels where labeler = 'person:gold'") == [
        (True,)
    ]
    assert "1 imported" in gold(desk, "user_id,item_id,grade\nu01,i05,3\n", "--reviewer", "ann").out
    [(key, answer)] = desk.nights.rows("select question_key, answer from human_labels where task = 'judge'")
    hashes = desk.nights.rows(
        "select profile_hash || '|' || content_hash from users, items where user_id = 'u01' and item_id = 'i05'"
    )
    assert ([(key,)], answer) == (hashes, "3")


def test_plain_gold_that_does_not_fit_is_refused(desk: Desk) -> None:
    desk.change(
        "update items set content_hash = (select content_hash from items where item_id = 'i01') where item_id = 'i02'"
    )
    outcome = gold(desk, "item_a,item_b\ni00,nope\nnope,i00\ni01,i02\n")
    assert outcome.code == 1
    assert "no active item of the catalog" in outcome.out
    assert "the second is no active item" in outcome.out
    assert "both items have the same content" in outcome.out
    outcome = gold(desk, "user_id,item_id,grade\nnobody,i00,1\nu01,i00,4\n")
    assert "row 2 (nobody i00): no active user" in outcome.out
    assert "grade '4'; expected 0, 1, 2 or 3" in outcome.out


def test_plain_gold_needs_one_catalog(desk: Desk) -> None:
    other = desk.folder / "other.toml"
    other.write_text(desk.catalog.file.read_text(encoding="utf-8").replace('"news"', '"other"'), encoding="utf-8")
    outcome = gold(desk, "item_id,topic\ni00,food\n", "--catalog", desk.catalog.file, "--catalog", other)
    assert (outcome.code, "say --catalog FILE once" in outcome.err) == (2, True)


def test_label_studio_annotations_come_back(desk: Desk) -> None:
    path = desk.folder / "tasks.json"
    desk.nightjar("review", "export", path, "--n", 3)
    tasks = json.loads(path.read_text(encoding="utf-8"))
    result = {"from_name": "answer", "to_name": "text", "type": "choices", "value": {"choices": ["food"]}}
    times = {"created_at": "2026-11-20T10:00:00.5Z", "updated_at": "2026-11-20T10:01:00.25Z"}
    said = {"result": [result], "was_cancelled": False, **times}
    tasks[0]["annotations"] = [{**said, "completed_by": 1}, {**said, "completed_by": 2}]
    tasks[1]["annotations"] = [{**said, "completed_by": 1, "was_cancelled": True}]
    tasks[2]["annotations"] = []
    done = desk.folder / "project-1.json"
    done.write_text(json.dumps(tasks), encoding="utf-8")
    outcome = desk.nightjar("review", "import", done, "--reviewer", "label-studio:1=ann")
    assert (outcome.code, "2 imported, 0 unchanged, 2 skipped, 0 refused" in outcome.out) == (0, True)
    assert desk.nights.rows("select reviewer, reviewed_at::text from human_labels order by all") == [
        ("ann", "2026-11-20 10:01:00.25"),
        ("label-studio:2", "2026-11-20 10:01:00.25"),
    ]
    flat = [{**tasks[0]["data"], "id": 1, "answer": "food", "annotator": 2, "annotation_id": 5, **times}]
    done.write_text(json.dumps(flat), encoding="utf-8")
    assert "0 imported, 1 unchanged" in desk.nightjar("review", "import", done).out


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"a,b\n1,2\n", "neither those of"),
        (b"[{", "is cut or no JSON"),
        (b'{"a": 1}', "does not begin with '['"),
        (b"catalog,task,question_key,answer\n\xff\xff", "save it as CSV UTF-8"),
        (None, "can't be read"),
    ],
)
def test_unreadable_file_keeps_nothing_and_says_why(desk: Desk, content: bytes | None, message: str) -> None:
    path = desk.folder / "odd"
    if content is not None:
        path.write_bytes(content)
    outcome = desk.nightjar("review", "import", path)
    assert (outcome.code, message in outcome.err) == (2, True), outcome.err
    assert desk.nights.table("human_labels") == []


def test_cut_export_keeps_nothing_of_its_beginning(desk: Desk) -> None:
    path = desk.folder / "tasks.json"
    desk.nightjar("review", "export", path, "--n", 2)
    tasks = json.loads(path.read_text(encoding="utf-8"))
    flat = [{**task["data"], "answer": "food", "annotator": 2, "annotation_id": 5} for task in tasks]
    cut = desk.folder / "cut.json"
    cut.write_text(json.dumps(flat)[:-20], encoding="utf-8")
    assert desk.nightjar("review", "import", cut).code == 2
    assert desk.nights.table("human_labels") == []


def test_running_night_is_not_disturbed(desk: Desk) -> None:
    rows = [{**row, "answer": "sport", "reviewer": "ann"} for row in desk.export("--n", 1)]
    with hold_run_lock(desk.nights.folder):
        outcome = bring(desk, rows)
    assert (outcome.code, "is in use by process" in outcome.err) == (1, True)


@pytest.mark.parametrize(("given", "message"), [(("a", "b"), "names both 'a' and 'b'"), (("x=",), "empty name")])
def test_reviewers_are_named_once(desk: Desk, given: tuple[str, ...], message: str, tmp_path: Path) -> None:
    (tmp_path / "gold.csv").write_text("item_id,topic\ni00,food\n", encoding="utf-8")
    options = [word for name in given for word in ("--reviewer", name)]
    outcome = desk.nightjar("review", "import", tmp_path / "gold.csv", *options)
    assert (outcome.code, message in outcome.err) == (2, True)
