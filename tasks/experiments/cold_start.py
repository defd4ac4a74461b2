"""Experiment `cold-start`: which source finds new items, and which serves new users. Time and memory of fitting each source.

New items: COLD_SHARE of the items lose all their interactions. New users: a third of the measured users lose theirs, and
come with a profile, with the answers of an onboarding, with both, or with nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import polars as pl

from tasks.contracts.hashing import hash_ids, hash_pairs
from tasks.evaluation.bootstrap import Interval
from tasks.evaluation.metrics import evaluate_lists
from tasks.evaluation.splits import split_cold_items
from tasks.experiments.figures import figure_table, mean_of, show
from tasks.experiments.findings import Bars, Findings
from tasks.experiments.next_items import (
    MAX_USERS,
    NextItems,
    config_with,
    fit_sources,
    read_next_items,
    top_list,
    with_history,
    with_known,
)
from tasks.experiments.setting import Setting

COLD_SHARE = 0.1
NEWCOMERS = 0.33
ONBOARDING = 5
CUTOFFS = (10, 50)
METRICS = ("recall@50", "ndcg@10")
SOURCES = ("dense_profile", "dense_history", "bm25", "item_to_item", "collaborative", "popularity", "new_arrivals")
RELEVANT = 1
NO_LISTS = pl.DataFrame(schema={"user_id": pl.String, "item_id": pl.String, "rank": pl.UInt32})


Kinds = dict[str, dict[str, list[Interval | None]]]


def run(setting: Setting) -> Findings:
    """Both halves on one catalog. Raises MissingInputError where it holds out no interaction."""
    of = read_next_items(setting)
    items, n_cold = _new_items(setting, of)
    found = {**items, **_new_users(setting, of)}
    return Findings(
        question="Who can recommend an item that nobody has chosen yet, and serve a user of whom nothing is known yet?",
        protocol=_protocol(of, n_cold),
        tables=tuple(figure_table(kind, rows, first="source", columns=METRICS) for kind, rows in found.items()),
        plots=(_plot(found),),
        reading=READING,
        verdicts=tuple(_verdict(kind, rows) for kind, rows in found.items()),
        seed=setting.seed,
        packages=("numpy", "polars", "bm25s", "faiss-cpu", "implicit"),
    )


def _new_items(setting: Setting, of: NextItems) -> tuple[Kinds, int]:
    """The figures, and how many items lost their interactions."""
    everything = pl.concat([of.known, _held_out(of)])
    split = split_cold_items(everything, share=COLD_SHARE, seed=setting.seed)
    mine = split.test.join(pl.DataFrame({"user_id": of.user_ids}), on="user_id", how="semi")
    truth = mine.select("user_id", "item_id", grade=pl.lit(RELEVANT)).unique(["user_id", "item_id"])
    cold = with_known(of, split.train, truth, half_life_days=of.config.popularity_half_life_days)
    return {"new items": _measure(cold, truth, setting.seed)}, split.test["item_id"].n_unique()


def _new_users(setting: Setting, of: NextItems) -> Kinds:
    """The figures of each kind of newcomer; the sources know other users' interactions only."""
    is_new = hash_ids(of.user_ids, setting.seed + 1).astype(np.float64) / 2.0**64 < NEWCOMERS
    mine = pl.DataFrame({"user_id": of.user_ids.filter(pl.Series(is_new))})
    truth = of.truth.join(mine, on="user_id", how="semi")
    others, own = (of.known.join(mine, on="user_id", how=how) for how in ("anti", "semi"))
    coins = pl.Series("coin", hash_pairs(own["user_id"], own["item_id"], seed=setting.seed))
    place = pl.int_range(pl.len()).over("user_id")
    answers = own.with_columns(coins).sort("user_id", "coin").filter(place < ONBOARDING).drop("coin")
    kinds = {
        "new users: profile only": (own.clear(), True),
        f"new users: {ONBOARDING} answers only": (answers, False),
        f"new users: profile and {ONBOARDING} answers": (answers, True),
        "new users: nothing": (own.clear(), False),
    }
    base = with_known(of, others, truth, half_life_days=of.config.popularity_half_life_days)
    return {
        kind: _measure(replace(base, shard=with_history(base, history, has_profile=has_profile)), truth, setting.seed)
        for kind, (history, has_profile) in kinds.items()
    }


def _held_out(of: NextItems) -> pl.DataFrame:
    """What was held out of the measured users, as known interactions of weight 1: new items may be asked of it too."""
    rows = of.truth.filter(pl.col("grade") >= RELEVANT).select("user_id", "item_id")
    return rows.with_columns(weight=pl.lit(1.0), age_days=pl.lit(0.0)).cast(of.known.schema)


def _measure(of: NextItems, truth: pl.DataFrame, seed: int) -> dict[str, list[Interval | None]]:
    """Each source's means over the measured users; a source without what it needs finds nothing and has 0."""
    fitted = fit_sources(of, config_with(of, dict.fromkeys(SOURCES, 1.0)))
    figures = {}
    for name in SOURCES:
        lists = top_list(fitted[name], of, k=max(CUTOFFS)) if name in fitted else NO_LISTS
        per_user = evaluate_lists(lists, truth, cutoffs=CUTOFFS, relevant_grade=RELEVANT).per_user
        figures[name] = [mean_of(per_user[metric].to_numpy(), seed=seed) for metric in METRICS]
    return figures


def _plot(found: Kinds) -> Bars:
    short = tuple(kind.removeprefix("new users: ") for kind in found)
    return Bars(
        name="sources",
        title=f"{METRICS[0]} by source",
        y=METRICS[0],
        groups=short,
        series={name: [rows[name][0] for rows in found.values()] for name in SOURCES},
    )


def _verdict(kind: str, rows: Mapping[str, list[Interval | None]]) -> str:
    known = {name: figures[0] for name, figures in rows.items() if figures[0] is not None}
    if not known:
        return f"{kind}: nobody could be measured"
    best = max(known, key=lambda name: known[name].mean)
    popular = known.get("popularity")
    than = f"; popularity {show(popular)}" if best != "popularity" and popular is not None else ""
    return f"{kind}: best is {best} with {METRICS[0]} {show(known[best])}{than}"


READING = (
    "A source with 0 can't serve this kind of newcomer at all: what the same users chose says nothing of an item that nobody"
    " chose, and a history says nothing where there is none. What is left is what the fused list stands on that night.",
    "For new items all unseen items compete, old ones too; so popularity's value is 0 by its nature, and the values of"
    " content are low: compare sources, not tables.",
)


def _protocol(of: NextItems, n_cold: int) -> tuple[str, ...]:
    return (
        f"{len(of.shard)} users of whom interactions are held out are measured (at most {MAX_USERS}, by hash). Every source ranks"
        f" all active items that the user is not known to have seen; {METRICS[0]} divides by all relevant items. Intervals are"
        " percentile bootstraps over users (1,000 draws, 95 %).",
        f"New items: {COLD_SHARE:.0%} of the items with interactions ({n_cold}, by hash) lose all of them, in histories, popularity"
        " and every fit. Relevant are the measured users' interactions with these items.",
        f"New users: of {NEWCOMERS:.0%} of the measured users (by hash) all interactions are taken out of every fit, and only"
        " they are measured. A newcomer has a profile, or"
        f" {ONBOARDING} answers (items drawn by hash from what the user liked), or both, or nothing. Relevant is what the catalog"
        " holds out of them, the same in all four cases.",
    )
