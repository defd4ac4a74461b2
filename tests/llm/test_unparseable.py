"""Recorded replies of real judges that broke their authors' parsers: each is a grade in range or is refused."""

from __future__ import annotations

import time
from collections import Counter

from tasks.labelers.openai_schemas import JudgeReply
from tasks.llm.errors import InvalidReplyError
from tasks.llm.structured import read_answers
from tests.llm.data import read_recorded


def end_of(reply: str) -> str:
    """How a reply to one question ends: "grade", or the beginning of the complaint."""
    try:
        [answer] = read_answers(reply, JudgeReply, n_questions=1)
    except InvalidReplyError as error:
        return f"refused: {str(error).partition(';')[0]:.40}"
    assert answer.relevance in range(4)
    return "grade"


def test_each_recorded_reply_is_a_grade_in_range_or_refused() -> None:
    rows = read_recorded("llm-unparseable-replies.jsonl.gz")
    begun = time.process_time()
    ends = Counter(end_of(row["reply"]) for row in rows)
    n_refused = sum(n for end, n in ends.items() if end.startswith("refused"))
    print(f"\n{len(rows)} replies that broke other parsers: {dict(ends)}")  # noqa: T201 - asked for: pytest -s
    assert ends["grade"] + n_refused == len(rows) == 989
    # None of them gives a reason and a confidence, so a grade here would have been made up.
    assert ends["grade"] == 0
    assert time.process_time() - begun < 10
