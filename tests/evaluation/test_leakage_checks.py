from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from tasks.evaluation.leakage import FeatureEvidence, find_shared_users


def rows(seed=0, *, n_users=30, n_items=20):
    draw = np.random.default_rng(seed)
    n = n_users * n_items
    relevant = draw.uniform(size=n) < 0.3
    return pl.DataFrame(
        {
            "user_id": np.repeat([f"u{user:02}" for user in range(n_users)], n_items),
            "is_relevant": relevant,
            "noise": draw.normal(size=n),
            "good": draw.normal(size=n) + 1.5 * relevant,
            # The label in disguise: offset by user, so that only within a user does it tell anything.
            "leak": relevant + np.repeat(draw.normal(size=n_users) * 10, n_items),
            "backwards": np.where(relevant, -1.0, 1.0),
            "missing": np.where(relevant, np.nan, draw.normal(size=n)),
            "present": np.where(relevant, 1.0, np.nan),
        }
    )


FEATURES = ("noise", "good", "leak", "backwards", "missing", "present")


def test_features_that_know_the_label_are_named():
    evidence = FeatureEvidence(FEATURES)
    evidence.add(rows())
    found = evidence.telling()
    assert found["feature"].to_list() == ["leak", "backwards", "missing", "present"]
    assert found["n_relevant"][0] == rows()["is_relevant"].sum()
    assert evidence.telling(max_auc=0.8)["feature"].to_list()[0] == "good"


def test_shards_add_up():
    whole, parts = FeatureEvidence(FEATURES), FeatureEvidence(FEATURES)
    whole.add(rows())
    for _, part in rows().group_by("user_id"):
        parts.add(part)
    assert parts.telling(max_auc=0.6)["auc"].to_list() == pytest.approx(whole.telling(max_auc=0.6)["auc"].to_list())


def test_few_items_prove_nothing():
    evidence = FeatureEvidence(FEATURES)
    evidence.add(rows(n_users=4))
    assert evidence.telling().is_empty()
    assert FeatureEvidence(FEATURES).telling().is_empty()


def test_measured_users_from_whom_the_model_learnt_are_named():
    met = {"train": pl.Series(["a", "b", "b"]), "validation": pl.Series(["c"])}
    assert find_shared_users(pl.Series(["b", "c", "d"]), met).rows() == [("b", "train"), ("c", "validation")]
    assert find_shared_users(pl.Series(["d"]), met).is_empty()
    assert find_shared_users(pl.Series(["d"]), {}).is_empty()
