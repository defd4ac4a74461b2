"""The rankers of a run beside those of the runs before, from rows of metrics. Pure; time and memory O(rows)."""

from __future__ import annotations

import math
from typing import Any

import polars as pl

from tasks.run_report.measured import CatalogMetrics, Measure, Ranker, Trend
from tasks.run_report.texts import plain_id

MAIN = "ndcg"
RANKER = "lambdamart"
SHOWN = ("ndcg", "precision", "recall", "map", "mrr", "coverage", "diversity", "novelty")
MOST_TRENDS = 4
BASELINES = ("popularity", "random")


def make_metrics(rows: pl.DataFrame) -> tuple[CatalogMetrics, ...]:
    """Metrics by catalog. rows: those of sql/queries/report_metrics.sql."""
    return tuple(
        _to_metrics(str(catalog), of) for (catalog,), of in rows.group_by("catalog", maintain_order=True)
    )  # fmt: skip


def _to_metrics(catalog: str, rows: pl.DataFrame) -> CatalogMetrics:
    now, before = rows.filter(age=0), rows.filter(age=1, metric=MAIN)
    rankers = [
        Ranker(
            plain_id(str(name)),
            {row["metric"]: _to_measure(row, str(row["metric"])) for row in of.iter_rows(named=True)},
        )
        for (name,), of in now.group_by("ranker", maintain_order=True)
    ]
    rankers.sort(key=lambda one: (-_value(one), one.name))
    return CatalogMetrics(
        catalog=catalog,
        run_id=now["run_id"][0],
        n_users=int(str(now["n"].max())),
        rankers=tuple(rankers),
        before={plain_id(row["ranker"]): _to_measure(row, MAIN) for row in before.iter_rows(named=True)},
        trends=_make_trends(rows.filter(metric=MAIN), rankers),
    )


def _make_trends(rows: pl.DataFrame, rankers: list[Ranker]) -> tuple[Trend, ...]:
    """The ranker, the best single source of this run, and two baselines to hold them against."""
    others = [one.name for one in rankers if one.name not in (RANKER, *BASELINES)]
    names = [name for name in (RANKER, *others[:1], *BASELINES) if any(one.name == name for one in rankers)]
    return tuple(
        Trend(
            name,
            tuple(
                _to_measure(row, row["run_id"])
                for row in rows.filter(ranker=name).sort("age", descending=True).iter_rows(named=True)
            ),
        )
        for name in names[:MOST_TRENDS]
    )


def _to_measure(row: dict[str, Any], subject: str) -> Measure:
    value, low, high = (_finite(row[name]) for name in ("value", "low", "high"))
    return Measure(row["metric"], subject, value, low, high, row["n"])


def _finite(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) else None


def _value(ranker: Ranker) -> float:
    main = ranker.metrics.get(MAIN)
    return -1.0 if main is None or main.value is None else main.value
