"""The suite `publication`: what is about to be shown holds against the warehouse and beside what is shown now. Data only.

It looks at the files as readers will get them, after the suite `recommendations` has looked at what score wrote: between
the two lie sorting, writing, and catalogs that did not run tonight.
"""

from __future__ import annotations

from collections.abc import Sequence

from tasks.contracts.catalog import GatesConfig
from tasks.gates.expectation import Expectation, expect_between, expect_no_rows

COMPARISON = "publication_comparison"
MEANT = "if the change is meant, set {key} for one night"


def expect_of_publication(gates: GatesConfig, topics: Sequence[str], top_n: int) -> tuple[Expectation, ...]:
    """The suite `publication`; the frame `publication_comparison` is given by `compare_published`."""
    suite, summary = "publication", "recommendation_summary"
    again = "score again; if it stays, report it"
    return (
        expect_between(
            suite, "users_are_covered", frame=summary, column="covered_share", low=gates.min_users_covered,
            mend="see which users the candidates leave out, or lower gates.min_users_covered",
        ),
        expect_between(
            suite, "lists_are_long_enough", frame="list_lengths", column="n_items", low=gates.min_list_items,
            mend="raise candidates.total, or lower gates.min_list_items",
        ),
        expect_between(
            suite, "lists_are_not_too_long", frame="list_lengths", column="n_items", high=top_n,
            mend="score again: recommend.top_n has changed since",
        ),
        expect_no_rows(suite, "rank_gaps", expected="ranks 1, 2, 3 … without a gap or a tie", mend=again),
        expect_no_rows(suite, "repeated_recommendations", expected="each item at most once a user", mend=again),
        expect_no_rows(
            suite, "unavailable_recommendations", expected="items that exist and are active",
            mend="run from the stage candidates: the catalog has changed since",
        ),
        expect_no_rows(suite, "seen_recommendations", expected="nothing that the user has met", mend=again),
        expect_no_rows(suite, "unscored_recommendations", expected="a finite score", mend=again),
        *_comparison(gates),
    )  # fmt: skip


def _comparison(gates: GatesConfig) -> tuple[Expectation, ...]:
    """Beside the publication that was the latest; where there is none, or too little to tell, all of it is null and passes."""
    suite = "publication"
    return (
        expect_between(
            suite, "coverage_holds", frame=COMPARISON, column="coverage_drop", high=gates.max_coverage_drop,
            mend="see which users got a list before and get none now (lost_users); "
            + MEANT.format(key="gates.max_coverage_drop = 1"),
        ),
        expect_between(
            suite, "lists_overlap_enough", frame=COMPARISON, column="overlap", low=gates.min_overlap,
            mend="look at the lists of the users named (changed_users): have labels, model or sources changed overnight? "
            + MEANT.format(key="gates.min_overlap = 0"),
        ),
        expect_between(
            suite, "overlap_is_usual", frame=COMPARISON, column="overlap_drop", high=gates.max_overlap_drop,
            mend="look at the lists of the users named (changed_users): have labels, model or sources changed overnight? "
            + MEANT.format(key="gates.max_overlap_drop = 1"),
        ),
    )  # fmt: skip
