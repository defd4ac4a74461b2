"""The top of users' fused lists, and new scores for it from a labeler: by grades, by pairs, by windows.

Users, items and histories are as the holdout sees them: nothing that was held out is shown. Memory O(users x TOP).
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from tasks.contracts.errors import TooFewLabelsError
from tasks.experiments.asking import Bill, ask_grades, ask_orders
from tasks.experiments.setting import Setting, sample_by_hash
from tasks.judging.strengths import fit_strengths
from tasks.judging.windows import both_ways, plan_windows
from tasks.labelers.protocol import ItemText, JudgeQuestion, Labeler, RankQuestion, UserText
from tasks.loading.arrays import load_catalog_arrays, load_shard
from tasks.loading.history import make_history
from tasks.loading.judging import read_user_texts
from tasks.loading.truth import read_truth
from tasks.ranking.reranking import merge_windows, overlapping_windows
from tasks.retrieval.user_shard import UserShard
from warehouse.outputs import latest_output

TOP = 20
WINDOW = 10
ROUNDS = 4
MAX_USERS = 40
HISTORY = 10
Scored = tuple[pl.DataFrame, Bill]


@dataclass(frozen=True)
class Shown:
    """lists: user_id, item_id, rank of the first TOP. users and items: as a labeler sees them, by id. truth: see read_truth."""

    lists: pl.DataFrame
    users: dict[str, UserText]
    items: dict[str, ItemText]
    truth: pl.DataFrame
    relevant_grade: int
    origin: str

    def of_users(self) -> Iterator[tuple[str, list[str]]]:
        """Each user's items, best first."""
        for (user,), rows in self.lists.sort("user_id", "rank").group_by("user_id", maintain_order=True):
            yield str(user), rows["item_id"].to_list()


def read_shown(setting: Setting) -> Shown:
    """Candidates of fold 0, which `train` wrote, and what they are measured by.

    Interactions and people's word are the truth where there are any, else the judge's own labels.
    """
    warehouse, context = setting.warehouse, setting.context
    make_history(warehouse, context)
    paths = latest_output(warehouse, catalog=setting.catalog, stage="features-holdout", needs="train")
    is_top = (pl.col("fold") == 0) & (pl.col("fused_rank") <= TOP)
    columns = ["user_id", "item_id", "fused_rank", "fold"]
    rows = pl.concat([pl.read_parquet(path, columns=columns).filter(is_top) for path in paths])
    known = read_truth(warehouse, context, rows["user_id"].unique().sort().to_list(), fold=0)
    others = known.filter(pl.col("truth") != "judge")
    truth, origin = (known, "the judge's own labels, so that grading by the same judge can't lose")
    relevant = context.catalog.relevance.relevant_grade
    if others.filter(pl.col("grade") >= 1).height:
        truth, origin, relevant = others, "held-out interactions and people's labels, of grade 1 or more", 1
    found = truth.filter(pl.col("grade") >= relevant)["user_id"].unique().sort()
    users = sample_by_hash(found.filter(found.is_in(rows["user_id"].implode())), n=MAX_USERS, seed=setting.seed)
    if users.is_empty():
        raise TooFewLabelsError(f"no user of catalog {setting.catalog!r} has a relevant item; nothing can be measured")
    index = load_catalog_arrays(warehouse, context, fold=0, only=()).index
    shard = load_shard(warehouse, context, index, user_ids=users.to_list(), fold=0)
    lists = rows.filter(pl.col("user_id").is_in(users.implode())).select(
        "user_id", "item_id", rank=pl.col("fused_rank").cast(pl.UInt32)
    )
    places = dict(zip(lists["item_id"].unique(), index.locate(lists["item_id"].unique()), strict=True))
    items = {
        item: ItemText(_key(item), index.titles[place], index.texts[place], vector=index.vectors[place])
        for item, place in places.items()
    }
    truth = truth.filter(pl.col("user_id").is_in(users.implode()))
    return Shown(lists, _users(setting, shard), items, truth, relevant, origin)


def grade_each(labeler: Labeler, shown: Shown) -> Scored:
    """Scores by the grade of each item."""
    questions = (
        JudgeQuestion(shown.users[user], shown.items[item]) for user, items in shown.of_users() for item in items
    )
    asked = ask_grades(labeler, questions)
    rows = [
        (user, item, asked.grades.get(f"{shown.users[user].key}|{shown.items[item].key}"))
        for user, items in shown.of_users()
        for item in items
    ]
    return _frame(rows), asked.bill


