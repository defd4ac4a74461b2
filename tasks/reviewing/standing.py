"""Who has reviewed what, and how far people agree with one another and with each labeler. Reads the warehouse."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

import polars as pl

from tasks.agreement import measure_alpha, measure_pair
from tasks.contracts.catalog import Catalog
from tasks.contracts.errors import MissingInputError
from tasks.reviewing.answers import GRADES, NONE
from warehouse.connection import DATABASE, open_warehouse
from warehouse.lock import hold_run_lock

PEOPLE = "people"
SEED = 11
N_RESAMPLES = 500
AGREEMENT: dict[str, type[pl.DataType]] = {
    "catalog": pl.String,
    "task": pl.String,
    "who": pl.String,
    "with": pl.String,
    "n": pl.Int64,
    "agreement": pl.Float64,
    "measure": pl.String,
    "value": pl.Float64,
    "low": pl.Float64,
    "high": pl.Float64,
}


@dataclass(frozen=True)
class Standing:
    """counts: one row a catalog and task. agreement: one row a reviewer and labeler, and one for people among themselves.

    agreement is the share of the same answers; value is chance-corrected (measure says how) with its 95 % interval, null
    where it is undefined.
    """

    counts: pl.DataFrame
    agreement: pl.DataFrame


def read_standing(folder: Path, catalogs: Sequence[Catalog]) -> Standing:
    """The state of people's review of the catalogs. Raises MissingInputError without a warehouse."""
    if not (folder / DATABASE).exists():
        raise MissingInputError(
            f"there is no warehouse in {str(folder)!r} yet; run `nightjar run --catalog FILE` first"
        )
    names = pl.col("catalog").is_in([catalog.name for catalog in catalogs])
    with hold_run_lock(folder), open_warehouse(folder) as warehouse:
        counts = warehouse.query("queries/review_counts").filter(names)
        voices = warehouse.query("queries/review_voices").filter(names)
    rows = [
        row
        for (catalog, task), group in voices.group_by("catalog", "task", maintain_order=True)
        for row in compare_voices(str(catalog), str(task), group)
    ]
    return Standing(counts, pl.DataFrame(rows, schema=AGREEMENT, orient="row"))


def compare_voices(catalog: str, task: str, voices: pl.DataFrame) -> list[tuple[object, ...]]:
    """Rows of AGREEMENT from what everybody says of one task: columns question_key, kind, voice, answer. Pure.

    None of these counts as an answer like any other.
    """
    answers = voices.select(
        "question_key", "kind", labeler=pl.col("kind") + ":" + pl.col("voice"), answer=pl.col("answer").fill_null(NONE)
    )
    is_ordinal = task == "judge"
    classes = list(GRADES) if is_ordinal else sorted(answers["answer"].unique())
    people = sorted(answers.filter(pl.col("kind") == "person")["labeler"].unique())
    labelers = sorted(answers.filter(pl.col("kind") == "labeler")["labeler"].unique())
    rows: list[tuple[object, ...]] = []
    if len(people) > 1:
        among = answers.filter(pl.col("kind") == "person")
        alpha = measure_alpha(among, classes=classes, is_ordinal=is_ordinal, seed=SEED, n_resamples=N_RESAMPLES)
        figures = (_share(among), "alpha", alpha.value, alpha.low, alpha.high)
        rows.append((catalog, task, PEOPLE, "one another", alpha.n, *map(_defined, figures)))
    pairs = [*combinations(people, 2), *((person, labeler) for person in people for labeler in labelers)]
    for first, second in pairs:
        pair = measure_pair(
            answers, first, second, classes=classes, is_ordinal=is_ordinal, seed=SEED, n_resamples=N_RESAMPLES
        )
        kappa, name = (pair.weighted_kappa, "weighted kappa") if is_ordinal else (pair.kappa, "kappa")
        figures = (pair.agreement.value, name, kappa.value, kappa.low, kappa.high)
        who = (first.split(":", 1)[1], second.split(":", 1)[1])
        rows.append((catalog, task, *who, pair.n_answered, *map(_defined, figures)))
    return rows


def _share(answers: pl.DataFrame) -> float:
    """Of all pairs of answers to the same question, the share that is the same."""
    by_answer = answers.group_by("question_key", "answer").len("n").cast({"n": pl.Float64})
    by_question = by_answer.group_by("question_key").agg(pl.col("n").sum())
    same, all_pairs = (
        float(counted.select((pl.col("n") * (pl.col("n") - 1)).sum()).item()) for counted in (by_answer, by_question)
    )
    return same / all_pairs if all_pairs else float("nan")


def _defined(figure: object) -> object:
    return None if isinstance(figure, float) and figure != figure else figure
