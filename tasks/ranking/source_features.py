"""What the candidate sources say of a pair: score, standing within the user, place; and what the fusion makes of it."""

from __future__ import annotations

import numpy as np
import polars as pl

from tasks.ranking.feature import Feature
from tasks.ranking.inputs import BoolVector, FloatVector, PairRows
from tasks.ranking.pair_runs import UserRuns, find_runs

DECIMALS = 9
"""What is made of sums is rounded to so many places, so that their order does not show."""

NEEDS = {
    "dense_profile": "user has a profile, item a vector",
    "dense_history": "user has a history, item a vector",
    "aspects": "user has a history or profile, item has aspects",
    "bm25": "user has a word that the catalog knows",
    "rewritten_query": "user has search texts, item a vector",
    "relations": "user has a history in this catalog",
    "item_to_item": "user has a history in this catalog",
    "collaborative": "user has a history in this catalog, item was chosen",
    "popularity": "source is configured",
    "recent_popularity": "source is configured",
    "new_arrivals": "source is configured, published_at is known",
}
"""The sources whose scores are features, and what each needs. Exploration draws at random, which says nothing."""

SOURCES: tuple[str, ...] = tuple(NEEDS)


def _features_of(source: str, needs: str) -> tuple[Feature, ...]:
    return (
        Feature(f"{source}_score", f"score of source {source}", "candidates", needs, 1),
        Feature(f"{source}_z", f"{source}_score less the user's mean, in standard deviations", "candidates", needs, 1),
        Feature(f"{source}_ratio", f"{source}_score, the user's best being 1", "candidates", needs, 1),
        Feature(f"{source}_rank", f"place in the list of {source}, from 1", "candidates", "source found it", -1),
    )


SOURCE_FEATURES: tuple[Feature, ...] = (
    *(feature for source, needs in NEEDS.items() for feature in _features_of(source, needs)),
    Feature("fused_score", "what the fusion gives; 0: no source found it", "candidates", "always", 1),
    Feature("fused_rank", "place in the fused list, from 1", "candidates", "for candidates", -1),
    Feature("n_sources", "how many sources found it", "candidates", "always", 1),
)


def source_columns(candidates: pl.DataFrame, rows: PairRows, names: frozenset[str]) -> dict[str, FloatVector]:
    """Those of SOURCE_FEATURES that names has; NaN for a source that is not configured. O(rows) a source."""
    runs = find_runs(rows.users)
    is_candidate = candidates["fused_rank"].is_not_null().to_numpy()
    fused: tuple[str, ...] = ("fused_score", "fused_rank", "n_sources")
    columns = {name: _values(candidates, name) for name in fused if name in names}
    for source in SOURCES:
        score, standard, ratio, rank = (f"{source}_{kind}" for kind in ("score", "z", "ratio", "rank"))
        wanted = names.intersection((score, standard, ratio, rank))
        if score not in candidates.columns:
            columns |= dict.fromkeys(wanted, np.full(len(rows), np.nan))
            continue
        if wanted - {rank}:
            columns[score] = _values(candidates, score)
        if wanted - {score, rank}:
            columns[standard], columns[ratio] = _compare(columns[score], is_candidate, runs)
        if rank in wanted:
            columns[rank] = _values(candidates, rank)
    return columns


def standardise_column(candidates: pl.DataFrame, values: FloatVector, rows: PairRows) -> FloatVector:
    """values (rows,) less their mean over the user's candidates, in standard deviations of these; 0 where they don't vary.

    NaN where there is no value. candidates: fused_rank, null for a pair that joined later and is no candidate.
    """
    return _compare(values, candidates["fused_rank"].is_not_null().to_numpy(), find_runs(rows.users))[0]


def _values(frame: pl.DataFrame, name: str) -> FloatVector:
    return frame[name].cast(pl.Float64).fill_null(float("nan")).to_numpy()


def _compare(values: FloatVector, is_candidate: BoolVector, runs: UserRuns) -> tuple[FloatVector, FloatVector]:
    """values within the user: in standard deviations, and over the highest (NaN where that is not above 0)."""
    starts = runs.starts
    if not len(starts):
        return values, values
    ordered = values if runs.is_ordered else values[runs.order]
    counted = ~np.isnan(ordered)
    counted &= is_candidate if runs.is_ordered else is_candidate[runs.order]
    # Mostly all count, and what does not is then not looked for.
    is_whole = bool(counted.all())
    known = ordered if is_whole else np.where(counted, ordered, 0.0)
    counts = np.maximum(np.add.reduceat(counted.astype(np.float64), starts), 1.0)
    centred = ordered - np.repeat(np.add.reduceat(known, starts) / counts, runs.sizes)
    highest = np.maximum.reduceat(ordered if is_whole else np.where(counted, ordered, -np.inf), starts)
    lowest = np.minimum.reduceat(ordered if is_whole else np.where(counted, ordered, np.inf), starts)
    squares = np.add.reduceat(centred**2 if is_whole else np.where(counted, centred**2, 0.0), starts)
    # Equal values have no spread, whatever the last bits of their mean.
    spread = np.where(highest > lowest, np.sqrt(squares / counts), 0.0)
    is_flat = np.repeat(spread == 0, runs.sizes)
    standard = centred / np.repeat(np.where(spread > 0, spread, 1.0), runs.sizes)
    standard[is_flat] = ordered[is_flat] * 0.0
    ratio = ordered / np.repeat(np.where(highest > 0, highest, np.nan), runs.sizes)
    if runs.is_ordered:
        return np.round(standard, DECIMALS), np.round(ratio, DECIMALS)
    found = np.empty((2, len(values)))
    found[0, runs.order], found[1, runs.order] = standard, ratio
    return np.round(found[0], DECIMALS), np.round(found[1], DECIMALS)
