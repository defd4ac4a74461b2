"""Two labelings of a catalog side by side: what changed, and which is better on people's labels. Reads the warehouse.

The two are joined in the warehouse, in a temporary table beside it; what comes out is counts, and the changed rows in
parts for a CSV. Time O(labels), memory about MEMORY_MB whatever their number.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from tasks.contracts.catalog import Catalog
from tasks.contracts.errors import ConfigError
from tasks.reporting.versus import GoldRow, Versus, compare_on_gold
from tasks.reviewing.formulas import defuse
from warehouse.connection import Warehouse, open_warehouse

MOST_CHANGES = 15
SHORT = 8
PART = 50_000
"""Changed rows that are read and written at a time."""
MEMORY_MB = 700
"""What joining may hold in memory; beyond it the warehouse's temporary folder is used."""
WORDS = ("current", "combined", "previous")
COMBINED = ""
"""Stands for the combined labels where a fingerprint is expected."""


@dataclass(frozen=True)
class Labeling:
    """One of the two: fingerprint is COMBINED for the combined labels, of which labeler tells the method."""

    fingerprint: str
    labeler: str
    n_labels: int
    made_at: str

    def describe(self) -> str:
        """A line for a reader."""
        name = "the combined labels" if self.fingerprint == COMBINED else self.fingerprint
        return f"{name} ({self.labeler}, {self.n_labels} labels, {self.made_at})"


@dataclass(frozen=True)
class Comparison:
    """Two labelings of a catalog's task; changes has before, after, n, n_gold, n_worse and n_better, the most frequent first.

    n_circular: questions left out of versus because a person's own word is one of the two.
    """

    catalog: str
    task: str
    before: Labeling
    after: Labeling
    n_both: int
    n_changed: int
    n_circular: int
    changes: pl.DataFrame
    versus: Versus


def compare_labelings(
    folder: Path, catalogs: Sequence[Catalog], before: str, after: str, *, task: str, output: Path | None = None
) -> list[Comparison]:
    """A comparison for each catalog that knows both names; the changed rows of all go into `output`.

    Raises ConfigError with the known names where no catalog knows both.
    """
    found, problems = [], []
    with open_warehouse(folder, read_only=True, memory_limit_mb=MEMORY_MB) as warehouse:
        for catalog in catalogs:
            try:
                pair = [find_labeling(warehouse, catalog.name, name, task=task) for name in (before, after)]
            except ConfigError as error:
                problems.append(error)
                continue
            found.append(_compare(warehouse, catalog.name, task, *pair))
            if output is not None and found[-1].n_changed:
                _write_changes(warehouse, found[-1], output, is_first=not output.exists())
    if not found:
        raise problems[0]
    return found


def list_labelings(folder: Path, catalog: str, *, task: str | None = None) -> pl.DataFrame:
    """The labelings of a catalog: task, name, labeler, role, prompt, note, labels, first and last day."""
    with open_warehouse(folder, read_only=True) as warehouse:
        known = warehouse.query("queries/label_compare_known", catalog=catalog)
        combined = warehouse.query("queries/label_compare_combined", catalog=catalog)
    day = "%Y-%m-%d %H:%M"
    short = shorten(known["fingerprint"].unique().to_list())
    rows = pl.concat(
        [
            known.select(
                "task",
                pl.col("fingerprint").replace_strict(short, return_dtype=pl.String).alias("name"),
                "labeler",
                pl.when(pl.col("role").is_not_null()).then(pl.lit("today: ") + pl.col("role"))
                .when(pl.col("is_active")).then(pl.lit("today")).otherwise(pl.lit("earlier")).alias("when"),
                prompt=pl.col("prompt_version"),
                note=pl.col("prompt_note"),
                labels=pl.col("n_labels"),
                first=pl.col("first_at").dt.strftime(day),
                last=pl.col("last_at").dt.strftime(day),
            ),
            combined.select(
                "task",
                pl.lit("combined").alias("name"),
                pl.col("method").alias("labeler"),
                pl.lit("today").alias("when"),
                prompt=pl.lit(""),
                note=pl.lit(""),
                labels=pl.col("n_labels"),
                first=pl.col("made_at").dt.strftime(day),
                last=pl.col("made_at").dt.strftime(day),
            ),
        ]
    )  # fmt: skip
    return (rows if task is None else rows.filter(task=task)).sort("task", maintain_order=True)


def shorten(fingerprints: Sequence[str]) -> dict[str, str]:
    """The beginnings, of SHORT characters or more, by which fingerprints can be told apart.

    >>> shorten(["0123456789", "0123456788", "abcdefghij"])
    {'0123456789': '0123456789', '0123456788': '0123456788', 'abcdefghij': 'abcdefgh'}
    """
    return {
        one: next(
            (
                one[:n]
                for n in range(SHORT, len(one))
                if not any(other.startswith(one[:n]) for other in fingerprints if other != one)
            ),
            one,
        )
        for one in fingerprints
    }