def order_pairs(labeler: Labeler, shown: Shown, *, seed: int) -> Scored:
    """Scores by the strengths that pairs of items show."""
    planned = {
        user: [
            shown_way
            for pair in plan_windows([items], user=user, window=2, rounds=ROUNDS, seed=seed)
            for shown_way in both_ways(pair)
        ]
        for user, items in shown.of_users()
    }
    orders, bill = _ask_lists(labeler, shown, planned)
    rows: list[tuple[str, str, float | None]] = []
    for user, items in shown.of_users():
        numbers = {item: number for number, item in enumerate(items)}
        best_first = [[numbers[item] for item in order] for order in orders[user].values()]
        values = fit_strengths(best_first, len(items)).values
        rows += [(user, item, float(values[number])) for item, number in numbers.items()]
    return _frame(rows), bill


def order_windows(labeler: Labeler, shown: Shown) -> Scored:
    """Scores by the mean place in overlapping windows, each shown both ways round."""
    spans = {user: overlapping_windows(len(items), WINDOW) for user, items in shown.of_users()}
    planned = {
        user: [way for start, end in spans[user] for way in both_ways(tuple(items[start:end]))]
        for user, items in shown.of_users()
    }
    orders, bill = _ask_lists(labeler, shown, planned)
    rows: list[tuple[str, str, float | None]] = []
    for user, items in shown.of_users():
        answers = {}
        for start, end in spans[user]:
            window = tuple(items[start:end])
            ways = [orders[user].get(way) for way in both_ways(window)]
            if all(way is not None for way in ways):
                forth, back = ([list(way or ()).index(item) + 1 for item in window] for way in ways)
                answers[start, end] = (forth, back)
        places = merge_windows(len(items), answers)
        rows += [(user, items[place], -float(number)) for number, place in enumerate(places)]
    return _frame(rows), bill


def _ask_lists(
    labeler: Labeler, shown: Shown, planned: dict[str, list[tuple[str, ...]]]
) -> tuple[dict[str, dict[tuple[str, ...], list[str]]], Bill]:
    """By user and list as shown: its items, best first."""
    questions, asked_as = [], {}
    for user, ways in planned.items():
        for way in ways:
            question = RankQuestion(shown.users[user], tuple(shown.items[item] for item in way))
            asked_as[question.key] = (user, way)
            questions.append(question)
    asked = ask_orders(labeler, questions)
    orders: dict[str, dict[tuple[str, ...], list[str]]] = defaultdict(dict)
    for key, ranks in asked.orders.items():
        user, way = asked_as[key]
        orders[user][way] = [item for _, item in sorted(zip(ranks, way, strict=True))]
    return orders, asked.bill


def _users(setting: Setting, shard: UserShard) -> dict[str, UserText]:
    """Profiles with what is left of the history when the held-out part is gone; keys of this experiment's own."""
    profiles = read_user_texts(setting.warehouse, setting.context, shard.user_ids.to_list())
    users = {}
    for row, user in enumerate(shard.user_ids):
        profile = profiles[user]
        entries = range(int(shard.indptr[row]), int(shard.indptr[row + 1]))
        liked = [shard.history_rows[entry] for entry in entries if shard.history_weights[entry] > 0][:HISTORY]
        users[user] = UserText(
            key=_key(user),
            summary=profile.summary,
            interests=profile.interests,
            hobbies=profile.hobbies,
            skills=profile.skills,
            job=profile.job,
            vector=profile.vector,
            history=tuple(_read(shard, liked)),
        )
    return users


def _read(shard: UserShard, rows: Sequence[np.int64]) -> Iterator[ItemText]:
    for row in rows:
        yield ItemText(_key(shard.item_titles[row]), shard.item_titles[row], "", vector=shard.item_vectors[row])


def _key(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _frame(rows: Sequence[tuple[str, str, float | None]]) -> pl.DataFrame:
    return pl.DataFrame(rows, schema={"user_id": pl.String, "item_id": pl.String, "score": pl.Float64}, orient="row")
