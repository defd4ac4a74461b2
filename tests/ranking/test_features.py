from __future__ import annotations

from datetime import datetime, timedelta, timezone

import numpy as np
import polars as pl
import pytest
from scipy import sparse

from tasks.contracts.errors import StepError
from tasks.ranking.feature_table import FEATURE_NAMES, FEATURES
from tasks.ranking.features import build_features, check_features
from tasks.ranking.inputs import build_item_facts, build_labels

AS_OF = datetime(1970, 1, 21)


@pytest.fixture
def features(candidates, catalog, shard, facts):
    return build_features(candidates, catalog=catalog, shard=shard, facts=facts, as_of=AS_OF)


def values(frame, name):
    return frame[name].to_list()


def nan_last(found, expected):
    assert found == pytest.approx(expected, nan_ok=True, abs=1e-5)


NAN = float("nan")


def test_one_row_a_candidate_and_every_documented_column(features, candidates):
    assert features.columns == ["user_id", "item_id", *FEATURE_NAMES]
    assert features.select("user_id", "item_id").equals(candidates.select("user_id", "item_id"))
    assert set(features.dtypes[2:]) == {pl.Float32}
    assert all(feature.meaning and feature.source and feature.known for feature in FEATURES)


def test_no_feature_is_an_id_or_a_judgement():
    assert len(set(FEATURE_NAMES)) == len(FEATURE_NAMES)
    assert not [name for name in FEATURE_NAMES if name.endswith("_id") or "grade" in name or "judge" in name]


def test_unknown_sources_leave_nan(features):
    assert features["bm25_score"].is_nan().all()
    assert features["bm25_rank"].is_nan().all()


def test_normalising_uses_the_users_candidates_only(features):
    nan_last(values(features, "popularity_z"), [-1.0, 1.0, -4 / 3, 0.0])
    nan_last(values(features, "popularity_rank"), [2, 1, NAN, NAN])
    nan_last(values(features, "fused_rank"), [1, 2, NAN, 1])


def test_affinities_come_from_the_liked_history(features):
    nan_last(values(features, "topic_affinity"), [0.75, NAN, 0.0, NAN])
    nan_last(values(features, "category_affinity"), [1.0, NAN, 0.0, NAN])
    nan_last(values(features, "author_affinity"), [NAN, NAN, 1.0, NAN])


def test_profile_leans_to_the_topic_that_lies_nearest(features):
    found = values(features, "profile_topic_affinity")
    assert np.isnan(found[0])
    assert 0.45 < found[3] <= 0.5


def test_cosines_to_what_was_liked_and_disliked(features):
    nan_last(values(features, "history_max_cosine"), [0.8, NAN, 0.0, NAN])
    nan_last(values(features, "history_mean_cosine"), [0.8, NAN, 0.0, NAN])
    nan_last(values(features, "disliked_max_cosine"), [0.6, NAN, 1.0, NAN])


def test_item_statistics(features):
    nan_last(values(features, "popularity_percentile"), [0.5, 1.0, 0.25, 0.25])
    nan_last(values(features, "interactions_log"), np.log1p([0, 0, 1, 1]).tolist())
    mean = 19 / 4
    nan_last(values(features, "group_size"), [2, 1, 1, 1])
    nan_last(values(features, "age_days"), [15, NAN, 12, 12])
    nan_last(values(features, "label_confidence"), [0.75, NAN, 0.5, 0.5])
    nan_last(values(features, "text_log"), np.log1p([22, 0, 17, 17]).tolist())
    assert mean


def test_mean_value_is_drawn_to_the_catalogs(facts):
    mean = 10 / 3
    nan_last(facts.mean_value.tolist(), [(9 + 5 * mean) / 7, mean, (1 + 5 * mean) / 6, mean])


def test_user_statistics(features):
    nan_last(values(features, "history_log"), np.log1p([2, 2, 2, 0]).tolist())
    nan_last(values(features, "history_age_days"), [3, 3, 3, NAN])
    nan_last(values(features, "has_profile"), [0, 0, 0, 1])
    nan_last(values(features, "age_gap_days"), [5, NAN, 2, NAN])
    gaps = np.log1p([1, 7, 0]) - np.log1p(3)
    nan_last(values(features, "popularity_gap"), [*gaps.tolist(), NAN])


def test_neighbours_of_recent_and_disliked_items(candidates, catalog, shard, facts):
    similarity = sparse.csr_matrix(np.array([[0, 0.5, 0, 0.2], [0, 0, 0, 0], [0, 0.1, 0, 0], [0, 0, 0, 0]]))
    with_neighbours = build_item_facts(
        catalog,
        topics=pl.DataFrame(schema={"item_id": pl.String, "label": pl.String, "share": pl.Float64}),
        categories=pl.DataFrame(schema={"item_id": pl.String, "label": pl.String}),
        authors=pl.DataFrame(schema={"item_id": pl.String, "label": pl.String}),
        interactions=pl.DataFrame(schema={"item_id": pl.String, "value": pl.Float64}),
        neighbours=similarity,
    )
    found = build_features(candidates, catalog=catalog, shard=shard, facts=with_neighbours, as_of=AS_OF)
    nan_last(values(found, "neighbour_recent"), [0.5, 0.2, 0, NAN])
    nan_last(values(found, "neighbour_max"), [0.5, 0.2, 0, NAN])
    nan_last(values(found, "neighbour_disliked"), [0.1, 0, 0, NAN])
    nan_last(values(found, "neighbour_recent_z"), [1, -1, -7 / 3, NAN])
    assert found["topic_affinity"].is_nan().all()
    assert found["mean_value"].is_nan().all()


def test_time_zones_are_converted(candidates, catalog, shard, facts):
    later = AS_OF.replace(tzinfo=timezone(timedelta(hours=12)))
    found = build_features(candidates, catalog=catalog, shard=shard, facts=facts, as_of=later)
    assert found["age_days"][0] == 14.5


def test_unknown_ids_are_refused(candidates, catalog, shard, facts):
    stranger = candidates.with_columns(user_id=pl.lit("x"))
    with pytest.raises(StepError, match="user_id 'x' is not in the shard"):
        build_features(stranger, catalog=catalog, shard=shard, facts=facts, as_of=AS_OF)


def test_no_candidates_give_an_empty_frame(candidates, catalog, shard, facts):
    found = build_features(candidates.head(0), catalog=catalog, shard=shard, facts=facts, as_of=AS_OF)
    assert found.columns == ["user_id", "item_id", *FEATURE_NAMES]
    assert len(found) == 0


def test_missing_columns_are_named(features):
    with pytest.raises(StepError, match="features lack 'bm25_z'"):
        check_features(features.drop("bm25_z"))


def test_labels_are_scaled_to_at_most_one():
    rows = pl.DataFrame(
        {"item_id": ["a", "a", "b", "b"], "label": ["x", "y", "x", None], "share": [3.0, 1.0, 0.5, 1.0]}
    )
    labels = build_labels(pl.Series(["a", "b", "c"]), rows)
    assert labels.names == ["x", "y"]
    assert labels.shares.toarray().tolist() == [[0.75, 0.25], [0.5, 0.0], [0.0, 0.0]]
