"""A language model puts a few items in order that it knows by title, told which titles a user liked and disliked.

Zero-shot: the user's titles alone. Few-shot: besides, EXAMPLES other users with what they liked and what they chose
next. It is asked through the stage judge's own labeler and prompt; without an endpoint nobody is asked. Users x ASKED
questions each way.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import polars as pl

from tasks.experiments.asking import Asked, ask_grades, is_language_model, reorder
from tasks.experiments.next_items import NextItems
from tasks.experiments.setting import Setting, sample_by_hash
from tasks.labelers.protocol import ItemText, JudgeQuestion, UserText
from tasks.labeling import make_labeler

ASKED = 20
LANGUAGE_USERS = 30
EXAMPLES = 3
TITLES = 10
"""Liked and disliked titles told of a user, the newest."""


@dataclass(frozen=True)
class Prompted:
    """ranked: the lists by the way of asking, with what it took; empty where nobody was asked, notes say why."""

    users: pl.Series
    ranked: Mapping[str, tuple[pl.DataFrame, Asked]] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


def prompt_with_titles(setting: Setting, of: NextItems, lists: pl.DataFrame) -> Prompted:
    """Ask about the first ASKED items of the lists (user_id, item_id, rank) of LANGUAGE_USERS users by hash."""
    labeler = make_labeler("judge", setting.context, setting.warehouse)
    users = sample_by_hash(lists["user_id"].unique().sort(), n=LANGUAGE_USERS, seed=setting.seed)
    if not is_language_model(labeler):
        note = "language model: skipped, for labelers.judge of the catalog is the embedded one; name an endpoint to ask"
        return Prompted(users.clear(), notes=(note,))
    shown = lists.filter(pl.col("user_id").is_in(users.implode()) & (pl.col("rank") <= ASKED))
    likes = _told(of, is_liked=True)
    dislikes = _told(of, is_liked=False)
    examples = _examples(of, users, likes)
    ranked = {}
    for name, told in (("zero-shot", ()), ("few-shot", examples)):
        profiles = {user: _profile(likes.get(user, []), dislikes.get(user, []), told) for user in users}
        asked = ask_grades(labeler, _questions(of, shown, profiles))
        ranked[f"{labeler.name}, {name}"] = (reorder(shown, _scores(shown, profiles, asked)), asked)
    notes = tuple(f"{name}: {asked.bill.note}" for name, (_, asked) in ranked.items() if asked.bill.note)
    return Prompted(users, ranked, notes)


def _told(of: NextItems, *, is_liked: bool) -> dict[str, list[str]]:
    """The newest TITLES titles of each measured user's history that were liked, or disliked."""
    shard = of.shard
    told: dict[str, list[str]] = {}
    for row, user in enumerate(shard.user_ids):
        entries = range(int(shard.indptr[row]), int(shard.indptr[row + 1]))
        chosen = [entry for entry in entries if (shard.history_weights[entry] > 0) == is_liked]
        told[user] = [shard.item_titles[shard.history_rows[entry]] for entry in chosen[:TITLES]]
    return told


def _examples(of: NextItems, users: pl.Series, likes: Mapping[str, Sequence[str]]) -> tuple[str, ...]:
    """Other users than those asked about: what they had liked, and what they chose next. Nothing of the asked leaks."""
    titles = dict(zip(of.index.item_ids, of.index.titles, strict=True))
    liked_next = of.truth.filter(~pl.col("user_id").is_in(users.implode()) & (pl.col("grade") >= 1)).sort(
        "user_id", "grade", "item_id", descending=[False, True, False]
    )
    told: list[str] = []
    for (user,), rows in liked_next.group_by("user_id", maintain_order=True):
        known = likes.get(str(user), [])
        if known and len(told) < EXAMPLES:
            nexts = ", ".join(titles[item] for item in rows["item_id"].head(2))
            told.append(f"Another person who liked {', '.join(known[:5])} later chose {nexts}.")
    return tuple(told)


def _profile(liked: Sequence[str], disliked: Sequence[str], examples: Sequence[str]) -> UserText:
    parts = [f"Liked: {'; '.join(liked)}." if liked else "", f"Disliked: {'; '.join(disliked)}." if disliked else ""]
    summary = " ".join(part for part in (*parts, *examples) if part) or "Nothing is known of this person."
    return UserText(key=hashlib.sha256(summary.encode()).hexdigest()[:16], summary=summary)


def _questions(of: NextItems, shown: pl.DataFrame, profiles: Mapping[str, UserText]) -> Iterator[JudgeQuestion]:
    titles = dict(zip(of.index.item_ids, of.index.titles, strict=True))
    # Users of whom nothing is known are one and the same to whoever is asked.
    asked: set[tuple[str, str]] = set()
    for user, item in shown.sort("user_id", "rank").select("user_id", "item_id").iter_rows():
        if (profiles[user].key, item) not in asked:
            asked.add((profiles[user].key, item))
            yield JudgeQuestion(profiles[user], ItemText(str(item), titles[item], ""))


def _scores(shown: pl.DataFrame, profiles: Mapping[str, UserText], asked: Asked) -> pl.DataFrame:
    keys = [f"{profiles[user].key}|{item}" for user, item in shown.select("user_id", "item_id").iter_rows()]
    scores = pl.Series("score", [asked.grades.get(key) for key in keys], dtype=pl.Float64)
    return shown.select("user_id", "item_id").with_columns(scores)
