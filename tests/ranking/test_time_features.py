"""What was chosen while the user was there: shares around the days of the history, first choices, spans."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import polars as pl
import pytest

from tasks.ranking.inputs import PairRows, build_item_facts
from tasks.ranking.time_features import KERNEL_DAYS, PRIOR_CHOICES, time_columns


def facts_of(catalog, rows):
    """rows: item, days ago (None: unknown)."""
    nothing = pl.DataFrame(schema={"item_id": pl.String, "label": pl.String, "share": pl.Float64})
    schema = {"item_id": pl.String, "value": pl.Float64, "age_days": pl.Float64}
    chosen = pl.DataFrame([(item, None, day) for item, day in rows], schema=schema, orient="row")
    return build_item_facts(catalog, topics=nothing, categories=nothing, authors=nothing, interactions=chosen)


def shard_of(ages_by_user):
    sizes = [len(ages) for ages in ages_by_user]
    return SimpleNamespace(
        user_ids=pl.Series([f"u{number}" for number in range(len(sizes))]),
        indptr=np.concatenate([[0], np.cumsum(sizes)]),
        history_items=np.zeros(sum(sizes), dtype=np.int64),
        history_ages=np.array([age for ages in ages_by_user for age in ages]),
    )


def compute(catalog, shard, facts):
    n_users, n_items = len(shard.user_ids), len(catalog.item_ids)
    users, items = np.divmod(np.arange(n_users * n_items), n_items)
    candidates = pl.DataFrame({"user_id": shard.user_ids.gather(users), "fused_rank": items + 1})
    columns = time_columns(candidates, shard, facts, PairRows(users, items))
    return {name: values.reshape(n_users, n_items) for name, values in columns.items()}


def test_what_was_chosen_while_the_user_was_there_stands_out(catalog):
    days = [("a", 100.2)] * 30 + [("b", 3.5)] * 30
    found = compute(catalog, shard_of([[100.0], [3.0]]), facts_of(catalog, days))["popularity_then"]
    assert found[0, 0] > 0 > found[0, 1]
    assert found[1, 1] > 0 > found[1, 0]
    assert np.isnan(found[:, 2:]).all()


def test_the_share_is_that_of_the_days_around_drawn_to_that_of_all_days(catalog):
    days = [("a", 50.0)] * 3 + [("b", 50.0 + KERNEL_DAYS / 2)] * 4 + [("b", 50.0 + KERNEL_DAYS)] * 3
    found = compute(catalog, shard_of([[50.9]]), facts_of(catalog, days))["popularity_then"]
    around_b = 4 * 0.5
    share = (3 + PRIOR_CHOICES * 0.3) / (3 + around_b + PRIOR_CHOICES)
    assert found[0, 0] == pytest.approx(np.log(share / 0.3))


def test_choices_without_a_time_are_left_out(catalog):
    timed, mixed = [("a", 5.0), ("b", 9.0)], [("a", 5.0), ("b", 9.0), ("a", None)]
    shard = shard_of([[6.0]])
    first, second = (compute(catalog, shard, facts_of(catalog, rows)) for rows in (timed, mixed))
    assert np.array_equal(first["popularity_then"], second["popularity_then"], equal_nan=True)
    blank = compute(catalog, shard, facts_of(catalog, [("a", None)]))
    assert np.isnan(blank["popularity_then"]).all()
    assert np.isnan(blank["first_chosen_gap_days"]).all()


def test_an_item_that_came_after_the_user_left_has_a_gap_below_zero(catalog):
    found = compute(catalog, shard_of([[60.0, 90.0], []]), facts_of(catalog, [("a", 100.0), ("a", 5.0), ("b", 20.0)]))
    assert found["first_chosen_gap_days"][0, :2].tolist() == [40.0, -40.0]
    assert found["history_age_days"][0].tolist() == [60.0] * 4
    assert found["history_span_days"][0].tolist() == [30.0] * 4
    assert np.isnan(found["history_span_days"][1]).all()
    assert np.isnan(found["popularity_then_z"][1]).all()


def test_items_of_other_catalogs_say_nothing_of_the_days(catalog):
    shard = shard_of([[100.0, 3.0]])
    facts = facts_of(catalog, [("a", 100.2)] * 30 + [("b", 3.5)] * 30)
    shard.history_items = np.array([0, -1])
    own = compute(catalog, shard, facts)["popularity_then"]
    alone = compute(catalog, shard_of([[100.0]]), facts)["popularity_then"]
    assert np.array_equal(own, alone, equal_nan=True)
