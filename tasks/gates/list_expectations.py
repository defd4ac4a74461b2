"""What every list of recommendations must hold, as score writes it and again as it is about to be published. Data only."""

from __future__ import annotations

from tasks.contracts.catalog import GatesConfig
from tasks.gates.expectation import Expectation, expect_between, expect_no_rows

AGAIN = "score again; if it stays, report it"


def expect_of_lists(suite: str, gates: GatesConfig, top_n: int) -> tuple[Expectation, ...]:
    """Expectations over the lists, for the suites `recommendations` and `publication`."""
    return (
        expect_between(
            suite, "users_are_covered", frame="recommendation_summary", column="covered_share", low=gates.min_users_covered,
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
        expect_no_rows(suite, "rank_gaps", expected="ranks 1, 2, 3 … without a gap or a tie", mend=AGAIN),
        expect_no_rows(suite, "repeated_recommendations", expected="each item at most once a user", mend=AGAIN),
        expect_no_rows(
            suite, "unavailable_recommendations", expected="items that exist and are active",
            mend="run from the stage candidates: the catalog has changed since",
        ),
        expect_no_rows(suite, "seen_recommendations", expected="nothing that the user has met", mend=AGAIN),
        expect_no_rows(suite, "unscored_recommendations", expected="a finite score", mend=AGAIN),
    )  # fmt: skip
