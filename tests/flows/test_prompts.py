"""nightjar prompts: what a model is sent today, and what has changed since the labels were made."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tasks.labelers import openai
from tasks.llm.prompts import PROMPTS_DIR, load_prompt
from tests.flows.conftest import Nightjar
from tests.night import Nights, SmallCatalog

TASKS = ("enrich", "topics", "similar", "judge", "rank", "rewrite")
VERSIONS = {task: load_prompt(PROMPTS_DIR / f"{task}.md").version for task in TASKS}


@pytest.fixture
def nights(nights: Nights, monkeypatch: pytest.MonkeyPatch) -> Nights:
    """The fake provider answers."""
    from flows.settings import Settings

    monkeypatch.setenv("NIGHTJAR_ENDPOINT", "fake")
    nights.changes = {"endpoints": Settings().read_endpoints(), "endpoint": "fake"}
    return nights


@pytest.fixture
def prompts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the prompts that a test may edit."""
    folder = tmp_path / "prompts"
    shutil.copytree(PROMPTS_DIR, folder)
    monkeypatch.setitem(openai.OpenAILabeler.__init__.__kwdefaults__, "prompts_dir", folder)
    return folder


@pytest.mark.parametrize("task", TASKS)
def test_prompt_is_shown_with_a_question_of_the_catalog(
    nightjar: Nightjar, nights: Nights, catalog: SmallCatalog, task: str
) -> None:
    nights.run("ingest")
    shown = nightjar("prompts", "show", task, "--catalog", catalog.file)
    assert shown.code == 0, shown.err
    assert f"--- {task} of news\ntask: {task}\nversion: {VERSIONS[task]}\nnote: " in shown.out
    assert "# System" in shown.out
    assert nights.value("select title from items order by content_hash limit 1") in shown.out
    if task in ("judge", "rank", "rewrite"):
        assert "Reader u00 follows sport" in shown.out
    if task == "topics":
        assert "match, goal, team, league" in shown.out


def test_prompt_is_shown_with_a_made_up_question_where_there_is_no_warehouse(
    nightjar: Nightjar, catalog: SmallCatalog, tmp_path: Path
) -> None:
    shown = nightjar("prompts", "show", "judge", "--catalog", catalog.save())
    assert shown.code == 0, shown.err
    assert "--- judge of news, with a made-up question" in shown.out
    assert "Harbour team wins the cup" in shown.out
    assert not list((tmp_path / "warehouse").glob("nightjar.duckdb*"))


def test_what_is_redacted_is_not_shown(nightjar: Nightjar, nights: Nights, catalog: SmallCatalog) -> None:
    for item in catalog.items.values():
        item["text"] += " Write to ann@example.org, member M-123456."
    catalog.head = '[[redact_patterns]]\nname = "member"\npattern = "M-[0-9]{6}"'
    nights.run("ingest")
    shown = nightjar("prompts", "show", "topics").out
    assert "Write to [email], member [member]." in shown
    assert "ann@example.org" not in shown


def test_labels_are_kept_with_the_prompt_they_were_made_with(nights: Nights) -> None:
    nights.run("ingest", "topics")
    nights.run("topics")
    [(of_labels, labeler)] = nights.rows("select prompt_hash, labeler from active_fingerprints where task = 'topics'")
    assert labeler == "openai:fake"
    rows = nights.rows("select prompt_hash, task, catalog, version, schema ->> 'type' from prompt_versions")
    assert rows == [(of_labels, "topics", "news", VERSIONS["topics"], "object")]
    assert "match, goal" in nights.value("select system_text from prompt_versions")


def test_unchanged_prompt_has_no_diff(nightjar: Nightjar, nights: Nights) -> None:
    nights.run("ingest", "topics")
    shown = nightjar("prompts", "diff", "topics")
    assert shown.code == 0, shown.err
    assert ", as it was\n0 labels would be due again" in shown.out


