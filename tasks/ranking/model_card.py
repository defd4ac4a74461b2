"""The model card (Mitchell et al., "Model Cards for Model Reporting", 2019): what a ranker is, came from, and is not for.

Plain Markdown, for people. Holds counts and feature names only, never an id of a user or an item.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import polars as pl

from tasks.contracts.recommending import Truth
from tasks.ranking.feature_table import FEATURES
from tasks.ranking.model import TrainedRanker
from tasks.ranking.promotion import Decision, Interval
from tasks.ranking.shap_picture import Explanation
from tasks.ranking.tuning import Tuning
from tasks.ranking.weights import MAX_INVERSE_PROPENSITY

SHOWN_FEATURES = 15
SHOWN_TRIALS = 5
CLEAR = 0.1
MEANINGS = {feature.name: feature.meaning for feature in FEATURES}


@dataclass(frozen=True)
class CardFacts:
    """What a card tells beside the ranker.

    rows: a row per split, truth and grade: split, truth, grade, n_users, n_rows (see count_rows). dropped: rows that were
    not learnt from, by reason. weights: relevance.weights. blank: features without a value in this catalog. picture: the
    SHAP picture's file name beside the card.
    """

    model_id: str
    catalog: str
    title: str
    licence: str
    as_of: str
    run_id: str
    code_version: str
    rows: pl.DataFrame
    dropped: Mapping[str, int]
    weights: Mapping[Truth, float]
    blank: Sequence[str]
    tuning: Tuning | None
    decision: Decision | None
    explanation: Explanation
    picture: str


def count_rows(frames: Mapping[str, pl.DataFrame]) -> pl.DataFrame:
    """How many users and rows each split has, by truth and grade. frames: by split; user_id, truth, grade."""
    counted = [
        frame.group_by("truth", "grade")
        .agg(pl.col("user_id").n_unique().alias("n_users"), pl.len().alias("n_rows"))
        .select(pl.lit(split).alias("split"), "truth", "grade", "n_users", "n_rows")
        .sort("truth", "grade")
        for split, frame in frames.items()
    ]
    return pl.concat(counted)


def write_card(ranker: TrainedRanker, facts: CardFacts) -> str:
    """The card as Markdown. O(features log features)."""
    sections = (
        f"# Ranker {facts.model_id} of {facts.title}",
        _summary(ranker, facts),
        "## Intended use\n\n" + _INTENDED,
        "## Learnt from\n\n" + _learnt_from(facts),
        "## How well it ranks\n\n" + _quality(ranker, facts.decision),
        "## What it looks at\n\n" + _features(ranker, facts),
        "## Parameters\n\n" + _parameters(ranker, facts.tuning),
        "## Limits\n\n" + _LIMITS,
    )
    return "\n\n".join(sections) + "\n"


_INTENDED = """\
It puts the candidates of one user of this catalog in order, once a night, for lists that the user may ignore. Its scores
compare items for one user only: they are no probabilities, and those of two users say nothing of each other. It is not
meant to decide about people, prices or access."""

_LIMITS = """\
- It knows what the truths above know. A labeler's taste, and what was shown to users before, come back in it.
- Grades of interactions count what a user did not choose as not wanted; some of it was never seen.
- It orders what the candidate sources find; what they miss it can't bring back.
- Where users or grades are few its parameters follow chance. The intervals above say how far.
- The figures here are of validation users. `nightjar evaluate` measures users whom it never met, from all items."""


def _summary(ranker: TrainedRanker, facts: CardFacts) -> str:
    models = f"{len(ranker.model_texts)} LambdaMART models, averaged" if len(ranker.model_texts) > 1 else "LambdaMART"
    status = "no decision: it was made before" if facts.decision is None else _verdict(facts.decision)
    code = f"; Nightjar {facts.code_version}" if facts.code_version else ""
    lines = (
        f"Catalog: {facts.catalog}; licence of the data: {facts.licence or 'not stated'}",
        f"Kind: {models} (LightGBM), {ranker.n_trees} trees, {len(ranker.feature_names)} features",
        f"Trained: run {facts.run_id}, with what was known at the end of {facts.as_of}{code}",
        f"Standing when it was trained: {status}",
    )
    return "\n".join(f"- {line}" for line in lines)


def _verdict(decision: Decision) -> str:
    return f"{'promoted to champion' if decision.is_promoted else 'kept back as challenger'}; {decision.reason}"


def _learnt_from(facts: CardFacts) -> str:
    totals = facts.rows.group_by("split", maintain_order=True).agg(pl.col("n_rows").sum())
    told = ", ".join(f"{rows:,} rows {split}" for split, rows in totals.iter_rows())
    rows = [[split, truth, grade, f"{users:,}", f"{n:,}"] for split, truth, grade, users, n in facts.rows.iter_rows()]
    dropped = ", ".join(f"{count:,} {reason.replace('_', ' ')}" for reason, count in facts.dropped.items() if count)
    weights = ", ".join(f"{truth} {weight:g}" for truth, weight in facts.weights.items())
    return "\n\n".join(
        (
            f"{told}. Grades: 0 would not care, 1 might glance, 2 would read, 3 would be delighted; `unobserved`: a"
            " candidate that a user with interactions did not choose. Test users are in none of these.",
            _table(("split", "truth", "grade", "users", "rows"), rows),
            f"Left out: {dropped or 'nothing'}. Weights of the truths: {weights}, times the inverse of the probability with"
            f" which a pair was drawn, at most {MAX_INVERSE_PROPENSITY:g}.",
        )
    )


def _quality(ranker: TrainedRanker, decision: Decision | None) -> str:
    stopped = (
        f"NDCG@10 of the validation users that stopped the training: {ranker.validation_ndcg:.3f}. It is a little too high:"
        " the number of trees, and the parameters if they were searched, were chosen by it."
    )
    found = decision.comparison if decision else None
    if found is None:
        return f"{stopped}\n\nNo comparison: {decision.reason if decision else 'the model was known'}."
    rows = [
        ["this model", *_cells(found.challenger)],
        ["the champion then", *_cells(found.champion)],
        ["difference, paired", *_cells(found.difference, sign="+")],
    ]
    return (
        f"{stopped}\n\nOn {found.n_users} validation users that neither model had met when it was compared (NDCG@10, ideal"
        f" over all that is known of them, {found.level:.0%} bootstrap intervals over users):\n\n"
        + _table(("", "mean", "from", "to"), rows)
        + "\n\nBoth were compared as fits on the training users alone; what serves has learnt from validation users too."
    )


def _features(ranker: TrainedRanker, facts: CardFacts) -> str:
    explanation, total = facts.explanation, sum(ranker.importances.values()) or 1.0
    strength, direction = explanation.strength, explanation.direction
    rows = [
        [
            f"`{explanation.names[at]}`",
            MEANINGS.get(explanation.names[at], ""),
            f"{strength[at]:.3f}",
            f"{ranker.importances[explanation.names[at]] / total:.1%}",
            "raises" if direction[at] > CLEAR else "lowers" if direction[at] < -CLEAR else "mixed",
        ]
        for at in explanation.order()[:SHOWN_FEATURES]
    ]
    blank = ", ".join(f"`{name}`" for name in facts.blank)
    return "\n\n".join(
        (
            f"Mean absolute SHAP value over {len(explanation.values):,} rows of validation users, the share of the trees'"
            " gain, and what a higher value does to the score.",
            _table(("feature", "meaning", "SHAP", "gain", "a higher value"), rows),
            f"![SHAP values of the strongest features]({facts.picture})",
            f"Without a value in this catalog: {blank or 'none'}.",
        )
    )


def _parameters(ranker: TrainedRanker, tuning: Tuning | None) -> str:
    hidden = {"monotone_constraints", "verbosity", "metric", "eval_at", "feature_pre_filter", "force_row_wise"}
    rows = [[f"`{name}`", _short(value)] for name, value in sorted(ranker.params.items()) if name not in hidden]
    table = _table(("parameter", "value"), rows)
    if tuning is None:
        return f"{table}\n\nAs the catalog file has them: no search."
    best, first = tuning.best, tuning.trials[0]
    bound = "; the time was up first, so another night may end elsewhere" if tuning.is_cut_short else ""
    ranked = sorted(tuning.trials, key=lambda trial: (-trial.ndcg, trial.number))[:SHOWN_TRIALS]
    names = list(best.params)
    trials = [
        [trial.number, f"{trial.ndcg:.4f}", trial.n_trees, *(_short(trial.params[name]) for name in names)]
        for trial in ranked
    ]
    return (
        f"{table}\n\nFound by {len(tuning.trials)} of {tuning.n_asked} trials{bound}. Trial {best.number} reached NDCG@10"
        f" {best.ndcg:.4f} on the validation users, the catalog file's own parameters (trial 0) {first.ndcg:.4f}.\n\n"
        + _table(("trial", "NDCG@10", "trees", *names), trials)
    )


def _cells(interval: Interval, sign: str = "") -> list[str]:
    return [f"{value:{sign}.3f}" for value in (interval.mean, interval.low, interval.high)]


def _short(value: object) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _table(head: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(str(cell).replace("|", "\\|") for cell in line) + " |" for line in lines)
