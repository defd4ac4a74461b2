"""score: serving candidates, model -> shards `scored`: each user's list, arranged, with a template's reason for every row.

Features are built shard by shard and never stored. Without a model the order of the fused sources is served, and the
report says so. The best are arranged (diversity, topic mix, exploration) and explained from the data; then
`recommendations` is made of `scored` and of the answers that rerank and explain have stored (see tasks/serving), which
ends with the gate. Shards are computed by threads of this process, or on the workers of a Dask cluster (see tasks/sharding).
Time O(candidates * trees + users * top_n * pool * d), memory O(catalog + shards at once).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
import polars as pl

from tasks.contracts.context import StepContext
from tasks.contracts.report import StepReport
from tasks.loading.arrays import FOR_FEATURES, load_catalog_arrays, load_facts
from tasks.loading.history import make_history
from tasks.loading.serving_model import serving_model
from tasks.loading.shard_inputs import read_shard_inputs
from tasks.ranking.model import TrainedRanker, load_ranker
from tasks.running import task
from tasks.serving import SCORED, write_recommendations
from tasks.sharding.jobs import RankingKit, RankingPart
from tasks.sharding.running import run_shards
from warehouse.connection import Warehouse, open_warehouse
from warehouse.outputs import latest_output, stage_output


@task(name="score")
def score(context: StepContext) -> StepReport:
    """Score the candidates of every user, arrange the best, and say why each is there."""
    catalog = context.catalog
    told: Counter[str] = Counter()
    with open_warehouse(context.folder, memory_limit_mb=context.memory_limit_mb) as warehouse:
        make_history(warehouse, context, has_folds=False)
        paths = latest_output(warehouse, catalog=catalog.name, stage="candidates", needs="candidates")
        found = serving_model(warehouse, context)
        kit = load_ranking_kit(warehouse, context, load_ranker(found[1]) if found else None)
        with stage_output(warehouse, run_id=context.run_id, catalog=catalog.name, stage=SCORED) as output:
            for facts in run_shards(
                "rank",
                kit,
                _parts(warehouse, context, paths),
                output=output,
                stage=f"{catalog.name}/{SCORED}",
                pool=context.pool,
                threads=context.threads,
            ):
                told.update(facts)
                context.progress(told["candidates"], None)
        del kit
        served = write_recommendations(warehouse, context)
    by = f"ranked by model {found[0]}" if found else "no model yet: ranked by the fused sources"
    return StepReport(
        stage="score",
        catalog=catalog.name,
        rows_in=told["candidates"],
        rows_out=served.n_rows,
        notes=(
            by,
            *_shortfalls(told, catalog.recommend.top_n),
            *served.notes,
        ),
    )


def load_ranking_kit(warehouse: Warehouse, context: StepContext, ranker: TrainedRanker | None) -> RankingKit:
    """What the shards share. Needs pair_history."""
    catalog = context.catalog
    arrays = load_catalog_arrays(warehouse, context, fold=None, only=FOR_FEATURES)
    aspect_words = None
    if "aspects" in catalog.candidates.sources:
        items = arrays.index.item_ids.to_list()
        aspect_words = warehouse.query("queries/aspect_texts", catalog=catalog.name, item_ids=items)
    return RankingKit(
        index=arrays.index,
        facts=load_facts(warehouse, context, arrays, fold=None),
        segment_popularity=arrays.segment_popularity,
        ranker=ranker,
        cards=arrays.index.item_ids.to_frame("item_id").join(
            warehouse.query("queries/item_cards", catalog=catalog.name),
            on="item_id",
            how="left",
            maintain_order="left",
        ),
        aspect_words=aspect_words,
        config=catalog.recommend,
        catalog=catalog.name,
        user_space=catalog.user_space,
        as_of=context.as_of,
        as_of_end=context.as_of_end,
        # Another draw each day, and the same one whenever the day is run.
        seed=catalog.ranking.seed + context.as_of.toordinal(),
        half_life_days=catalog.candidates.history_half_life_days,
    )


def _parts(warehouse: Warehouse, context: StepContext, paths: Sequence[Path]) -> Iterator[RankingPart]:
    for path in paths:
        ids = (
            pl.read_parquet(path, columns=["user_id"])["user_id"].rle().struct.field("value").unique().sort().to_list()
        )
        users = read_shard_inputs(warehouse, context, user_ids=ids, fold=None)
        rows = warehouse.query("queries/shard_interests", user_space=context.catalog.user_space, user_ids=ids)
        interests = dict(zip(rows["user_id"], rows["interests"].to_list(), strict=True))
        # The file as it is: who scores the shard reads it, not the one process that hands out all of them.
        yield RankingPart(users, np.fromfile(path, dtype=np.uint8), interests)


def _shortfalls(told: Mapping[str, int], top_n: int) -> list[str]:
    notes = []
    if told["short"]:
        notes.append(f"{told['short']} users get fewer than {top_n} items: no more candidates are left for them")
    if told["unfilled"]:
        notes.append(
            f"{told['unfilled']} exploration slots had no drawn item and stay the ranker's; raise"
            " candidates.exploration_items, and name the source exploration"
        )
    return notes
