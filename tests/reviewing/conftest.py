"""Fixtures: a labeled warehouse, what makes its questions doubtful, and files that people have filled in."""

from __future__ import annotations

import csv
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import duckdb
import pytest

from tests.flows.conftest import Nightjar, nightjar
from tests.night import Nights, SmallCatalog
from tests.tasks.conftest import Begin, begin, beginnings, catalog, embedder, nights
from warehouse.connection import DATABASE

__all__ = ["begin", "beginnings", "catalog", "embedder", "nightjar", "nights"]

SECOND = "openai:other"


@dataclass
class Desk:
    """The labeling owner's desk: the command line, the labeled warehouse, and files in a folder."""

    nightjar: Nightjar
    nights: Nights
    catalog: SmallCatalog
    folder: Path

    def change(self, *statements: str) -> None:
        """Write into the warehouse."""
        with duckdb.connect(str(self.nights.folder / DATABASE)) as connection:
            for statement in statements:
                connection.execute(statement)

    def export(self, *options: object, name: str = "doubtful.csv") -> list[dict[str, str]]:
        """The rows of an exported CSV, as a spreadsheet shows them."""
        path = self.folder / name
        path.unlink(missing_ok=True)
        outcome = self.nightjar("review", "export", path, *options)
        assert outcome.code == 0, outcome.err
        return self.read(name) if path.exists() else []

    def read(self, name: str = "doubtful.csv") -> list[dict[str, str]]:
        """The rows of a CSV in the folder."""
        with (self.folder / name).open(encoding="utf-8-sig", newline="") as file:
            return list(csv.DictReader(file))

    def fill(self, rows: list[dict[str, str]], name: str = "filled.csv") -> Path:
        """Save rows as a spreadsheet would."""
        path = self.folder / name
        with path.open("w", encoding="utf-8-sig", newline="") as file:
            writer = csv.DictWriter(file, list(rows[0]))
            writer.writeheader()
            writer.writerows(rows)
        return path

    def second_labeler(self, answers: Mapping[str, str | None], *, confidence: float = 0.6) -> None:
        """A second member of the panel on topics, who answers some items (by id) and agrees on the others."""
        chosen = "".join(f" when '{item}' then {_sql(answer)}" for item, answer in answers.items())
        self.change(
            "delete from panel_members where task = 'topics'",
            "insert into panel_members select catalog, task, 0, 'member', fingerprint, labeler, run_id, set_at"
            " from active_fingerprints where task = 'topics'",
            f"insert into panel_members select catalog, task, 1, 'member', 'second', '{SECOND}', run_id, set_at"
            " from active_fingerprints where task = 'topics'",
            f"insert into topic_labels by name select labels.* replace ('second' as fingerprint, '{SECOND}' as labeler,"
            f" case items.item_id {chosen} else primary_topic end as primary_topic, {confidence} as confidence)"
            " from topic_labels as labels join items using (content_hash)",
        )


def _sql(answer: str | None) -> str:
    return "null" if answer is None else f"'{answer}'"


@pytest.fixture
def desk(nightjar: Nightjar, nights: Nights, catalog: SmallCatalog, begin: Begin, tmp_path: Path) -> Desk:
    """After a night up to the judge; two items are near-duplicates."""
    catalog.items["i30"] = {**catalog.items["i04"], "id": "i30", "title": "Again"}
    begin("ingest", "embed", "topics", "similar", "judge")
    made = Desk(nightjar, nights, catalog, tmp_path)
    # The kept warehouse was made from another test's file.
    made.change(f"update catalogs set file = '{catalog.file}'")
    return made


@pytest.fixture
def key_of(desk: Desk) -> Callable[[str], str]:
    """The topics question of an item."""
    return lambda item: desk.nights.value(f"select content_hash from items where item_id = '{item}'")
