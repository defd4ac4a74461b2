"""One answer a question from all labelers: the named methods, and "auto", the shipped rule.

"auto" takes, in this order:

    learned        where gold allows it: 50 or more human answers of two classes from two groups
    weighted_mean  ordinal answers of three labelers or more with 30 or more questions that two of them answered
    mean           other ordinal answers
    one_coin       nominal answers, as for weighted_mean
    majority       other nominal answers: with two labelers nothing tells who is right

Never Dawid-Skene by itself: its K x K matrices a labeler lead it astray where labelers copy each other. Why "auto" or
"learned" took what it took stands in the column `reason`. Time and memory are those of the method; none of them holds
anything per pair of questions.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from tasks.agreement.consensus import Combined, combine_majority, combine_mean, weigh_skills
from tasks.agreement.crowd import combine_crowd, fit_crowd
from tasks.agreement.gold_rows import Gold, explain_too_little, read_gold
from tasks.agreement.learned import combine_learned
from tasks.agreement.learned_class import combine_learned_class
from tasks.agreement.panel import FloatVector, Panel, read_panel
from tasks.contracts.errors import ConfigError, StepError

METHODS = ("auto", "majority", "dawid_skene", "one_coin", "mean", "weighted_mean", "learned")
ORDINAL_METHODS = ("mean", "weighted_mean")
MIN_LABELERS = 3
MIN_SHARED = 30
COMBINED_SCHEMA: dict[str, type[pl.DataType]] = {
    "question_key": pl.String,
    "answer": pl.String,
    "confidence": pl.Float64,
    "score": pl.Float64,
    "n_labelers": pl.Int64,
    "method": pl.String,
    "reason": pl.String,
}


@dataclass(frozen=True)
class Choice:
    """The method that runs, and why it is not (only) the one that was asked for; None where it simply is."""

    method: str
    reason: str | None


def combine(
    answers: pl.DataFrame,
    *,
    method: str = "auto",
    classes: Sequence[str],
    is_ordinal: bool,
    gold: pl.DataFrame | None = None,
    seed: int,
) -> pl.DataFrame:
    """One row a question (columns of COMBINED_SCHEMA), sorted by question_key, whatever the order of the rows.

    answers: question_key, labeler, answer (null = abstention) and optionally confidence, weight; see read_panel.
    classes: all answers there may be, ascending where is_ordinal. gold: question_key, answer and optionally group (the
    query or user a question belongs to); only "learned" and "auto" read it, and it is never handed through.
    seed: deals gold into folds where it has no group; nothing else is drawn.

    answer: null where all abstained, then so are confidence and score. confidence in [0, 1]: a share of the weight
    (majority, means: how united the labelers are), the model's posterior (dawid_skene, one_coin: too sure where
    labelers copy each other), or the probability of being right as fitted on gold (learned, ordinal). score in
    [0, K - 1]: the expected grade, null for nominal answers. n_labelers: those who answered. method: what ran.
    Raises ConfigError for a method that is unknown, does not suit nominal answers, or lacks gold; StepError for rows
    that do not fit.
    """
    panel = read_panel(answers, classes)
    known = None if gold is None else read_gold(panel, gold, seed=seed)
    given = panel.drop_abstentions()
    choice = _choose(given, known, method=method, is_ordinal=is_ordinal)
    found, detail = _run(given, choice.method, is_ordinal=is_ordinal, gold=known)
    reason = "; ".join(part for part in (choice.reason, detail) if part) or None
    return _to_frame(given, found, method=choice.method, reason=reason)


def choose_method(
    answers: pl.DataFrame,
    *,
    method: str = "auto",
    classes: Sequence[str],
    is_ordinal: bool,
    gold: pl.DataFrame | None = None,
    seed: int = 0,
) -> Choice:
    """Which method combine would run on the same arguments, and why. Raises as combine does."""
    panel = read_panel(answers, classes)
    known = None if gold is None else read_gold(panel, gold, seed=seed)
    return _choose(panel.drop_abstentions(), known, method=method, is_ordinal=is_ordinal)


def _choose(panel: Panel, gold: Gold | None, *, method: str, is_ordinal: bool) -> Choice:
    if method not in METHODS:
        raise ConfigError(f"unknown method {method!r}; expected one of {', '.join(METHODS)}")
    if method in ORDINAL_METHODS and not is_ordinal:
        raise ConfigError(f"method {method!r} needs ordinal answers; use 'majority' or 'one_coin' for nominal ones")
    if method == "learned" and gold is None:
        raise ConfigError("method 'learned' needs gold; pass gold, or use 'auto'")
    if method not in ("auto", "learned"):
        return Choice(method, None)
    too_little = "no gold" if gold is None else explain_too_little(gold)
    if too_little is None:
        return Choice("learned", None if method == "learned" else "there is enough gold to learn from")
    plain = _choose_without_gold(panel, is_ordinal=is_ordinal)
    return Choice(plain.method, f"{too_little}; {plain.reason}")


def _choose_without_gold(panel: Panel, *, is_ordinal: bool) -> Choice:
    n_labelers = len(np.unique(panel.labeler))
    n_shared = int((panel.count_answers() >= 2).sum())
    if n_labelers < MIN_LABELERS:
        return Choice(
            "mean" if is_ordinal else "majority",
            f"{n_labelers} of the labelers answered, and skills can be told apart from {MIN_LABELERS} on",
        )
    if n_shared < MIN_SHARED:
        return Choice(
            "mean" if is_ordinal else "majority",
            f"{n_shared} questions have two answers, and skills can be told apart from {MIN_SHARED} on",
        )
    return Choice(
        "weighted_mean" if is_ordinal else "one_coin", f"skills are estimated from {n_shared} shared questions"
    )


def _run(panel: Panel, method: str, *, is_ordinal: bool, gold: Gold | None) -> tuple[Combined, str | None]:
    if method == "majority":
        return combine_majority(panel, is_ordinal=is_ordinal), None
    if method in ("dawid_skene", "one_coin"):
        return combine_crowd(panel, method, is_ordinal=is_ordinal), None
    if method in ORDINAL_METHODS:
        return combine_mean(panel, _weigh(panel, method)), None
    if gold is None:
        raise StepError(f"method {method!r} needs gold; pass gold, or use 'auto'")
    plain = _choose_without_gold(panel, is_ordinal=is_ordinal).method
    if is_ordinal:
        weights = _weigh(panel, plain)
        found, variant = combine_learned(panel, gold, combine_mean(panel, weights), weights)
    else:
        default, _ = _run(panel, plain, is_ordinal=False, gold=None)
        posteriors = fit_crowd(panel, "one_coin").posteriors
        found, variant = combine_learned_class(panel, gold, default, posteriors)
    kept = f"gold keeps the answers of {plain}" if variant == "default" else f"gold changes {plain}: {variant}"
    return found, kept


def _weigh(panel: Panel, method: str) -> FloatVector:
    """(labelers,) weights: all 1 for the mean, from one-coin skills for the weighted mean."""
    if method == "mean":
        return np.ones(len(panel.labelers))
    counts = np.bincount(panel.labeler, minlength=len(panel.labelers)).astype(np.int64)
    return weigh_skills(fit_crowd(panel, "one_coin").skills, counts, len(panel.classes))


def _to_frame(panel: Panel, found: Combined, *, method: str, reason: str | None) -> pl.DataFrame:
    n_labelers = panel.count_answers()
    names = pl.DataFrame(
        {"code": range(len(panel.classes)), "name": panel.classes}, schema={"code": pl.Int64, "name": pl.String}
    )
    answered = pl.col("n_labelers") > 0
    frame = pl.DataFrame(
        {
            "question_key": panel.question_keys,
            "code": found.answer,
            "confidence": found.confidence,
            "score": found.score,
            "n_labelers": n_labelers,
        }
    )
    return frame.select(
        "question_key",
        answer=pl.when(answered).then(pl.col("code").replace_strict(names["code"], names["name"])),
        confidence=pl.when(answered).then(pl.col("confidence")),
        score=pl.when(answered).then(pl.col("score").fill_nan(None)),
        n_labelers=pl.col("n_labelers"),
        method=pl.lit(method),
        reason=pl.lit(reason, dtype=pl.String),
    ).cast(pl.Schema(COMBINED_SCHEMA))
