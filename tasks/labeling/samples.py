"""One question of each task to show a prompt with: from the catalog's items and users, or made up where there are none."""

from __future__ import annotations

from dataclasses import replace

from tasks.contracts.context import StepContext
from tasks.labelers.protocol import (
    ExplainQuestion,
    ItemText,
    JudgeQuestion,
    PairQuestion,
    RankQuestion,
    RewriteQuestion,
    Task,
    UserText,
)
from warehouse.connection import Warehouse

MADE_UP_ITEMS = (
    ItemText(
        key="a", title="Harbour team wins the cup", text="The home side won the final on Saturday.", author="A. Reed"
    ),
    ItemText(
        key="b",
        title="Cup final: harbour team triumphs",
        text="A late goal decided Saturday's final.",
        author="B. Lane",
    ),
)
MADE_UP_USER = UserText(
    key="u",
    summary="Follows local sport and cooks at weekends.",
    interests=("football", "sailing"),
    hobbies=("baking",),
)
FACTS = {"reason": "close to your profile", "content": "close to your profile"}


def sample_question(
    task: Task, context: StepContext, warehouse: Warehouse | None
) -> tuple[ItemText | PairQuestion | JudgeQuestion | RankQuestion | RewriteQuestion | ExplainQuestion, bool]:
    """A question, and whether it is made up."""
    items = _items(context, warehouse)
    user = _user(context, warehouse) if task in ("judge", "rank", "rewrite", "rerank", "explain") else None
    is_made_up = len(items) < (2 if task in ("similar", "rank", "rerank") else 1)
    shown = MADE_UP_ITEMS if is_made_up else items
    if task == "similar":
        return PairQuestion(shown[0], shown[1], cosine=1.0), is_made_up
    if task == "judge":
        return JudgeQuestion(user or MADE_UP_USER, shown[0]), is_made_up or user is None
    if task in ("rank", "rerank"):
        return RankQuestion(user or MADE_UP_USER, shown[:2]), is_made_up or user is None
    if task == "explain":
        return ExplainQuestion(user or MADE_UP_USER, shown[0], FACTS), is_made_up or user is None
    if task == "rewrite":
        asked = replace(user or MADE_UP_USER, history=shown)
        return RewriteQuestion(asked.key, asked), is_made_up or user is None
    return shown[0], is_made_up


def _items(context: StepContext, warehouse: Warehouse | None) -> tuple[ItemText, ...]:
    if warehouse is None:
        return ()
    rows = warehouse.query("queries/sample_items", catalog=context.catalog.name).to_dicts()
    return tuple(ItemText(row["content_hash"], row["title"], row["text"], row["author"]) for row in rows)


def _user(context: StepContext, warehouse: Warehouse | None) -> UserText | None:
    if warehouse is None:
        return None
    for row in warehouse.query("queries/sample_users", user_space=context.catalog.user_space).to_dicts():
        return UserText(
            key=row["profile_hash"],
            summary=row["summary"],
            interests=tuple(row["interests"]),
            hobbies=tuple(row["hobbies"]),
            skills=tuple(row["skills"]),
            job=row["job"],
        )
    return None
