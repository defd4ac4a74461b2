"""The label-permutation test on a catalog's own rows: labels shuffled within users, ranker trained, NDCG@10 against chance.

Reads features-holdout and truth, writes quality_results (suite `permutation`). Retrains the ranker n_shuffles times, so it
is run on purpose and not each night. Directions of features are left out: they are knowledge of ours that shuffled labels
can't take away. Time n_shuffles x that of training, memory O(labelled rows).
"""

from __future__ import annotations

import polars as pl

from tasks.contracts.context import StepContext
from tasks.contracts.report import StepReport
from tasks.evaluation.permutation import PermutationTest, run_permutation_test
from tasks.gating import check_suite
from tasks.loading.history import make_history
from tasks.loading.learning_rows import read_rows
from tasks.loading.measured import FOLD
from tasks.loading.truth import read_truth
from tasks.ranking.model import score_rows, train_ranker
from tasks.ranking.training_rows import select_training_rows
from tasks.running import task
from warehouse.connection import Warehouse, open_warehouse
from warehouse.outputs import latest_output


@task(name="permutation")
def permutation(context: StepContext, *, n_shuffles: int = 10) -> StepReport:
    """Run the test and store its result. Raises GateFailedError when shuffled labels could be guessed.

    The stage train must have run. With 95 % confidence, two-sided: one honest test of forty fails by chance.
    """
    with open_warehouse(context.folder, memory_limit_mb=context.memory_limit_mb) as warehouse:
        make_history(warehouse, context)
        rows = _read_rows(warehouse, context)
        found = run_permutation_test(
            rows.select("user_id", "fold", "item_id", "grade"),
            lambda shuffled: _train_and_score(rows.with_columns(shuffled["grade"]), context),
            n_shuffles=n_shuffles,
            seed=context.catalog.ranking.seed,
            relevant_grade=context.catalog.relevance.relevant_grade,
        )
        check_suite("permutation", warehouse, context, frames={"permutation": _as_frame(found)})
    note = (
        f"NDCG@10 {found.ranker:.4f} with shuffled labels, {found.chance:.4f} at random: difference {found.lead.mean:+.4f}"
        f" [{found.lead.low:+.4f}, {found.lead.high:+.4f}] over {found.n_users} users and {n_shuffles} shuffles"
    )
    return StepReport(stage="permutation", catalog=context.catalog.name, rows_in=rows.height, notes=(note,))


def _as_frame(found: PermutationTest) -> pl.DataFrame:
    """What the suite looks at."""
    lead = found.lead
    return pl.DataFrame({"lead": [lead.mean], "lead_low": [lead.low], "lead_high": [lead.high]})


def _read_rows(warehouse: Warehouse, context: StepContext) -> pl.DataFrame:
    """Labelled rows of all users, with the column `part`: train, validation, or test (of fold 0)."""
    shards = latest_output(warehouse, catalog=context.catalog.name, stage="features-holdout", needs="train")
    learning = read_rows(warehouse, context, shards)
    parts = [
        learning.train.with_columns(part=pl.lit("train")),
        learning.validation.with_columns(part=pl.lit("validation")),
    ]
    for path in shards:
        rows = pl.read_parquet(path).filter((pl.col("split") == "test") & (pl.col("fold") == FOLD))
        users = rows["user_id"].unique().sort().to_list()
        truth = read_truth(warehouse, context, users, fold=FOLD)
        chosen = select_training_rows(rows, truth, seed=context.catalog.ranking.seed)
        parts.append(chosen.frame.with_columns(part=pl.lit("test")))
    return pl.concat(parts, how="diagonal_relaxed")


def _train_and_score(rows: pl.DataFrame, context: StepContext) -> pl.DataFrame:
    by_part = {name: rows.filter(pl.col("part") == name).drop("part") for name in ("train", "validation", "test")}
    ranker = train_ranker(
        by_part["train"],
        by_part["validation"],
        config=context.catalog.ranking,
        n_threads=context.threads,
        directions={},
    )
    scores = pl.Series("score", score_rows(ranker, by_part["test"], n_threads=context.threads))
    return by_part["test"].select("user_id", "item_id").with_columns(scores)