def find_labeling(warehouse: Warehouse, catalog: str, name: str, *, task: str) -> Labeling:
    """The labeling that is called so. Raises ConfigError with the known ones for a name that fits none, or several."""
    known = warehouse.query("queries/label_compare_known", catalog=catalog).filter(task=task)
    if name == "combined":
        combined = warehouse.query("queries/label_compare_combined", catalog=catalog).filter(task=task)
        if combined.is_empty():
            raise ConfigError(
                f"catalog {catalog!r} has no combined labels of {task!r}: a single labeler's answers stand; say 'current'"
            )
        row = combined.row(0, named=True)
        return Labeling(COMBINED, row["method"], row["n_labels"], f"{row['made_at']:%Y-%m-%d %H:%M}")
    fitting = _fitting(known, name)
    if fitting.height != 1:
        raise ConfigError(_explain(known, fitting, name, catalog=catalog, task=task))
    row = fitting.row(0, named=True)
    return Labeling(row["fingerprint"], row["labeler"], row["n_labels"], f"{row['last_at']:%Y-%m-%d %H:%M}")


def _fitting(known: pl.DataFrame, name: str) -> pl.DataFrame:
    """The labelings that a name may mean; of one labeler's, today's before earlier ones, and of these the last."""
    if name == "current":
        return known.filter("is_active")
    if name == "previous":
        earlier = known.filter(~pl.col("is_active") & pl.col("role").is_null())
        active = known.filter("is_active")["labeler"].to_list()
        # The same labeler under yesterday's guideline is meant before anybody else's labels.
        return earlier.sort(~pl.col("labeler").is_in(active), -pl.col("last_at").to_physical(), "fingerprint").head(1)
    of_labeler = known.filter(labeler=name)
    today = of_labeler.filter(pl.col("is_active") | pl.col("role").is_not_null())
    if today.height or of_labeler.height:
        return today if today.height else of_labeler.sort("last_at", descending=True).head(1)
    return known.filter(pl.col("fingerprint").str.starts_with(name)) if name else known.clear()


def _explain(known: pl.DataFrame, fitting: pl.DataFrame, name: str, *, catalog: str, task: str) -> str:
    if known.is_empty():
        return f"catalog {catalog!r} has no labels of {task!r} yet; run `nightjar label {task}` first"
    names = ", ".join(f"{row['fingerprint']} ({row['labeler']})" for row in known.iter_rows(named=True))
    if name == "previous":
        return (
            f"catalog {catalog!r} has no labels of {task!r} from before today's; known are {names}. Change a guideline,"
            f" run `nightjar label {task}`, and compare then"
        )
    how = f"{fitting.height} labelings" if fitting.height else "no labeling"
    return (
        f"{name!r} names {how} of {task!r} in catalog {catalog!r}; say {', '.join(WORDS)}, or one of {names}"
        if name != "current"
        else f"nobody labels {task!r} of catalog {catalog!r} today; known are {names}"
    )


def _compare(warehouse: Warehouse, catalog: str, task: str, before: Labeling, after: Labeling) -> Comparison:
    is_ordinal = task == "judge"
    warehouse.run(
        "queries/label_compare_gather",
        catalog=catalog,
        task=task,
        before=before.fingerprint,
        after=after.fingerprint,
    )
    counts = warehouse.query("queries/label_compare_counts").row(0, named=True)
    gold = [GoldRow(**row) for row in warehouse.query("queries/label_compare_gold", is_ordinal=is_ordinal).to_dicts()]
    return Comparison(
        catalog=catalog,
        task=task,
        before=before,
        after=after,
        n_both=counts["n_both"],
        n_changed=counts["n_changed"],
        n_circular=counts["n_circular"],
        changes=warehouse.query("queries/label_compare_changes", most=MOST_CHANGES),
        versus=compare_on_gold(gold, is_ordinal=is_ordinal),
    )


def _write_changes(warehouse: Warehouse, found: Comparison, path: Path, *, is_first: bool) -> None:
    """Append the changed rows, harmless to a spreadsheet; the header stands before the first catalog's."""
    scope = {
        "catalog": found.catalog,
        "task": found.task,
        "before": found.before.fingerprint,
        "after": found.after.fingerprint,
    }
    harmless = pl.col(pl.String).map_elements(defuse, return_dtype=pl.String)
    warehouse.run("queries/label_compare_order")
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w" if is_first else "a", encoding="utf-8", newline="") as file:
        for first in range(1, found.n_changed + 1, PART):
            frame = warehouse.query("queries/label_compare_rows", first=first, last=first + PART - 1, **scope)
            file.write(frame.with_columns(harmless).write_csv(include_header=is_first and first == 1))
