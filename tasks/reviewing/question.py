"""One question as a person is shown it: the texts, why it was chosen, and what labelers said. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

LIST_LABELS = {"interests": "Interests", "hobbies": "Hobbies", "skills": "Skills"}


@dataclass(frozen=True)
class Opinion:
    """What one labeler says; answer None: none of these. confidence in [0, 1]."""

    labeler: str
    answer: str | None
    confidence: float


@dataclass(frozen=True)
class ReviewQuestion:
    """One question for people. Texts that the task does not need are empty; no text holds a user's id.

    why: the reasons for which it was chosen. confidence: that of the label that counts today, None where there is none.
    """

    catalog: str
    task: str
    question_key: str
    item_id: str
    title: str
    text: str
    why: tuple[str, ...]
    other_item_id: str = ""
    other_title: str = ""
    other_text: str = ""
    profile: str = ""
    description: str = ""
    confidence: float | None = None
    opinions: tuple[Opinion, ...] = ()


def read_question(row: Mapping[str, Any], *, max_chars: int, redact: Callable[[str], str]) -> ReviewQuestion:
    """A row of queries/review_pick as a question: texts at most max_chars long, and redacted."""

    def show(text: str | None) -> str:
        return redact(_cut(text or "", max_chars))

    return ReviewQuestion(
        catalog=row["catalog"],
        task=row["task"],
        question_key=row["question_key"],
        item_id=row["item_id"],
        title=show(row["title"]),
        text=show(row["text"]),
        why=tuple(row["why"]),
        other_item_id=row["other_item_id"] or "",
        other_title=show(row["other_title"]),
        other_text=show(row["other_text"]),
        profile=show(describe_profile(row)) if row["task"] == "judge" else "",
        description=show(_describe_item(row)) if row["task"] == "enrich" else "",
        confidence=row["confidence"],
        opinions=tuple(Opinion(**said) for said in row["labels"] or ()),
    )


def describe_profile(row: Mapping[str, Any]) -> str:
    """A user's profile as text, a line a field; what is empty is left out.

    >>> describe_profile({"summary": "Likes tea.", "job": "", "interests": ["tea", "bread"], "hobbies": [], "skills": []})
    'Likes tea.\\nInterests: tea, bread'
    """
    job = f"Job: {row['job']}" if row["job"] else ""
    lists = [f"{label}: {', '.join(row[name])}" for name, label in LIST_LABELS.items() if row[name]]
    return "\n".join(line for line in (row["summary"] or "", job, *lists) if line)


def _describe_item(row: Mapping[str, Any]) -> str:
    keywords = f"Keywords: {row['keywords']}" if row["keywords"] else ""
    return "\n".join(line for line in (row["description"] or "", keywords) if line)


def _cut(text: str, max_chars: int) -> str:
    return text if len(text) <= max_chars else f"{text[:max_chars].rstrip()} […]"
