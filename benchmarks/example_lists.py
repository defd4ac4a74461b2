"""Published lists as a person reads them: a user's profile, what they did lately, and what was recommended, with reasons.

    python -m benchmarks.example_lists --warehouse DIR --catalog news [--user u01] [--users 1] [--seed 5]

Reads the latest publication of a warehouse, and users and interactions beside it; writes nothing but to the screen, as
Markdown. Without --user the users are drawn by hash from those who have a list.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import polars as pl

from tasks.contracts.hashing import hash_ids
from warehouse.connection import Warehouse, open_warehouse
from warehouse.publication import resolve_latest

N_HISTORY = 8
HISTORY = """
    select items.title, string_agg(distinct interactions.event, ', ' order by interactions.event), max(interactions.value)
    from interactions
    join items on items.catalog = interactions.catalog and items.item_id = interactions.item_id
    where interactions.catalog = $catalog and interactions.user_id = $user
    group by items.title
    order by max(interactions.occurred_at) desc nulls last, items.title
    limit $n
"""
PROFILE = "select summary, interests, job, age from users where user_space = $space and user_id = $user"


def read_lists(folder: Path, catalog: str) -> pl.DataFrame:
    """The catalog's rows of the latest publication."""
    files = resolve_latest(folder / "published").files("recommendations")
    rows = pl.concat([pl.read_parquet(path) for path in files], how="vertical_relaxed")
    found = rows.filter(pl.col("catalog") == catalog)
    if found.is_empty():
        raise SystemExit(f"nothing is published of catalog {catalog!r}; run `nightjar run` first")
    return found


def draw_users(lists: pl.DataFrame, *, n: int, seed: int) -> list[str]:
    """n users who have a list, by hash."""
    users = lists["user_id"].unique().sort()
    return users.gather(pl.Series(hash_ids(users, seed)).arg_sort().head(n)).to_list()


def describe_user(warehouse: Warehouse, lists: pl.DataFrame, user: str) -> str:
    """One user as Markdown: profile, history, list."""
    rows = lists.filter(pl.col("user_id") == user).sort("rank")
    if rows.is_empty():
        raise SystemExit(f"user {user!r} has no list; give --user one of {', '.join(draw_users(lists, n=5, seed=0))} …")
    catalog, space = rows["catalog"][0], rows["user_space"][0]
    connection = warehouse.connection
    profile = connection.execute(PROFILE, {"space": space, "user": user}).fetchone()
    history = connection.execute(HISTORY, {"catalog": catalog, "user": user, "n": N_HISTORY}).fetchall()
    lines = [f"### {catalog}: user `{user}`", "", f"*Profile.* {describe_profile(profile)}", ""]
    events = [f"{title} ({event}{'' if value is None else f' {value:g}'})" for title, event, value in history]
    lines += [f"*Lately.* {'; '.join(events) or 'nothing'}", "", "| rank | title | reason |", "|---|---|---|"]
    for row in rows.iter_rows(named=True):
        title, reason = (row[name].replace("|", "&#124;") for name in ("title", "reason"))
        lines.append(f"| {row['rank']} | {title} | {reason} |")
    return "\n".join(lines)


def describe_profile(profile: Sequence[object] | None) -> str:
    """What the user says of themselves, in one line."""
    if profile is None:
        return "none"
    summary, interests, job, age = profile
    parts = [str(summary or ""), ", ".join(interests or []), str(job or ""), f"{age} years" if age else ""]
    return " · ".join(part for part in parts if part) or "none"


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the lists."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--warehouse", type=Path, required=True)
    parser.add_argument("--catalog", required=True)
    parser.add_argument("--user", action="append", help="a user's id; may be given again")
    parser.add_argument("--users", type=int, default=1, help="how many are drawn without --user")
    parser.add_argument("--seed", type=int, default=5)
    given = parser.parse_args(arguments)
    lists = read_lists(given.warehouse, given.catalog)
    with open_warehouse(given.warehouse, read_only=True) as warehouse:
        for user in given.user or draw_users(lists, n=given.users, seed=given.seed):
            print(describe_user(warehouse, lists, user), end="\n\n")


if __name__ == "__main__":
    main()