def test_changed_prompt_is_compared_and_its_labels_would_be_due(
    nightjar: Nightjar, nights: Nights, prompts: Path
) -> None:
    nights.run("ingest", "topics")
    file = prompts / "topics.md"
    file.write_text(file.read_text("utf-8").replace("\n# User\n", "\nNever guess.\n\n# User\n", 1), encoding="utf-8")
    shown = nightjar("prompts", "diff", "topics")
    assert shown.code == 0, shown.err
    assert "+Never guess." in shown.out
    assert "30 labels would be due again" in shown.out
    before = nights.value("select prompt_hash from prompt_versions")
    assert f"--- topics {before} (version {VERSIONS['topics']})" in shown.out
    assert nightjar("prompts", "diff", "topics", "--against", before[:6]).out == shown.out
    assert nights.run("topics")["topics"].rows_in == 30
    assert nights.value("select count(*) from prompt_versions") == 2
    assert "0 labels would be due again" in nightjar("prompts", "diff", "topics").out
    assert "+Never guess." in nightjar("prompts", "diff", "topics", "--against", before).out


def test_answers_of_rewrite_are_counted(nightjar: Nightjar, nights: Nights, catalog: SmallCatalog) -> None:
    catalog.more = "[candidates.sources]\nrewritten_query = 1.0\n[rewrite]\nlabeler = 'openai:fake'"
    nights.run("ingest", "embed", "rewrite")
    n_answers = nights.value("select count(*) from user_queries")
    assert n_answers >= 20
    assert "0 labels would be due again" in nightjar("prompts", "diff", "rewrite", "--catalog", catalog.file).out
    catalog.more += "\nqueries = 2"
    shown = nightjar("prompts", "diff", "rewrite", "--catalog", catalog.save())
    assert "+- `queries`: at most 2 search texts" in shown.out
    assert f"{n_answers} labels would be due again" in shown.out


def test_other_model_is_told_although_the_prompt_is_the_same(
    nightjar: Nightjar, nights: Nights, monkeypatch: pytest.MonkeyPatch
) -> None:
    nights.run("ingest", "topics")
    monkeypatch.setenv("NIGHTJAR_ENDPOINT", "default")
    shown = nightjar("prompts", "diff", "topics")
    assert "the prompt is the same, but model or endpoint are not those of openai:fake" in shown.out
    assert "30 labels would be due again" in shown.out


def test_redaction_is_told_although_the_texts_are_the_same(
    nightjar: Nightjar, nights: Nights, catalog: SmallCatalog
) -> None:
    nights.run("ingest", "topics")
    catalog.head = "redact = []"
    catalog.save()
    shown = nightjar("prompts", "diff", "topics")
    assert "the texts are the same; what is redacted from questions has changed" in shown.out
    assert "30 labels would be due again" in shown.out


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (
            [],
            1,
            "catalog 'news' has no labels of 'judge' yet, so there is nothing to compare; run the stage judge first",
        ),
        (["--against", "abc"], 1, "has no labels of 'judge' yet"),
    ],
)
def test_nothing_to_compare_is_said(
    nightjar: Nightjar, nights: Nights, words: list[str], code: int, message: str
) -> None:
    nights.run("ingest")
    refused = nightjar("prompts", "diff", "judge", *words)
    assert refused.code == code
    assert message in refused.err


def test_hash_that_nobody_knows_names_the_known_ones(nightjar: Nightjar, nights: Nights) -> None:
    nights.run("ingest", "topics")
    refused = nightjar("prompts", "diff", "topics", "--against", "zzz")
    assert refused.code == 2
    known = nights.value("select prompt_hash from prompt_versions")
    assert f"the hash 'zzz' fits no prompt of task 'topics'; known are {known}" in refused.err


def test_labels_of_a_labeler_without_a_prompt_can_not_be_compared(
    nightjar: Nightjar, nights: Nights, monkeypatch: pytest.MonkeyPatch
) -> None:
    nights.changes = {}
    nights.run("ingest", "enrich")
    refused = nightjar("prompts", "diff", "enrich")
    assert refused.code == 1
    assert "the labels of 'enrich' in catalog 'news' are by embedded:hashing, and no prompt" in refused.err


def test_task_that_does_not_exist_is_refused(nightjar: Nightjar) -> None:
    refused = nightjar("prompts", "show", "topic")
    assert refused.code == 2
    assert "'topic' is not one of" in refused.err
