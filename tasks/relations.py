"""relations: items, item_groups, similarity_labels, enrichments, interactions -> item_relations, made anew each time.

Which item belongs to which: of the same series, the next part, by the same author or brand, of the same story, chosen by
the same people. Each relation says where it comes from and how much it counts:

    strength = 1.0 sequel, 0.8 series, 0.7 same_story, 0.6 author, 0.3 brand
               x 1.0 from a field or a group, 0.9 from titles, 0.8 from similarity labels, 0.7 from an enrichment
    also_bought: the similarity of who chose the two, shrunk (see fit_neighbours), at most 1

A value that more than relations.max_items items share relates none of them, so that m items of a value have at most
m x (max_items - 1) rows. A sequel points from a part to the next one, which are each other's series too; also_bought
holds each item's nearest, which need not be mutual; all others lie there both ways. A related item is active.
Time O(n log n + rows log rows) in DuckDB, which spills to disk; also_bought O(sum over users of items^2) and memory
O(interactions + n x also_bought).
"""

from __future__ import annotations

import numpy as np
import polars as pl

from tasks.contracts.context import StepContext
from tasks.contracts.report import StepReport
from tasks.loading.fields import RELATION_COLUMNS, check_item_fields, json_path
from tasks.loading.history import make_history
from tasks.retrieval.item_index import build_item_index
from tasks.retrieval.item_to_item import fit_neighbours
from tasks.running import task
from warehouse.connection import Warehouse, open_warehouse

NO_PATH = "$.none"


@task(name="relations")
def relations(context: StepContext) -> StepReport:
    """Relate the catalog's items by fields, titles, groups, labels, enrichments and interactions."""
    catalog = context.catalog
    scope = {"catalog": catalog.name}
    with open_warehouse(context.folder, memory_limit_mb=context.memory_limit_mb) as warehouse:
        _collect_values(warehouse, context)
        max_items = catalog.relations.max_items
        wide = warehouse.query("queries/relation_widths", max_items=max_items)
        bought = _also_bought(warehouse, context)
        with warehouse.transaction():
            warehouse.run("queries/forget_relations", **scope)
            warehouse.run("queries/store_relations", max_items=max_items, run_id=context.run_id, **scope)
            warehouse.insert("item_relations", bought)
        counts = warehouse.query("queries/relation_counts", **scope)
        n_items = warehouse.value("queries/count_active_items", **scope)
    told = ", ".join(f"{count} {relation}" for relation, count in counts.iter_rows()) or "none"
    return StepReport(
        stage="relations",
        catalog=catalog.name,
        rows_in=n_items,
        rows_out=int(counts["n_relations"].sum()),
        dropped={
            f"{relation} of {source}: more than {max_items} items share it": count
            for relation, source, _, count in wide.iter_rows()
        },
        notes=(f"relations: {told}",),
    )


def _collect_values(warehouse: Warehouse, context: StepContext) -> None:
    """Fills relation_values of this connection. Raises ConfigError for a field that no item has."""
    catalog, config = context.catalog, context.catalog.relations
    asked = [(f"relations.fields.{relation}", field) for relation, field in config.fields.items()]
    asked += [("relations.sequel", config.sequel)] if config.sequel is not None else []
    check_item_fields(warehouse, context, asked, columns=RELATION_COLUMNS)
    warehouse.run("queries/make_relation_values")
    for relation, field in config.fields.items():
        is_numbered = relation == "series" and config.sequel is not None
        warehouse.run(
            "queries/relate_field",
            catalog=catalog.name,
            relation=relation,
            field=field,
            path=json_path(field),
            part_path=json_path(str(config.sequel)) if is_numbered else NO_PATH,
        )
    if config.from_titles:
        warehouse.run("queries/relate_titles", catalog=catalog.name)
    warehouse.run("queries/relate_enrichment", catalog=catalog.name)
    warehouse.run("queries/relate_groups", catalog=catalog.name)


def _also_bought(warehouse: Warehouse, context: StepContext) -> pl.DataFrame:
    """Rows of item_relations: each item's nearest items by who chose them, from all interactions as of the day."""
    catalog = context.catalog
    nothing = pl.DataFrame()
    if not catalog.relations.also_bought:
        return nothing
    make_history(warehouse, context, has_folds=False)
    choices = warehouse.query("queries/choices", fold=None, max_age_days=None)
    if choices.is_empty():
        return nothing
    items = warehouse.query("queries/index_items", catalog=catalog.name, as_of_end=context.as_of_end)
    index = build_item_index(items, np.zeros((items.height, 1), dtype=np.float32))
    nearest = fit_neighbours(
        choices, index, neighbours=catalog.relations.also_bought, shrinkage=catalog.candidates.shrinkage
    ).tocoo()
    # A column holds what is nearest to its item.
    pairs = pl.DataFrame({"item": nearest.col, "related": nearest.row, "strength": nearest.data.astype(np.float64)})
    kept = pairs.filter(pl.Series(index.is_active[nearest.row]) & (pl.col("strength") > 0)).sort("item", "related")
    return kept.select(
        pl.lit(catalog.name).alias("catalog"),
        index.item_ids.gather(kept["item"]).alias("item_id"),
        index.item_ids.gather(kept["related"]).alias("related_id"),
        pl.lit("also_bought").alias("relation"),
        pl.lit("interactions").alias("source"),
        pl.col("strength").clip(upper_bound=1.0).round(6).alias("strength"),
        pl.lit(context.run_id).alias("run_id"),
    ).filter(pl.col("strength") > 0)
