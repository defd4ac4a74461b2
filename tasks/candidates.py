"""candidates: embeddings, interactions, relations -> shards of candidates, once to serve and once to learn from.

`candidates` holds every active user's candidates from all that is known as of the day. `candidates-holdout` holds those
of users of whom something is known that the sources were not told (a judge's label, a held-out interaction): built from
the history alone, joined by every labelled pair, once a fold (column `fold`). The ranker learns and is measured on the
second, and serves the first. The gate `candidates` looks at the first: the recall of an approximate index, short lists.
Shards are computed by threads of this process, or on the workers of a Dask cluster (see tasks/sharding).
Time O(users x items) by exact search; memory O(items x dimension + shards at once).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import polars as pl

from tasks.contracts.context import StepContext
from tasks.contracts.report import StepReport
from tasks.gating import check_suite
from tasks.loading.arrays import CatalogArrays, load_catalog_arrays
from tasks.loading.fields import check_rules
from tasks.loading.history import make_history
from tasks.loading.shard_history import onboarding_note
from tasks.loading.shard_inputs import read_shard_inputs
from tasks.loading.truth import read_truth, users_with_truth
from tasks.retrieval.build import index_recall_of
from tasks.running import task
from tasks.sharding.jobs import RetrievalKit, RetrievalPart
from tasks.sharding.running import run_shards
from warehouse.connection import Warehouse, open_warehouse
from warehouse.outputs import stage_output
from warehouse.shards import ShardWriter

NO_USERS = "the catalog has no active user, so nobody gets a list; `nightjar simulate-users` makes some up"
SHOWN_IDS = 3


@dataclass
class Served:
    """What was written for serving: rows, dropped pairs by reason, short lists, and what the operator should know.

    n_fewer: users with fewer than top_n items. n_short: those of them who get fewer than the catalog has for somebody.
    """

    n_rows: int = 0
    dropped: Counter[str] = field(default_factory=Counter)
    n_fewer: int = 0
    n_short: int = 0
    index_recall: float | None = None
    notes: list[str] = field(default_factory=list)

    def add(self, facts: Mapping[str, Any]) -> None:
        """Count one more shard."""
        self.dropped.update(facts["dropped"])
        self.n_short += facts["n_short"]
        self.n_fewer += facts["n_fewer"]


@task(name="candidates")
def candidates(context: StepContext) -> StepReport:
    """Retrieve candidates for serving, and for users with truth. Raises ConfigError for a rule that can't be read."""
    catalog = context.catalog
    with open_warehouse(context.folder, memory_limit_mb=context.memory_limit_mb) as warehouse:
        check_rules(warehouse, context)
        make_history(warehouse, context)
        everyone = warehouse.query("queries/active_users", user_space=catalog.user_space)["user_id"].to_list()
        folds = range(catalog.relevance.folds)
        known = {fold: users_with_truth(warehouse, context, fold=fold) for fold in folds}
        arrays = load_catalog_arrays(warehouse, context, fold=None)
        served = _write_served(warehouse, context, arrays, everyone)
        arrays = arrays.shared()
        held_out = _write_held_out(warehouse, context, arrays, known)
        served.notes += onboarding_note(warehouse, context)
        gate = check_suite("candidates", warehouse, context, frames={"candidate_facts": _facts(served, len(everyone))})
    n_known = len(set().union(*known.values()))
    note = f"{served.n_rows} candidates of {len(everyone)} users; {held_out} rows of {n_known} users with truth"
    return StepReport(
        stage="candidates",
        catalog=catalog.name,
        rows_in=len(everyone),
        rows_out=served.n_rows,
        dropped=dict(served.dropped),
        notes=(
            note if everyone else NO_USERS,
            *served.notes,
            *gate.notes,
        ),
    )


