"""Experiment `collaborative`: matrix factorization, EASE, item kNN, and a language model that is told liked and disliked titles.

The models rank all unseen items. A language model can't: it puts the first ASKED items of item kNN in order, from titles
alone, zero-shot or with examples of other users. Time and memory of fitting each model; requests: users x ASKED x 2.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass

import polars as pl

from tasks.evaluation.beyond import measure_catalogue
from tasks.evaluation.metrics import evaluate_lists
from tasks.experiments.figures import figure_table, mean_of, show
from tasks.experiments.findings import Bars, Findings, Table
from tasks.experiments.next_items import NextItems, config_with, fit_sources, read_next_items, top_list
from tasks.experiments.setting import Setting
from tasks.experiments.title_prompting import ASKED, prompt_with_titles

MODELS: Mapping[str, tuple[str, Mapping[str, object]]] = {
    "popularity": ("popularity", {}),
    "item kNN": ("item_to_item", {}),
    "matrix factorization (ALS)": ("collaborative", {"collaborative_model": "als"}),
    "EASE": ("collaborative", {"collaborative_model": "ease"}),
}
BASE = "item kNN"
K = 10
METRICS = ("ndcg@10", "precision@10", "recall@10", "hit_rate@10")
RELEVANT = 1
NO_LISTS = pl.DataFrame(schema={"user_id": pl.String, "item_id": pl.String, "rank": pl.UInt32})


@dataclass(frozen=True)
class Ranked:
    """A model's lists (user_id, item_id, rank), what they took and cost."""

    lists: pl.DataFrame
    seconds: float
    cost_usd: float | None = None


def run(setting: Setting) -> Findings:
    """Compare the models on one catalog. Raises MissingInputError where it holds out no interaction."""
    of = read_next_items(setting)
    found = {name: _rank(of, source, changes) for name, (source, changes) in MODELS.items()}
    prompted = prompt_with_titles(setting, of, found[BASE].lists)
    asked = {
        name: Ranked(lists, answers.bill.seconds, answers.bill.cost_usd)
        for name, (lists, answers) in prompted.ranked.items()
    }
    tables = [_accuracy(f"All {len(of.shard)} measured users", found, of.truth, setting.seed)]
    if asked:
        few = of.truth.filter(pl.col("user_id").is_in(prompted.users.implode()))
        title = f"The {len(prompted.users)} users about whom the language model was asked"
        tables.append(_accuracy(title, {**found, **asked}, few, setting.seed))
    return Findings(
        question="What do a user's choices tell, by models of all users' choices and by a language model that reads titles?",
        protocol=_protocol(of),
        tables=(*tables, _beyond(of, {**found, **asked})),
        plots=(_plot(found, of.truth, setting.seed),),
        reading=READING,
        verdicts=(*_verdicts(found, of.truth, setting.seed), *prompted.notes),
        seed=setting.seed,
        packages=("numpy", "polars", "scipy", "implicit"),
    )


def _rank(of: NextItems, source: str, changes: Mapping[str, object]) -> Ranked:
    """A source's lists; the seconds of fitting it and of making the lists. Without enough choices it has none."""
    started = time.perf_counter()
    fitted = fit_sources(of, config_with(of, {source: 1.0}, **changes))
    lists = top_list(fitted[source], of, k=ASKED) if source in fitted else NO_LISTS
    return Ranked(lists, time.perf_counter() - started)


def _values(ranked: Ranked, truth: pl.DataFrame) -> pl.DataFrame:
    return evaluate_lists(ranked.lists, truth, cutoffs=(K,), relevant_grade=RELEVANT).per_user


def _accuracy(title: str, found: Mapping[str, Ranked], truth: pl.DataFrame, seed: int) -> Table:
    rows = {}
    for name, ranked in found.items():
        values = _values(ranked, truth)
        rows[name] = [mean_of(values[metric].to_numpy(), seed=seed) for metric in METRICS]
    return figure_table(title, rows, first="model", columns=METRICS)


def _beyond(of: NextItems, found: Mapping[str, Ranked]) -> Table:
    n_items = int(of.index.is_active.sum())
    lines = []
    for name, ranked in found.items():
        shown = measure_catalogue(ranked.lists, n_items=n_items, k=K)
        cost = "–" if ranked.cost_usd is None else f"{ranked.cost_usd:.4f}"
        lines.append((name, f"{shown['coverage']:.3f}", f"{shown['entropy']:.2f}", f"{ranked.seconds:.2f}", cost))
    return Table(
        f"Beyond accuracy, of the first {K} items",
        ("model", "coverage", "entropy (bits)", "seconds", "cost (US$)"),
        tuple(lines),
        note="Seconds are of fitting and of all lists, for a language model of asking; its lists are of fewer users.",
    )


def _plot(found: Mapping[str, Ranked], truth: pl.DataFrame, seed: int) -> Bars:
    values = {name: _values(ranked, truth) for name, ranked in found.items()}
    series = {name: [mean_of(of[metric].to_numpy(), seed=seed) for metric in METRICS] for name, of in values.items()}
    return Bars("models", "Accuracy of each model", "value", METRICS, series)


def _verdicts(found: Mapping[str, Ranked], truth: pl.DataFrame, seed: int) -> tuple[str, ...]:
    ndcg = {name: _values(ranked, truth)["ndcg@10"].to_numpy() for name, ranked in found.items()}
    best = max(ndcg, key=lambda name: float(ndcg[name].mean()))
    return tuple(
        f"{best} less {name}: {show(mean_of(ndcg[best] - of, seed=seed), is_signed=True)} NDCG@10"
        for name, of in ndcg.items()
        if name != best
    )


READING = (
    "A model is better where the interval of the paired difference above excludes zero. Coverage is the share of active items"
    " that stand in anybody's list, entropy how evenly: two models of the same accuracy can differ in both, and a list that shows"
    " everybody the same is easy to beat in nothing but these.",
    f"A language model only puts {ASKED} items of {BASE} in order: its accuracy is bounded by what these hold, and should be"
    " compared with that row of the same table.",
)


def _protocol(of: NextItems) -> tuple[str, ...]:
    return (
        f"{len(of.shard)} users of whom interactions are held out as the catalog file says; the models are fitted to all others."
        f" Every model ranks all active items that the user is not known to have seen. Relevant is a held-out interaction of grade"
        f" {RELEVANT} or more; NDCG's gains go by the grade. Intervals are percentile bootstraps over users (1,000 draws, 95 %).",
        f"Matrix factorization is implicit ALS with {of.config.als_factors} factors; EASE and item kNN are the catalog's own"
        " sources. A language model is told the newest liked and disliked titles of a user, and grades each of"
        f" {ASKED} titles from 0 to 3 by the judge's prompt; equal grades keep their order. Few-shot adds what three other"
        " users liked and chose next.",
    )
