"""The reply file: on disk at once, shared by processes, pruned only on purpose."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from warehouse.batches import BatchFile
from warehouse.errors import WarehouseError
from warehouse.replies import REPLIES, ReplyFile, StoredRow, open_replies

KEYS = [f"{n:064x}" for n in range(10)]
ROW = StoredRow('{"answers":[]}', "m-1", 100, 10, 60)


def test_what_is_put_is_there_for_everybody_at_once(tmp_path: Path) -> None:
    with open_replies(tmp_path) as one, open_replies(tmp_path) as other:
        one.put("topics", [(KEYS[0], ROW), (KEYS[1], ROW._replace(text="é\n☃"))])
        assert other.get(KEYS) == {KEYS[0]: ROW, KEYS[1]: ROW._replace(text="é\n☃")}


def test_a_later_reply_replaces_the_earlier(tmp_path: Path) -> None:
    with open_replies(tmp_path) as file:
        file.put("topics", [(KEYS[0], ROW)])
        file.put("topics", [(KEYS[0], ROW._replace(text="new"))])
        assert file.get(KEYS)[KEYS[0]].text == "new"
        assert file.stats()["replies"].sum() == 1


def test_what_was_put_survives_a_kill(tmp_path: Path) -> None:
    script = (
        "import sys, pathlib; from warehouse.replies import *\n"
        "with open_replies(pathlib.Path(sys.argv[1])) as file:\n"
        "    for n in range(10**6):\n"
        "        file.put('t', [(f'{n:064x}', StoredRow('r', 'm', 1, 1, 0))]); print(n, flush=True)\n"
    )
    process = subprocess.Popen([sys.executable, "-c", script, str(tmp_path)], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    said = [int(process.stdout.readline()) for _ in range(50)]
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    with open_replies(tmp_path) as file:
        assert len(file.get([f"{n:064x}" for n in said])) == 50


def test_stats_sum_by_task_and_model(tmp_path: Path) -> None:
    with open_replies(tmp_path) as file:
        file.put("topics", [(KEYS[0], ROW), (KEYS[1], ROW)])
        file.put("judge", [(KEYS[2], ROW._replace(model="m-2"))])
        found = file.stats().select("task", "model", "replies", "tokens_in", "bytes").rows()
    assert found == [("judge", "m-2", 1, 100, 14), ("topics", "m-1", 2, 200, 28)]


def test_prune_forgets_what_fits_all_that_is_said(tmp_path: Path) -> None:
    with open_replies(tmp_path) as file:
        file.put("topics", [(KEYS[0], ROW), (KEYS[1], ROW._replace(model="m-2"))])
        file.put("judge", [(KEYS[2], ROW)])
        assert file.prune(task="topics", model="m-1", is_dry_run=True) == 1
        assert len(file.get(KEYS)) == 3
        assert file.prune(task="topics", model="m-1") == 1
        assert sorted(file.get(KEYS)) == KEYS[1:3]
        assert file.prune(older_than_days=1) == 0
        assert file.prune(older_than_days=-1) == 2


def test_prune_without_a_filter_is_refused(tmp_path: Path) -> None:
    with open_replies(tmp_path) as file, pytest.raises(WarehouseError, match="give an age, a model or a task"):
        file.prune()


def test_a_file_that_is_none_is_named(tmp_path: Path) -> None:
    (tmp_path / REPLIES).write_text("this is no database, and it is long enough to be seen as one" * 20)
    with pytest.raises(WarehouseError, match=r"llm\.sqlite"), open_replies(tmp_path):
        pass


def batch(key: str = "a", **changes: object) -> dict[str, object]:
    row = {"scope": "s", "endpoint": "e", "file": "f", "n_rows": 2, "status": "prepared", "batch_id": "", "message": ""}
    return {"batch_key": key, **row, **changes}


def add(file: ReplyFile, key: str = "a") -> BatchFile:
    file.batches.add(batch(key), task="topics", rows=[(KEYS[0], "c1", 1), (KEYS[1], "c1", 0), (KEYS[2], "c2", 0)])
    return file.batches


def test_a_batch_knows_its_questions_in_their_order(tmp_path: Path) -> None:
    with open_replies(tmp_path) as file:
        batches = add(file)
        assert batches.keys_of("a", "c1") == [KEYS[1], KEYS[0]]
        assert batches.keys_of("a", "other") == []
        assert batches.status_of(KEYS[2]) == "prepared"
        assert batches.status_of(KEYS[3]) is None


def test_a_batch_is_found_by_scope_and_state(tmp_path: Path) -> None:
    with open_replies(tmp_path) as file:
        batches = add(file)
        batches.update("a", {"status": "submitted", "batch_id": "batch_1"})
        assert batches.find("s", ["prepared"]) == batches.find("other", ["submitted"]) == []
        [found] = batches.find("s", ["prepared", "submitted"])
        assert (found["batch_id"], found["status"]) == ("batch_1", "submitted")
        assert file.list_batches().select("batch_id", "task", "requests").rows() == [("batch_1", "topics", 2)]


def test_questions_are_forgotten_one_by_one_or_all(tmp_path: Path) -> None:
    with open_replies(tmp_path) as file:
        batches = add(file)
        batches.forget_question(KEYS[0])
        assert (batches.status_of(KEYS[0]), batches.status_of(KEYS[1])) == (None, "prepared")
        batches.forget_questions("a")
        assert batches.status_of(KEYS[1]) is None
