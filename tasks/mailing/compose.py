"""What stands in a user's digest: the best of each catalog, in turn, grouped by catalog. Pure; O(rows)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import groupby
from typing import Any

from tasks.mailing.texts import MAX_REASON, MAX_TITLE, logline, safe_link, tidy_line

MAX_NAME = 60


@dataclass(frozen=True)
class Pick:
    """One recommendation as it is shown; logline, topic and url may be empty."""

    item_id: str
    title: str
    logline: str
    reason: str
    topic: str
    url: str


@dataclass(frozen=True)
class Section:
    """The picks of one catalog, best first."""

    catalog: str
    title: str
    picks: tuple[Pick, ...]


@dataclass(frozen=True)
class Digest:
    """One user's digest of a day; texts are tidy lines, unescaped."""

    user_space: str
    user_id: str
    name: str
    day: date
    sections: tuple[Section, ...]

    @property
    def n_picks(self) -> int:
        """How many items it holds."""
        return sum(len(section.picks) for section in self.sections)

    @property
    def items(self) -> list[str]:
        """What it holds, each as "catalog/item_id"."""
        return [f"{section.catalog}/{pick.item_id}" for section in self.sections for pick in section.picks]

    @property
    def first(self) -> Pick:
        """The item that stands on top."""
        return self.sections[0].picks[0]


def compose(
    rows: Iterable[Mapping[str, Any]],
    *,
    user_space: str,
    names: Mapping[str, str],
    titles: Mapping[str, str],
    day: date,
    max_items: int,
) -> dict[str, Digest]:
    """Digests by user id, of users who have any row.

    rows: user_id, catalog, rank, item_id, title, url, reason, topic, summary, text; sorted by user. names: the users' own.
    Catalogs take turns until max_items are chosen, so that none crowds the others out: their scores can't be compared.
    """  # fmt: skip
    return {
        user_id: Digest(
            user_space=user_space, user_id=user_id, name=tidy_line(names.get(user_id) or "", most=MAX_NAME), day=day,
            sections=_make_sections(_take_turns(list(own), max_items), titles),
        )
        for user_id, own in groupby(rows, key=lambda row: str(row["user_id"]))
    }  # fmt: skip


def _take_turns(rows: Sequence[Mapping[str, Any]], max_items: int) -> list[Mapping[str, Any]]:
    """The best of each catalog, then the second best of each, and so on."""
    turns: dict[str, int] = {}
    ordered = []
    for row in sorted(rows, key=lambda row: (row["catalog"], row["rank"])):
        turns[row["catalog"]] = turns.get(row["catalog"], -1) + 1
        ordered.append((turns[row["catalog"]], row["rank"], row["catalog"], row))
    return [row for *_, row in sorted(ordered, key=lambda one: one[:3])[:max_items]]


def _make_sections(rows: Sequence[Mapping[str, Any]], titles: Mapping[str, str]) -> tuple[Section, ...]:
    catalogs = list(dict.fromkeys(row["catalog"] for row in rows))
    return tuple(
        Section(
            catalog=catalog,
            title=tidy_line(titles.get(catalog) or catalog, most=MAX_TITLE),
            picks=tuple(_make_pick(row) for row in rows if row["catalog"] == catalog),
        )
        for catalog in catalogs
    )


def _make_pick(row: Mapping[str, Any]) -> Pick:
    title = tidy_line(row["title"], most=MAX_TITLE) or tidy_line(row["item_id"], most=MAX_TITLE)
    return Pick(
        item_id=row["item_id"],
        title=title,
        logline=logline(title, row["summary"] or "", row["text"] or ""),
        reason=tidy_line(row["reason"], most=MAX_REASON),
        topic=tidy_line(row["topic"] or "", most=MAX_NAME),
        url=safe_link(row["url"] or ""),
    )
