"""All figures of a report by the id of their place on the page; a figure without data is left out. Pure."""

from __future__ import annotations

from tasks.run_report.drawing import Figure
from tasks.run_report.facts import RunFacts
from tasks.run_report.label_charts import draw_map, draw_shares
from tasks.run_report.metric_charts import draw_churn, draw_rankers, draw_shift, draw_trend
from tasks.run_report.run_charts import draw_costs, draw_rows, draw_timeline


def draw_figures(facts: RunFacts) -> dict[str, Figure]:
    """The figures; ids end with the place of the labels, map, metrics or catalog that they show."""
    return {**_draw_run(facts), **_draw_labels(facts), **_draw_metrics(facts)}


def _draw_run(facts: RunFacts) -> dict[str, Figure]:
    found: dict[str, Figure] = {}
    if facts.stages:
        found["timeline"] = draw_timeline(facts.stages)
        found["rows"] = draw_rows(facts.stages)
    if facts.costs:
        found["costs"] = draw_costs(facts.costs, facts.past)
    for place, catalog in enumerate(facts.run.catalogs):
        churn = [one for one in facts.churn if one.catalog == catalog]
        if len(churn) > 1 and any(one.n_new or one.n_changed or one.n_gone for one in churn):
            found[f"churn-{place}"] = draw_churn(churn, facts.past)
    return found


def _draw_labels(facts: RunFacts) -> dict[str, Figure]:
    found = {f"labels-{place}": draw_shares(one) for place, one in enumerate(facts.labels) if one.shares}
    found |= {f"map-{place}": draw_map(one) for place, one in enumerate(facts.maps) if one.points}
    if any(one.shift is not None for one in facts.labels):
        found["shift"] = draw_shift(facts.labels)
    return found


def _draw_metrics(facts: RunFacts) -> dict[str, Figure]:
    found: dict[str, Figure] = {}
    for place, metrics in enumerate(facts.metrics):
        found[f"rankers-{place}"] = draw_rankers(metrics)
        if any(len(trend.measures) > 1 for trend in metrics.trends):
            found[f"trend-{place}"] = draw_trend(metrics, facts.past)
    return found
