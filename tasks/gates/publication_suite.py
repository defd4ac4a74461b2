"""The suite `publication`: what is about to be shown holds against the warehouse and beside what is shown now. Data only.

It looks at the files as readers will get them, after the suite `recommendations` has looked at what score wrote: between
the two lie sorting, writing, and catalogs that did not run tonight.
"""

from __future__ import annotations

from collections.abc import Sequence

from tasks.contracts.catalog import GatesConfig
from tasks.gates.expectation import Expectation, expect_between
from tasks.gates.list_expectations import expect_of_lists

COMPARISON = "publication_comparison"
MEANT = "if the change is meant, set {key} for one night"


def expect_of_publication(gates: GatesConfig, topics: Sequence[str], top_n: int) -> tuple[Expectation, ...]:
    """The suite `publication`; the frame `publication_comparison` is given by `compare_published`."""
    return (*expect_of_lists("publication", gates, top_n), *_comparison(gates))


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
