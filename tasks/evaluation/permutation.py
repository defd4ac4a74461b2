"""The label-permutation test: with labels shuffled within each user, a ranker must fall to a random order.

Shuffled labels can be learnt, but say nothing of other users' shuffled labels. A ranker that still beats a random order of
the same candidates was told something: it met the measured users in training, the order of rows or ties gives labels
away, or the measuring itself is generous. (After Ojala and Garriga 2010.)

The measured users' labels are shuffled too. Against their true labels the ranker would not fall to chance, without any
leak: shuffled labels make it order items by some arbitrary mix of features, and since NDCG can't fall far below that of a
random order but can rise far above it, such mixes are above it on average.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import polars as pl

from tasks.contracts.errors import StepError
from tasks.contracts.hashing import hash_pairs
from tasks.evaluation.bootstrap import Interval, bootstrap_means
from tasks.evaluation.metrics import evaluate_scores

SALT = 0x5EED_1A8E
Pipeline = Callable[[pl.DataFrame], pl.DataFrame]


@dataclass(frozen=True)
class PermutationTest:
    """lead: NDCG@10 of the ranker less that of a random order, over users and shuffles; is_leaking: it is surely above 0.

    ranker, chance: the two means. n_shuffles, n_users: what they were measured on.
    """

    lead: Interval
    ranker: float
    chance: float
    n_shuffles: int
    n_users: int

    @property
    def is_leaking(self) -> bool:
        return self.lead.low > 0


def permute_labels(labels: pl.DataFrame, *, seed: int) -> pl.DataFrame:
    """The same rows in the same order, grades shuffled within each user by a hash of user, item and seed.

    labels: user_id, item_id, grade, and a fold where a user has several: grades then stay within the fold.
    """
    keys = ["user_id", "fold"] if "fold" in labels.columns else ["user_id"]
    # Rows may lie in the order of a hash with the same seed: then its coins would shuffle nothing.
    coins = pl.Series("coin", hash_pairs(labels["user_id"], labels["item_id"], seed=seed ^ SALT))
    return labels.with_columns(coins).with_columns(pl.col("grade").sort_by("coin").over(keys)).drop("coin")


def run_permutation_test(
    labels: pl.DataFrame,
    pipeline: Pipeline,
    *,
    n_shuffles: int,
    seed: int,
    k: int = 10,
    relevant_grade: int = 2,
    level: float = 0.95,
) -> PermutationTest:
    """Shuffle, train and measure n_shuffles times.

    labels: user_id, item_id, grade of every row that is learnt from or measured. pipeline is given them with the grades
    shuffled, trains on those of its training users, and gives back user_id, item_id, score of ALL rows of the users
    to be measured. Raises StepError when nothing can be measured, or when a row comes back that has no label. Time and
    memory: n_shuffles times the pipeline, and O(measured rows).
    """
    leads = []
    for number in range(n_shuffles):
        shuffled = permute_labels(labels, seed=seed + number)
        scored = pipeline(shuffled).select("user_id", "item_id", "score")
        qrels = shuffled.join(scored.select("user_id", "item_id"), on=["user_id", "item_id"], how="semi")
        if len(qrels) != len(scored):
            raise StepError(f"the pipeline scored {len(scored)} rows of which {len(qrels)} have a label; score those")
        qrels = qrels.select("user_id", "item_id", "grade")
        ranked = evaluate_scores(scored, qrels, cutoffs=(k,), relevant_grade=relevant_grade).per_user
        flat = evaluate_scores(
            scored.with_columns(score=pl.lit(0.0)), qrels, cutoffs=(k,), relevant_grade=relevant_grade
        ).per_user
        leads.append(ranked.select("user_id", ranker=f"ndcg@{k}", chance=flat[f"ndcg@{k}"]))
    rows = pl.concat(leads)
    if rows.is_empty():
        raise StepError("no measured user has a relevant item; the permutation test needs labels of test users")
    per_user = rows.group_by("user_id").agg(pl.col("ranker", "chance").mean()).sort("user_id")
    per_user = per_user.with_columns(lead=pl.col("ranker") - pl.col("chance"))
    lead = bootstrap_means(per_user, ["lead"], seed=seed, level=level)["lead"]
    means = per_user.select(pl.col("ranker", "chance").mean()).row(0)
    return PermutationTest(lead, means[0], means[1], n_shuffles=n_shuffles, n_users=len(per_user))
