"""candidates: embeddings, interactions -> shards of candidates, once to serve and once to learn from.

`candidates` holds every active user's candidates from all that is known as of the day. `candidates-holdout` holds those
of users of whom something is known that the sources were not told (a judge's label, a held-out interaction): built from
the history alone, joined by every labelled pair. The ranker learns and is measured on the second, and serves the first.
Time O(users x items) by exact search; memory O(items x dimension + shard).
"""

from __future__ import annotations

from collections import Counter

from prefect import task
from prefect.cache_policies import NO_CACHE

from tasks.contracts.context import StepContext
from tasks.contracts.report import StepReport
from tasks.loading.arrays import CatalogArrays, load_catalog_arrays, load_shard
from tasks.loading.history import make_history
from tasks.loading.truth import read_truth, users_with_truth
from tasks.retrieval.candidates import CandidateShard, add_pairs, candidates_for_shard
from warehouse.connection import Warehouse, open_warehouse
from warehouse.outputs import stage_output


@task(name="candidates", cache_policy=NO_CACHE)
def candidates(context: StepContext) -> StepReport:
    """Retrieve candidates for serving, and for users with truth."""
    with open_warehouse(context.folder, memory_limit_mb=context.memory_limit_mb) as warehouse:
        make_history(warehouse, context)
        everyone = warehouse.query("queries/active_users", user_space=context.catalog.user_space)["user_id"].to_list()
        known = users_with_truth(warehouse, context)
        served, dropped = _write(warehouse, context, everyone, is_holdout=False)
        held_out, _ = _write(warehouse, context, known, is_holdout=True)
    note = f"{served} candidates of {len(everyone)} users; {held_out} rows of {len(known)} users with truth"
    if not everyone:
        note = "the catalog has no active user, so nobody gets a list; `nightjar simulate-users` makes some up"
    return StepReport(
        stage="candidates",
        catalog=context.catalog.name,
        rows_in=len(everyone),
        rows_out=served,
        dropped=dict(dropped),
        notes=(note,),
    )


def _write(
    warehouse: Warehouse, context: StepContext, user_ids: list[str], *, is_holdout: bool
) -> tuple[int, Counter[str]]:
    stage = "candidates-holdout" if is_holdout else "candidates"
    arrays = load_catalog_arrays(warehouse, context, is_holdout=is_holdout)
    dropped: Counter[str] = Counter()
    with stage_output(warehouse, run_id=context.run_id, catalog=context.catalog.name, stage=stage) as output:
        # Without users one empty shard is written, so that those who read it learn the columns.
        for start in range(0, max(1, len(user_ids)), context.shard_users):
            part = user_ids[start : start + context.shard_users]
            shard = _retrieve(warehouse, context, arrays, part, is_holdout=is_holdout)
            output.write(shard.frame)
            dropped.update(shard.dropped)
            context.progress(start + len(part), len(user_ids))
    return output.n_rows, dropped


def _retrieve(
    warehouse: Warehouse, context: StepContext, arrays: CatalogArrays, user_ids: list[str], *, is_holdout: bool
) -> CandidateShard:
    shard = load_shard(warehouse, context, arrays.index, user_ids=user_ids, is_holdout=is_holdout)
    found = candidates_for_shard(arrays.index, shard, sources=arrays.sources, config=context.catalog.candidates)
    if not is_holdout:
        return found
    pairs = read_truth(warehouse, context, user_ids).select("user_id", "item_id")
    joined = add_pairs(found.frame, pairs, index=arrays.index, shard=shard, sources=arrays.sources)
    return CandidateShard(joined, found.dropped)
