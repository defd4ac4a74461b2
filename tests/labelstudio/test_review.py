"""People's review with the real Label Studio: our tasks and configuration go in, its exports come back as labels."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.labelstudio.server import LabelStudio
from tests.reviewing.conftest import Desk

# The server makes its database first.
pytestmark = pytest.mark.timeout(900)

ANSWERS = {"topics": "food", "similar": "true", "judge": "3", "enrich": "false"}
N = 4


def choice(word: str) -> dict[str, Any]:
    return {"from_name": "answer", "to_name": "text", "type": "choices", "value": {"choices": [word]}}


def note(text: str) -> dict[str, Any]:
    return {"from_name": "note", "to_name": "text", "type": "textarea", "value": {"text": [text]}}


def set_up(desk: Desk, studio: LabelStudio, task: str) -> int:
    """A project with our configuration and our tasks; its id."""
    config = desk.nightjar("review", "config", "--task", task)
    assert config.code == 0, config.err
    path = desk.folder / f"{task}.json"
    assert desk.nightjar("review", "export", path, "--task", task, "--n", N).code == 0
    project = studio.make_project(f"Review of {task}", config.out)
    found = studio.import_tasks(project, path)
    n_tasks = len(studio.tasks(project))
    assert found["task_count"] == n_tasks > 0
    assert found["prediction_count"] == (0 if task == "enrich" else n_tasks)
    return project


@pytest.mark.parametrize("task", ANSWERS)
def test_answers_of_every_task_come_back(desk: Desk, studio: LabelStudio, task: str) -> None:
    if task == "enrich":
        desk.nights.run("enrich")
    project = set_up(desk, studio, task)
    for one in studio.tasks(project):
        studio.annotate(one["id"], [choice(ANSWERS[task]), note("so it is")])
    n_tasks = len(studio.tasks(project))
    full = desk.nightjar("review", "import", studio.export(project, "JSON", desk.folder / "full.json"))
    assert (full.code, f"{n_tasks} imported, 0 unchanged, 0 skipped, 0 refused" in full.out) == (0, True), full.out
    stored = desk.nights.rows("select distinct task, answer, note, reviewer from human_labels")
    assert stored == [(task, ANSWERS[task], "so it is", "label-studio:1")]
    # The same annotations in the other form are the same answers.
    flat = desk.nightjar("review", "import", studio.export(project, "JSON_MIN", desk.folder / "flat.json"))
    assert (flat.code, f"0 imported, {n_tasks} unchanged" in flat.out) == (0, True), flat.out
    assert "Prediction validation failed" not in studio.log()


def test_cancelled_open_changed_and_wrong_annotations(desk: Desk, studio: LabelStudio, tmp_path: Path) -> None:
    project = set_up(desk, studio, "topics")
    tasks = studio.tasks(project)
    changed = studio.annotate(tasks[0]["id"], [choice("sport")])
    studio.annotate(tasks[1]["id"], [], cancelled=True)
    studio.annotate(tasks[2]["id"], [note("hard to say")])
    first = desk.nightjar("review", "import", studio.export(project, "JSON", tmp_path / "first.json"))
    assert "1 imported, 0 unchanged, 3 skipped, 0 refused" in first.out
    for reason in ("skipped 1: cancelled by the annotator", "skipped 1: no answer", "skipped 1: not annotated"):
        assert reason in first.out
    studio.change(changed, [choice("none")])
    for form in ("JSON", "JSON_MIN"):
        again = desk.nightjar("review", "import", studio.export(project, form, tmp_path / f"{form}.json"))
        assert again.code == 0, again.out
    item = tasks[0]["data"]["item_id"]
    assert desk.nights.value("select count(*) from human_labels") == 2
    shown = f"select primary_topic, labeler from current_topic_labels where item_id = '{item}'"
    assert desk.nights.rows(shown) == [(None, "person:label-studio:1")]


def test_topics_of_any_name_and_texts_with_markup(desk: Desk, studio: LabelStudio, tmp_path: Path) -> None:
    name = 'R&D <"new">'
    toml = desk.catalog.file.read_text(encoding="utf-8")
    desk.catalog.file.write_text(
        f"{toml}\n[[taxonomy]]\nname = '{name}'\ndescription = 'Labs & <b>patents</b>'\n", encoding="utf-8"
    )
    text = "<script>alert(1)</script> & {{x}} \\u0000 =1"
    desk.change(f"update items set title = '<b>Bold</b>', text = '{text}'")
    project = set_up(desk, studio, "topics")
    shown = studio.tasks(project)[0]
    assert (shown["data"]["title"], shown["data"]["text"]) == ("<b>Bold</b>", text)
    studio.annotate(shown["id"], [choice(name)])
    outcome = desk.nightjar("review", "import", studio.export(project, "JSON_MIN", tmp_path / "flat.json"))
    assert (outcome.code, "1 imported" in outcome.out) == (0, True), outcome.out
    assert desk.nights.rows("select answer from human_labels") == [(name,)]
