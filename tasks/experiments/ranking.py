"""Experiment `ranking`: single sources, their fusion, simple models and LambdaMART on held-out users; a learning curve.

All models learn from the rows that `train` learns from, and rank the candidates that it would. Time O(rankers x rows x
trees) and as much again for each place of the curve; memory O(labelled rows + candidates of test users).
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import polars as pl

from tasks.contracts.errors import TooFewLabelsError
from tasks.evaluation.baselines import draw_random_lists
from tasks.evaluation.bootstrap import Interval
from tasks.evaluation.metrics import evaluate_lists
from tasks.experiments.figures import figure_table, mean_of, show
from tasks.experiments.findings import Bars, Curves, Findings, Table
from tasks.experiments.learning_rows import (
    DEPTH,
    PROFILE_SOURCE,
    LearningRows,
    read_learning_rows,
    scored_list,
    source_lists,
)
from tasks.experiments.rankers import RANKERS
from tasks.experiments.setting import Setting

METRICS = ("ndcg@10", "precision@10", "recall@10", "map@10", "mrr@10")
SHARES = (1 / 16, 1 / 8, 1 / 4, 1 / 2, 1.0)
CURVES = ("linear", "LambdaMART")
OURS, SIMILARITY = "LambdaMART", "similarity"


def run(setting: Setting) -> Findings:
    """Compare the rankers on one catalog. Raises TooFewLabelsError where nobody can be measured."""
    rows = read_learning_rows(setting)
    relevant = setting.context.catalog.relevance.relevant_grade
    systems, skipped = _systems(setting, rows)
    per_user = {
        name: evaluate_lists(lists, rows.truth, cutoffs=(DEPTH,), relevant_grade=relevant).per_user
        for name, lists in systems.items()
    }
    n_users = len(next(iter(per_user.values())))
    if not n_users:
        raise TooFewLabelsError(f"no test user of catalog {setting.catalog!r} has an item of grade {relevant} or more")
    curve, counts = _curve(setting, rows, relevant)
    means = {
        name: [mean_of(of[metric].to_numpy(), seed=setting.seed) for metric in METRICS] for name, of in per_user.items()
    }
    leads = _leads(per_user, seed=setting.seed)
    return Findings(
        question="Does a learnt ranker put better items first than the sources that it learns from?",
        protocol=_protocol(rows, n_users, relevant),
        tables=(
            figure_table(f"{n_users} held-out users", means, first="ranking", columns=METRICS, note=skipped),
            leads,
            _curve_table(curve, counts),
        ),
        plots=(
            Bars(
                "rankers",
                "NDCG@10 of each ranking",
                "NDCG@10",
                ("held-out users",),
                {n: of[:1] for n, of in means.items()},
            ),
            Curves("curve", "NDCG@10 by the number of labels", "labels", "NDCG@10", tuple(map(float, counts)), curve),
        ),
        reading=READING,
        verdicts=_verdicts(per_user, rows.sources, seed=setting.seed),
        seed=setting.seed,
        packages=("numpy", "polars", "lightgbm", "scikit-learn"),
    )


def _systems(setting: Setting, rows: LearningRows) -> tuple[dict[str, pl.DataFrame], str]:
    """The lists of every ranking, and a sentence on rankers that could not learn."""
    users = rows.test["user_id"].unique().sort()
    items = rows.test["item_id"].unique().sort()
    nobody = pl.DataFrame(schema={"user_id": users.dtype, "item_id": items.dtype})
    systems = {"random": draw_random_lists(users, items, seen=nobody, k=DEPTH, seed=setting.seed)}
    for name, lists in source_lists(rows).items():
        systems[SIMILARITY if name == PROFILE_SOURCE else name] = lists
    skipped = ""
    for name, rank in RANKERS.items():
        try:
            scores = rank(rows, setting.context.catalog.ranking, setting.context.threads)
        except TooFewLabelsError as error:
            skipped = f"{name} is left out: {error}."
            continue
        systems[name] = scored_list(rows, scores)
    return systems, skipped


def _curve(setting: Setting, rows: LearningRows, relevant: int) -> tuple[dict[str, list[Interval | None]], list[int]]:
    counts: list[int] = []
    curve: dict[str, list[Interval | None]] = {name: [] for name in CURVES}
    for share in SHARES:
        part = rows.keep_share(share, seed=setting.seed)
        counts.append(part.n_labels)
        for name in CURVES:
            try:
                scores = RANKERS[name](part, setting.context.catalog.ranking, setting.context.threads)
            except (TooFewLabelsError, ValueError):
                curve[name].append(None)
                continue
            found = evaluate_lists(scored_list(part, scores), rows.truth, cutoffs=(DEPTH,), relevant_grade=relevant)
            curve[name].append(mean_of(found.per_user[METRICS[0]].to_numpy(), seed=setting.seed))
    return curve, counts


def _leads(per_user: Mapping[str, pl.DataFrame], *, seed: int) -> Table:
    ours = per_user.get(OURS)
    rows = {
        name: [mean_of((ours[metric] - of[metric]).to_numpy(), seed=seed) for metric in METRICS]
        for name, of in per_user.items()
        if ours is not None and name != OURS
    }
    return figure_table(
        f"{OURS} less each other ranking, paired by user", rows, first="ranking", columns=METRICS, is_signed=True
    )


def _curve_table(curve: Mapping[str, list[Interval | None]], counts: list[int]) -> Table:
    lines = tuple((str(n), *(show(curve[name][place]) for name in CURVES)) for place, n in enumerate(counts))
    return Table("NDCG@10 by the number of labels learnt from", ("labels", *CURVES), lines)


def _verdicts(per_user: Mapping[str, pl.DataFrame], sources: tuple[str, ...], *, seed: int) -> tuple[str, ...]:
    if OURS not in per_user:
        return ("LambdaMART could not be trained: too few labels",)
    ours = per_user[OURS]["ndcg@10"].to_numpy()
    single = [SIMILARITY if name == PROFILE_SOURCE else name for name in sources]
    best = max(single, key=lambda name: float(np.mean(per_user[name]["ndcg@10"].to_numpy())))
    return tuple(
        f"{OURS} less {name}: {show(mean_of(ours - per_user[name]['ndcg@10'].to_numpy(), seed=seed), is_signed=True)} NDCG@10"
        for name in dict.fromkeys([name for name in (SIMILARITY, best, "fusion") if name in per_user])
    )


READING = (
    "A ranking is better than another where the interval of their paired difference excludes zero; the intervals of the"
    " means overlap long before. Few test users give wide intervals: then the table says that it can't tell.",
    "The curve takes a share of the labelled pairs by hash, a smaller share being part of a larger one. Where it still"
    " rises at its right end, more labels would help.",
)


def _protocol(rows: LearningRows, n_users: int, relevant: int) -> tuple[str, ...]:
    return (
        f"Users are split by the hash of their id. Models learn from {rows.train['user_id'].n_unique()} training and"
        f" {rows.validation['user_id'].n_unique()} validation users ({rows.n_labels} labelled rows); {n_users} held-out users"
        f" with an item of grade {relevant} or more are measured. Every model ranks the same candidates by the same features.",
        "NDCG is ideal over all known relevant items of a user, whether or not they are candidates; labels of sampled pairs"
        " count by the inverse of their probability. Random lists are drawn from the candidates of all test users."
        " Intervals are percentile bootstraps over users (1,000 draws, 95 %).",
    )
