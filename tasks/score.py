"""score: serving candidates, model -> shards `scored`: each user's list, arranged, with a template's reason for every row.

Features are built shard by shard and never stored. Without a model the order of the fused sources is served, and the
report says so. The best are arranged (diversity, topic mix, exploration) and explained from the data; then
`recommendations` is made of `scored` and of the answers that rerank and explain have stored (see tasks/serving), which
ends with the gate. Time O(candidates * trees + users * top_n * pool * d), memory O(catalog + shard).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

import polars as pl

from tasks.contracts.context import StepContext
from tasks.contracts.report import StepReport
from tasks.loading.arrays import load_catalog_arrays, load_facts, load_shard
from tasks.loading.history import make_history
from tasks.loading.serving_model import serving_model
from tasks.ranking.arrange import Arrangement, arrange_lists
from tasks.ranking.evidence import OPTIONAL, STRONG_PLACES, EvidenceFinder
from tasks.ranking.features import build_features
from tasks.ranking.inputs import ItemFacts
from tasks.ranking.model import TrainedRanker, load_ranker, score_rows
from tasks.ranking.reasons import write_reasons
from tasks.ranking.top_n import list_sources
from tasks.retrieval.item_index import ItemIndex
from tasks.retrieval.user_shard import UserShard
from tasks.running import task
from tasks.serving import COLUMNS, SCORED, TEMPLATE, write_recommendations
from warehouse.connection import Warehouse, open_warehouse
from warehouse.outputs import latest_output, stage_output


@task(name="score")
def score(context: StepContext) -> StepReport:
    """Score the candidates of every user, arrange the best, and say why each is there."""
    catalog = context.catalog
    with open_warehouse(context.folder, memory_limit_mb=context.memory_limit_mb) as warehouse:
        make_history(warehouse, context)
        paths = latest_output(warehouse, catalog=catalog.name, stage="candidates", needs="candidates")
        found = serving_model(warehouse, context)
        scorer = Scorer(warehouse, context, load_ranker(found[1]) if found else None)
        with stage_output(warehouse, run_id=context.run_id, catalog=catalog.name, stage=SCORED) as output:
            for path in paths:
                output.write(scorer.serve(pl.read_parquet(path)))
        served = write_recommendations(warehouse, context)
    by = f"ranked by model {found[0]}" if found else "no model yet: ranked by the fused sources"
    return StepReport(
        stage="score",
        catalog=catalog.name,
        rows_in=scorer.told["candidates"],
        rows_out=served.n_rows,
        notes=(by, *_shortfalls(scorer.told, catalog.recommend.top_n), *served.notes),
    )


class Scorer:
    """From candidates to lists, a shard of users at a time; told counts candidates, short lists and unfilled slots."""

    def __init__(self, warehouse: Warehouse, context: StepContext, ranker: TrainedRanker | None) -> None:
        self.told: Counter[str] = Counter()
        self._warehouse = warehouse
        self._context = context
        self._ranker = ranker
        arrays = load_catalog_arrays(warehouse, context, fold=None)
        self._index: ItemIndex = arrays.index
        self._segment_popularity = arrays.segment_popularity
        self._facts: ItemFacts = load_facts(warehouse, context, arrays, fold=None)
        self._cards = warehouse.query("queries/item_cards", catalog=context.catalog.name)

    def serve(self, candidates: pl.DataFrame) -> pl.DataFrame:
        """The lists of a shard's users: COLUMNS, sorted by user and rank."""
        users = candidates["user_id"].unique().sort().to_list()
        shard = load_shard(self._warehouse, self._context, self._index, user_ids=users, fold=None)
        arranged = self._arrange(candidates, shard)
        self.told.update(candidates=candidates.height, short=arranged.n_short, unfilled=arranged.n_unfilled)
        self._context.progress(self.told["candidates"], None)
        return self._explain(arranged.frame, candidates, shard)

    def _arrange(self, candidates: pl.DataFrame, shard: UserShard) -> Arrangement:
        context, config = self._context, self._context.catalog.recommend
        features = build_features(
            candidates, catalog=self._index, shard=shard, facts=self._facts, as_of=context.as_of_end
        )
        scores = candidates["fused_score"]
        if self._ranker is not None:
            scores = pl.Series(score_rows(self._ranker, features, n_threads=context.threads))
        kept = [name for name in ("fused_rank", "propensity") if name in candidates.columns]
        return arrange_lists(
            candidates.select("user_id", "item_id", *kept).with_columns(scores.cast(pl.Float64).alias("score")),
            catalog=self._index,
            shard=shard,
            topics=self._facts.topics,
            config=config,
            # Another draw each day, and the same one whenever the day is run.
            seed=context.catalog.ranking.seed + context.as_of.toordinal(),
        )

    def _explain(self, lists: pl.DataFrame, candidates: pl.DataFrame, shard: UserShard) -> pl.DataFrame:
        catalog = self._context.catalog
        found = [name for name in candidates.columns if name.endswith("_rank") and name != "fused_rank"]
        extra = [name for name in OPTIONAL if name in candidates.columns and name not in (*found, "propensity")]
        keys = ["user_id", "item_id"]
        top = lists.join(candidates.select(*keys, *found, *extra), on=keys, how="left", maintain_order="left")
        top = top.with_columns(list_sources(top.select(found)))
        finder = EvidenceFinder(
            catalog=self._index,
            shard=shard,
            facts=self._facts,
            interests=self._interests(shard),
            aspects=self._aspects(top),
            as_of=self._context.as_of_end,
            segment_popularity=self._segment_popularity,
        )
        strong = top.with_columns(list_sources(top.select(found), within=STRONG_PLACES))
        reasons = write_reasons(finder.find(strong), verb=catalog.recommend.verb)
        return (
            pl.concat([top, reasons], how="horizontal")
            .with_columns(
                pl.lit(catalog.name).alias("catalog"),
                pl.lit(catalog.user_space).alias("user_space"),
                pl.lit(self._context.as_of).alias("as_of"),
                pl.lit(TEMPLATE).alias("reason_source"),
                pl.col("rank").cast(pl.Int32),
            )
            .join(self._cards, on="item_id", how="left")
            .select(COLUMNS)
            .sort("user_id", "rank")
        )

    def _interests(self, shard: UserShard) -> Mapping[object, Sequence[str]]:
        users = shard.user_ids.to_list()
        rows = self._warehouse.query(
            "queries/shard_interests", user_space=self._context.catalog.user_space, user_ids=users
        )
        return dict(zip(rows["user_id"], rows["interests"].to_list(), strict=True))

    def _aspects(self, top: pl.DataFrame) -> Mapping[tuple[str, str], str]:
        """What the enrichments say of the items that were found by an aspect."""
        if "aspect" not in top.columns:
            return {}
        items = top.filter(pl.col("aspect").is_not_null())["item_id"].unique().sort().to_list()
        rows = self._warehouse.query("queries/aspect_texts", catalog=self._context.catalog.name, item_ids=items)
        return {(item, aspect): words for item, aspect, words in rows.iter_rows()}


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
