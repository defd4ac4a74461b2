"""Means over users with bootstrap intervals, and paired differences, as Markdown tables."""

from __future__ import annotations

import os
import platform
from collections.abc import Mapping, Sequence
from importlib.metadata import version

import polars as pl

from tasks.evaluation.bootstrap import Interval, bootstrap_differences, bootstrap_means
from tasks.evaluation.metrics import evaluate_lists

K = 10
METRICS = ("map", "ndcg", "precision", "recall")
PACKAGES = ("numpy", "scipy", "polars", "lightgbm", "implicit")
BOOTSTRAP_SEED = 7


def measure(lists: pl.DataFrame, test: pl.DataFrame, *, k: int = K) -> pl.DataFrame:
    """user_id and METRICS at k of each user with a rating in test; each of these is relevant, with grade 1.

    ndcg is binary; map divides by the number of the user's relevant items, also where these are more than k.
    """
    relevant = test.select("user_id", "item_id", grade=pl.lit(1))
    per_user = evaluate_lists(lists, relevant, cutoffs=(k,), relevant_grade=1).per_user
    sizes = relevant.group_by("user_id").agg(n_relevant=pl.len())
    # evaluate_lists divides the average precision by min(k, relevant).
    at_most = pl.min_horizontal("n_relevant", pl.lit(k)) / pl.col("n_relevant")
    return per_user.join(sizes, on="user_id", maintain_order="left").select(
        "user_id",
        (pl.col(f"map@{k}") * at_most).alias("map"),
        *(pl.col(f"{name}@{k}").alias(name) for name in METRICS[1:]),
    )


def mean_by_user(parts: Sequence[pl.DataFrame]) -> pl.DataFrame:
    """One row a user: the mean of each metric over the frames, of seeds say, that hold the user."""
    return pl.concat(parts).group_by("user_id").agg(pl.col(METRICS).mean()).sort("user_id")


def table_of(systems: Mapping[str, pl.DataFrame], *, reference: str, metrics: Sequence[str] = METRICS) -> str:
    """A row a system: the mean of each metric over users, and NDCG less the reference's with its 95 % interval."""
    lines = [
        f"| system | {' | '.join(metrics)} | ndcg less that of {reference} |",
        f"|---|{'---|' * (len(metrics) + 1)}",
    ]
    for name, per_user in systems.items():
        means = bootstrap_means(per_user, list(metrics), seed=BOOTSTRAP_SEED)
        cells = [f"{means[metric].mean:.4f}" for metric in metrics]
        lead = "" if name == reference else format_interval(lead_of(per_user, systems[reference]))
        lines.append(f"| {name} | {' | '.join(cells)} | {lead} |")
    return "\n".join(lines)


def lead_of(ours: pl.DataFrame, theirs: pl.DataFrame, metric: str = "ndcg") -> Interval:
    """The mean paired difference of a metric over users and its interval."""
    return bootstrap_differences(ours, theirs, [metric], seed=BOOTSTRAP_SEED)[metric]


def format_interval(interval: Interval) -> str:
    """+0.0100 [+0.0050, +0.0150]"""
    return f"{interval.mean:+.4f} [{interval.low:+.4f}, {interval.high:+.4f}]"


def describe_machine(packages: Sequence[str] = PACKAGES) -> str:
    """Python, processors and versions in one line."""
    versions = ", ".join(f"{name} {version(name)}" for name in packages)
    return f"Python {platform.python_version()}, {os.cpu_count()} cores, {versions}."
