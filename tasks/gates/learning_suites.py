"""The suites that watch what the ranker learns from and is measured by, built from a catalog's thresholds. Data only.

candidates   search finds what it should, and lists are as long as the catalog allows
features     what the ranker is fed is finite, filled, in range and unique
leakage      what is measured was not known before
permutation  shuffled labels teach nothing
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

from tasks.contracts.catalog import GatesConfig
from tasks.gates.expectation import Expectation, expect_between, expect_no_rows

INDEX_QUERIES = 200
"""On so many queries the recall of an index is measured, where there are as many users: half of those that are drawn."""


def expect_of_candidates(gates: GatesConfig, topics: Sequence[str], top_n: int) -> tuple[Expectation, ...]:
    """The suite `candidates`."""
    suite, facts = "candidates", "candidate_facts"
    finds_enough = expect_between(
        suite, "index_finds_enough", frame=facts, column="index_recall", low=gates.min_index_recall,
        mend="raise candidates.exact_up_to so that search is exact, or lower gates.min_index_recall",
    )  # fmt: skip
    # The one figure of a gate that is of a sample: all else is counted over all rows.
    error = math.sqrt(gates.min_index_recall * (1 - gates.min_index_recall) / INDEX_QUERIES)
    sampled = f"{finds_enough.expected} (of {INDEX_QUERIES} sample queries: standard error {error:.2g})"
    return (
        replace(finds_enough, expected=sampled),
        expect_between(
            suite, "few_lists_are_short", frame=facts, column="short_share", high=gates.max_short_lists, severity="warning",
            mend="see what was dropped (rules, blocked and seen items): loosen a rule, or raise gates.max_short_lists",
        ),
    )  # fmt: skip


def expect_of_features(gates: GatesConfig, topics: Sequence[str], top_n: int) -> tuple[Expectation, ...]:
    """The suite `features`."""
    suite, summary = "features", "feature_summary"
    return (
        expect_between(
            suite, "features_have_rows", frame="feature_shape", column="n_rows", low=1,
            mend="run the stages candidates and features: nothing was written",
        ),
        expect_no_rows(
            suite, "feature_duplicates", expected="each pair of user and item once",
            mend="report it: the ranker would count these pairs twice",
        ),
        expect_between(
            suite, "features_are_finite", frame=summary, column="n_infinite", high=0,
            mend="report it: a feature divides by zero or takes the log of zero",
        ),
        expect_between(
            suite, "features_are_filled", frame=summary, column="filled_share", low=0, is_above=True,
            mend="see which stage should have filled this feature; a feature that is always null teaches nothing",
        ),
        expect_between(
            suite, "features_are_in_range", frame=summary, column="n_out_of_range", high=0,
            mend="report it: a feature left the range that it declares",
        ),
    )  # fmt: skip


def expect_of_leakage(gates: GatesConfig, topics: Sequence[str], top_n: int) -> tuple[Expectation, ...]:
    """The suite `leakage`."""
    suite = "leakage"
    return (
        expect_no_rows(
            suite, "shared_users", expected="no measured user among those whom the model learnt from",
            mend="train again: the model is from another split of the users",
        ),
        expect_no_rows(
            suite, "leaked_pairs", expected="no held-out pair among what sources and histories are given",
            mend="report it: the sources were shown what they are asked",
        ),
        expect_no_rows(
            suite, "future_pairs", expected="nothing from after the end of the day",
            mend="report it: the run knows interactions that had not happened yet",
        ),
        expect_no_rows(
            suite, "telling_features", expected="no feature that alone tells relevant items without error",
            mend="look how this feature is made: it knows the label",
        ),
    )  # fmt: skip


def expect_of_permutation(gates: GatesConfig, topics: Sequence[str], top_n: int) -> tuple[Expectation, ...]:
    """The suite `permutation`."""
    return (
        expect_between(
            "permutation", "shuffled_labels_teach_nothing", frame="permutation", column="lead_low", high=0,
            mend="find out what tells the ranker the labels of users whom it should not know: rows in order, users twice",
        ),
    )  # fmt: skip