def _write_served(warehouse: Warehouse, context: StepContext, arrays: CatalogArrays, user_ids: list[str]) -> Served:
    catalog = context.catalog
    served = Served(index_recall=index_recall_of(arrays.sources), notes=_notes(context, arrays))
    with stage_output(warehouse, run_id=context.run_id, catalog=catalog.name, stage="candidates") as output:
        _write(output, warehouse, context, arrays, user_ids, fold=None, served=served)
    served.n_rows = output.n_rows
    if served.n_fewer:
        top_n = catalog.recommend.top_n
        served.notes.append(f"{served.n_fewer} users have fewer than {top_n} items: the catalog has no more for them")
    return served


def _write_held_out(
    warehouse: Warehouse, context: StepContext, shared: CatalogArrays, user_ids: Mapping[int, list[str]]
) -> int:
    """The users of each fold, with sources that know nothing of the fold; a shard holds rows of one fold."""
    stage = "candidates-holdout"
    with stage_output(warehouse, run_id=context.run_id, catalog=context.catalog.name, stage=stage) as output:
        for fold, ids in user_ids.items():
            if fold and not ids:
                continue
            arrays = load_catalog_arrays(warehouse, context, fold=fold, known=shared)
            _write(output, warehouse, context, arrays, ids, fold=fold, served=Served())
            del arrays
    return output.n_rows


def _write(
    output: ShardWriter,
    warehouse: Warehouse,
    context: StepContext,
    arrays: CatalogArrays,
    user_ids: list[str],
    *,
    fold: int | None,
    served: Served,
) -> None:
    catalog = context.catalog
    kit = RetrievalKit(
        index=arrays.index,
        sources=arrays.sources,
        segment_popularity=arrays.segment_popularity,
        config=catalog.candidates,
        rules=catalog.rules,
        top_n=catalog.recommend.top_n,
        fold=fold,
    )
    done = 0
    for facts in run_shards(
        "retrieve",
        kit,
        _parts(warehouse, context, user_ids, fold=fold),
        output=output,
        stage=f"{catalog.name}/candidates" if fold is None else f"{catalog.name}/candidates-{fold}",
        pool=context.pool,
        threads=context.threads,
    ):
        served.add(facts)
        done += facts["n_users"]
        context.progress(done, len(user_ids))


def _parts(
    warehouse: Warehouse, context: StepContext, user_ids: list[str], *, fold: int | None
) -> Iterator[RetrievalPart]:
    # Without users one empty shard is written, so that those who read it learn the columns.
    for start in range(0, max(1, len(user_ids)), context.shard_users):
        ids = user_ids[start : start + context.shard_users]
        users = read_shard_inputs(warehouse, context, user_ids=ids, fold=fold)
        truth = None
        if fold is not None:
            truth = read_truth(warehouse, context, ids, fold=fold).select("user_id", "item_id")
        yield RetrievalPart(users, truth)


def _notes(context: StepContext, arrays: CatalogArrays) -> list[str]:
    """Blocked ids that the catalog lacks, sources without input, and the recall of an approximate index."""
    catalog, notes = context.catalog, []
    blocked = pl.Series("item_id", catalog.blocked_items, dtype=pl.String)
    strange = blocked.filter(pl.Series(arrays.index.locate(blocked) < 0)) if len(blocked) else blocked
    if len(strange):
        shown = ", ".join(repr(item) for item in strange[:SHOWN_IDS])
        notes.append(f"{len(strange)} of blocked_items are no items of the catalog: {shown}")
    fitted = {source.name for source in arrays.sources}
    idle = [name for name in catalog.candidates.sources if name not in fitted]
    if idle:
        notes.append(f"sources that had nothing to go by: {', '.join(idle)}")
    recall = index_recall_of(arrays.sources)
    if recall is not None:
        notes.append(f"the approximate index finds {recall:.1%} of what exact search finds")
    return notes


def _facts(served: Served, n_users: int) -> pl.DataFrame:
    """One row for the gate; index_recall is null where search is exact."""
    row = {
        "n_users": n_users,
        "n_short": served.n_short,
        "short_share": served.n_short / n_users if n_users else 0.0,
        "index_recall": served.index_recall,
    }
    return pl.DataFrame([row], schema_overrides={"index_recall": pl.Float64})
