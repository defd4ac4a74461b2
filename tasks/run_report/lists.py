"""Lists of users: five of them to read, and how far a shard's lists have moved since the run before. Pure.

Time and memory O(rows of one shard), whatever the number of users.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import polars as pl

from tasks.run_report.facts import ExampleUser, ListDrift, ListRow
from tasks.run_report.texts import TEXT_CHARS, plain, plain_id

N_USERS = 5
TOP = 10
PARTS = ("content", "popularity", "diversity", "time")
DECILES = (0.1, 0.5, 0.9)


def choose_users(known: pl.DataFrame, *, n: int = N_USERS) -> list[str]:
    """Users from the best known to the least known, evenly spaced. known: user_id, n_history; the best known first.

    >>> choose_users(pl.DataFrame({"user_id": list("abcde"), "n_history": [9, 7, 5, 2, 0]}), n=3)
    ['a', 'c', 'e']
    """
    ids = known["user_id"].to_list()
    if len(ids) <= n:
        return ids
    return [ids[round(place * (len(ids) - 1) / (n - 1))] for place in range(n)]


def compare_lists(catalog: str, before_run: str, *, now: pl.DataFrame, before: pl.DataFrame) -> ListDrift | None:
    """How much of the first TOP places is the same, for users who are in both; None where nobody is.

    now, before: user_id, item_id, rank, score, of one shard each.
    """
    first, earlier = (rows.filter(pl.col("rank") <= TOP) for rows in (now, before))
    first = first.join(earlier.select("user_id").unique(), on="user_id", how="semi")
    if first.is_empty():
        return None
    kept = first.join(earlier.select("user_id", "item_id"), on=["user_id", "item_id"], how="semi")
    lengths = first.group_by("user_id").len()
    shares = lengths.join(kept.group_by("user_id").len("n_kept"), on="user_id", how="left").select(
        pl.col("n_kept").fill_null(0) / pl.col("len")
    )
    return ListDrift(
        catalog,
        before_run,
        n_users=lengths.height,
        overlap=float(shares.to_series().mean()),  # type: ignore[arg-type]
        scores=_deciles(first["score"]),
        scores_before=_deciles(earlier["score"]),
    )


def _deciles(scores: pl.Series) -> tuple[float, float, float]:
    low, middle, high = (scores.quantile(share, "linear") or 0.0 for share in DECILES)
    return low, middle, high


def make_users(
    chosen: Sequence[str], known: pl.DataFrame, *, profiles: pl.DataFrame, lists: Mapping[str, pl.DataFrame]
) -> tuple[ExampleUser, ...]:
    """The chosen users in their order. profiles: rows of report_users.sql; lists: rows of recommendations by catalog."""
    n_history = dict(known.select("user_id", "n_history").iter_rows())
    by_id = {row["user_id"]: row for row in profiles.iter_rows(named=True)}
    return tuple(
        ExampleUser(
            user_id=plain_id(user),
            profile=_describe(by_id[user]) if user in by_id else "",
            n_history=n_history.get(user, 0),
            history=tuple(plain(title) for title in by_id[user]["history"]) if user in by_id else (),
            lists=tuple((catalog, _make_list(rows, user)) for catalog, rows in lists.items()),
        )
        for user in chosen
    )


def _describe(row: Mapping[str, Any]) -> str:
    """A profile in a line, without the person's name."""
    name = (row["name"] or "").strip()
    names = [name, *(part for part in name.split() if len(part) > 2)]
    likes = ", ".join([*(row["interests"] or []), *(row["hobbies"] or [])])
    parts = [part for part in (row["job"], likes, row["summary"]) if part and part.strip()]
    return plain("; ".join(parts), most=TEXT_CHARS, names=names)


def _make_list(rows: pl.DataFrame, user: str) -> tuple[ListRow, ...]:
    own = rows.filter(user_id=user).sort("rank").head(TOP)
    return tuple(
        ListRow(
            rank=row["rank"],
            title=plain(row["title"]) or plain_id(row["item_id"]),
            topic=plain(row["primary_topic"], most=40),
            reason=plain(row["reason"], most=TEXT_CHARS),
            parts=tuple(
                (part, plain(row[f"reason_{part}"], most=TEXT_CHARS))
                for part in PARTS
                if row[f"reason_{part}"] and row[f"reason_{part}"] != row["reason"]
            ),
        )
        for row in own.iter_rows(named=True)
    )
