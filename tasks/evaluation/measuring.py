"""All that is measured of one system's lists for one pool of labels: accuracy, AUC, condensed metrics, beyond accuracy."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import polars as pl

from tasks.evaluation.auc import auc_of_scores, scores_of_ranks
from tasks.evaluation.beyond import Surroundings, measure_catalogue, measure_lists
from tasks.evaluation.condensed import bpref, condense
from tasks.evaluation.metrics import CUTOFFS, catalogue_coverage, evaluate_lists
from tasks.evaluation.table import tabulate

DEPTH = max(CUTOFFS)
CONDENSED = ("ndcg", "map")


@dataclass(frozen=True)
class Bench:
    """What every system is held against.

    qrels: see evaluate_lists. unlabelled (user_id, n_items): of whom items without a label count in the AUC, and how many,
    see auc_of_scores. n_items: items that may be recommended. around: see measure_lists.
    """

    qrels: pl.DataFrame
    relevant_grade: int
    unlabelled: pl.DataFrame
    n_items: int
    around: Surroundings

    @property
    def is_sampled(self) -> bool:
        """Whether labels are a sample, so that condensed metrics have something to leave out."""
        return "sampling_probability" in self.qrels.columns and bool((self.qrels["sampling_probability"] < 1).any())


def measure_system(lists: pl.DataFrame, bench: Bench) -> pl.DataFrame:
    """user_id and every metric as `<metric>@<k>`, or `<metric>` where there is no cut-off; null: undefined for the user.

    lists: user_id, item_id, rank. Condensed metrics and bpref are there when labels were sampled. O(rows log rows).
    """
    per_user = evaluate_lists(lists, bench.qrels, relevant_grade=bench.relevant_grade).per_user
    auc = auc_of_scores(
        scores_of_ranks(lists), bench.qrels, relevant_grade=bench.relevant_grade, unlabelled=bench.unlabelled
    )
    parts = [auc, measure_lists(lists, per_user["user_id"], bench.around, k=DEPTH)]
    if bench.is_sampled:
        labels = bench.qrels.drop("sampling_probability")
        condensed = evaluate_lists(
            condense(lists, labels), labels, cutoffs=(DEPTH,), relevant_grade=bench.relevant_grade
        ).per_user
        parts.append(
            condensed.select("user_id", *(pl.col(f"{n}@{DEPTH}").alias(f"condensed_{n}@{DEPTH}") for n in CONDENSED))
        )
        parts.append(bpref(lists, labels, relevant_grade=bench.relevant_grade))
    for part in parts:
        per_user = per_user.join(part, on="user_id", how="left", maintain_order="left")
    return per_user


def measure_together(lists: pl.DataFrame, users: pl.DataFrame, bench: Bench) -> dict[str, float]:
    """Metrics of the lists of `users` (user_id) together: coverage at each cut-off; entropy and Gini at the last."""
    shown = lists.join(users, on="user_id", how="semi")
    last = measure_catalogue(shown, n_items=bench.n_items, k=DEPTH)
    coverage = {f"coverage@{k}": catalogue_coverage(shown, n_items=bench.n_items, k=k) for k in CUTOFFS}
    return coverage | {f"{name}@{DEPTH}": value for name, value in last.items() if name != "coverage"}


def measure_all(systems: Mapping[str, pl.DataFrame], bench: Bench, *, reference: str, seed: int) -> pl.DataFrame:
    """Every system and metric as the columns of TABLE_SCHEMA; see tabulate."""
    measured = {name: measure_system(lists, bench) for name, lists in systems.items()}
    shared = {
        name: measure_together(systems[name], per_user.select("user_id"), bench) for name, per_user in measured.items()
    }
    return tabulate(measured, reference=reference, seed=seed, shared=shared)


def measure_slices(
    systems: Mapping[str, pl.DataFrame],
    slices: Mapping[str, pl.DataFrame],
    *,
    names: Sequence[str],
    reference: str,
    relevant_grade: int,
    seed: int,
) -> list[pl.DataFrame]:
    """Accuracy at the last cut-off of the systems `names` on each slice's labels, as TABLE_SCHEMA.

    slices: name to qrels. A slice in which no user has a relevant item gives nothing.
    """
    tables = []
    for slice_name, qrels in slices.items():
        measured = {
            name: evaluate_lists(systems[name], qrels, cutoffs=(DEPTH,), relevant_grade=relevant_grade).per_user
            for name in names
        }
        if len(measured[reference]):
            tables.append(tabulate(measured, reference=reference, seed=seed, slice_name=slice_name))
    return tables
