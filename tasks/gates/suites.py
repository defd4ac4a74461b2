"""The suites, built from a catalog's thresholds. Data only: nothing is read or run here.

ingest           what was read is complete, unique, titled, and refers to nothing that is missing
labels           every item has its labels, within the taxonomy and the ranges
candidates       search finds what it should, and lists are as long as the catalog allows
features         what the ranker is fed is finite, filled, in range and unique
recommendations  what is about to be published is what the contract promises
publication      what is about to be shown holds against the warehouse and beside what is shown now
leakage          what is measured was not known before
permutation      shuffled labels teach nothing
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cache

from tasks.contracts.catalog import GatesConfig
from tasks.contracts.errors import ConfigError
from tasks.gates.expectation import Expectation, expect_between, expect_in_set, expect_no_rows, expect_unique
from tasks.gates.learning_suites import (
    expect_of_candidates,
    expect_of_features,
    expect_of_leakage,
    expect_of_permutation,
)
from tasks.gates.list_expectations import AGAIN, expect_of_lists
from tasks.gates.publication_suite import expect_of_publication

AUDITS: Mapping[str, tuple[str, ...]] = {
    "ingest_counts": ("catalog", "run_id"),
    "ingest_summary": ("catalog",),
    "duplicate_ids": ("catalog",),
    "untitled_items": ("catalog",),
    "dangling_interactions": ("catalog",),
    "label_counts": ("catalog",),
    "topic_shares": ("catalog",),
    "foreign_topics": ("catalog", "topics"),
    "repeated_labels": ("catalog",),
    "doubtful_confidences": ("catalog",),
    "judge_grades": ("catalog",),
    "impossible_cosines": ("catalog",),
    "label_facts": ("catalog", "run_id"),
    "recommendation_summary": ("catalog", "files"),
    "list_lengths": ("catalog", "files"),
    "rank_gaps": ("catalog", "files"),
    "repeated_recommendations": ("catalog", "files"),
    "unavailable_recommendations": ("catalog", "files", "as_of_end"),
    "seen_recommendations": ("catalog", "files", "as_of_end"),
    "group_repeats": ("catalog", "files"),
    "unexplained_recommendations": ("catalog", "files"),
    "doubtful_propensities": ("catalog", "files"),
    "unscored_recommendations": ("catalog", "files"),
    "published_overlap": ("catalog", "files", "files_before", "as_of_end"),
    "published_losses": ("catalog", "files", "files_before"),
}
"""The queries of sql/audits/ and the values that each needs."""


def build_suite(
    suite: str, gates: GatesConfig, *, topics: Sequence[str] = (), top_n: int = 10
) -> tuple[Expectation, ...]:
    """The expectations of a suite under a catalog's thresholds.

    topics are the names of the taxonomy (empty: the catalog has none, and nothing is asked of topics); top_n is the
    longest list that a user may get. Raises ConfigError for a suite that does not exist.
    """
    if suite not in SUITES:
        raise ConfigError(f"there is no suite {suite!r}; the suites are {', '.join(SUITES)}")
    return SUITES[suite](gates, topics, top_n)


def audits_of(expectations: Sequence[Expectation]) -> dict[str, tuple[str, ...]]:
    """The queries of sql/audits/ that these expectations look at, each with the values that it needs."""
    return {one.frame: AUDITS[one.frame] for one in expectations if one.frame in AUDITS}


@cache
def known_expectations() -> Mapping[str, Expectation]:
    """Every expectation by name, with default thresholds: what Data Docs and messages look types and mends up in."""
    gates = GatesConfig(max_cost_per_label_usd=1.0)
    found = [one for suite in SUITES for one in build_suite(suite, gates, topics=("any",))]
    return {one.name: one for one in found}


def _ingest(gates: GatesConfig, topics: Sequence[str], top_n: int) -> tuple[Expectation, ...]:
    suite = "ingest"
    return (
        expect_no_rows(
            suite, "duplicate_ids", expected="ids unique and not empty", mend="check the id column of the mapping"
        ),
        expect_between(
            suite, "enough_items", frame="ingest_summary", column="n_items", low=gates.min_items,
            mend="check that the source is the whole catalog, or lower gates.min_items",
        ),
        expect_between(
            suite, "enough_users", frame="ingest_summary", column="n_users", low=gates.min_users,
            mend="check the users' source, simulate users, or lower gates.min_users",
        ),
        expect_between(
            suite, "items_have_titles", frame="ingest_summary", column="untitled_share", high=gates.max_untitled_share,
            mend="check the title column of the mapping, or raise gates.max_untitled_share",
        ),
        expect_no_rows(
            suite, "untitled_items", expected="a title for every active item", severity="warning",
            mend="mend these titles at their source",
        ),
        expect_no_rows(
            suite, "dangling_interactions", expected="every interaction refers to a known user and item",
            mend="report it: ingest should have quarantined these rows",
        ),
        *_counts(gates),
    )  # fmt: skip


def _counts(gates: GatesConfig) -> tuple[Expectation, ...]:
    suite, counts = "ingest", "ingest_counts"
    return (
        expect_unique(
            suite, "one_count_a_kind", frame=counts, column="kind", mend="report it: ingest counted a kind twice"
        ),
        expect_between(
            suite, "rows_add_up", frame=counts, column="n_unaccounted", low=0, high=0,
            mend="report it: rows were lost between reading and storing",
        ),
        expect_between(
            suite, "few_quarantined", frame=counts, column="quarantined_share", high=gates.max_quarantined_share,
            mend="look at the table quarantine for the reasons, or raise gates.max_quarantined_share",
        ),
        expect_between(
            suite, "few_items_gone", frame=counts, column="gone_share", high=gates.max_inactive_share,
            mend="check that the source is not cut short, or raise gates.max_inactive_share",
        ),
    )  # fmt: skip


def _labels(gates: GatesConfig, topics: Sequence[str], top_n: int) -> tuple[Expectation, ...]:
    suite, counts = "labels", "label_counts"
    return (
        expect_unique(
            suite, "one_count_a_task", frame=counts, column="task", mend="report it: a task was counted twice"
        ),
        expect_between(
            suite, "items_are_labeled", frame=counts, column="missing_item_share", high=gates.max_unlabeled_share,
            mend="run the labeling stage again (it does only what is missing), or raise gates.max_unlabeled_share",
        ),
        expect_between(
            suite, "pairs_are_labeled", frame=counts, column="missing_pair_share", high=gates.max_unlabeled_share,
            severity="warning", mend="run the stages similar and judge again; they do only what is missing",
        ),
        expect_between(
            suite, "few_dead_letters", frame=counts, column="dead_letter_share", high=gates.max_dead_letter_share,
            mend="look at the table dead_letters for the reasons, or raise gates.max_dead_letter_share",
        ),
        expect_between(
            suite, "few_abstentions", frame=counts, column="abstained_share", high=gates.max_abstained_share,
            mend="see whether the taxonomy covers the catalog, or raise gates.max_abstained_share",
        ),
        *_label_values(),
        *_label_facts(gates),
        *(_topics(gates, topics) if topics else ()),
    )  # fmt: skip


def _label_facts(gates: GatesConfig) -> tuple[Expectation, ...]:
    """Warnings all of them: these figures call for a look, and a night is not lost for them."""
    suite, facts = "labels", "label_facts"
    cost = gates.max_cost_per_label_usd
    return (
        expect_between(
            suite, "labels_are_stable", frame=facts, column="stability_index", high=gates.max_label_shift,
            severity="warning", mend="compare this week's labels with the last (`nightjar label report`): new items, a new"
            " labeler, or one that has changed? Or raise gates.max_label_shift",
        ),
        expect_between(
            suite, "labelers_agree", frame=facts, column="alpha", low=gates.min_agreement, severity="warning",
            mend="read the disagreements (`nightjar label report`): a guideline is unclear, or a labeler bad; or lower"
            " gates.min_agreement",
        ),
        expect_between(
            suite, "claims_are_grounded", frame=facts, column="ungrounded_share", high=gates.max_ungrounded_share,
            severity="warning", mend="look at the column ungrounded of current_enrichments; ask a better model, or raise"
            " gates.max_ungrounded_share",
        ),
        *(
            ()
            if cost is None
            else (
                expect_between(
                    suite, "labels_are_cheap", frame=facts, column="cost_per_label_usd", high=cost, severity="warning",
                    mend="more questions a request, a cheaper endpoint or a cascade; or raise gates.max_cost_per_label_usd",
                ),
            )
        ),
    )  # fmt: skip


def _label_values() -> tuple[Expectation, ...]:
    suite = "labels"
    return (
        expect_no_rows(
            suite, "repeated_labels", expected="each question one label a producer",
            mend="report it: a question was landed twice",
        ),
        expect_no_rows(
            suite, "doubtful_confidences", expected="every confidence a number from 0 to 1",
            mend="report it: a labeler broke its promise; label these again after the repair",
        ),
        expect_in_set(
            suite, "grades_are_0_to_3", frame="judge_grades", column="relevance", values=(0, 1, 2, 3),
            mend="report it: the judge gave a grade that does not exist",
        ),
        expect_between(
            suite, "sampling_is_possible", frame="judge_grades", column="min_probability", low=0, is_above=True,
            mend="report it: a judged pair has no sampling probability, so that metrics can't be unbiased",
        ),
        expect_between(
            suite, "sampling_is_a_probability", frame="judge_grades", column="max_probability", high=1,
            mend="report it: a sampling probability above 1 can't be one",
        ),
        expect_no_rows(
            suite, "impossible_cosines", expected="cosines from -1 to 1, of two different contents",
            mend="report it: the neighbour search stored a pair that can't be",
        ),
    )  # fmt: skip


def _topics(gates: GatesConfig, topics: Sequence[str]) -> tuple[Expectation, ...]:
    suite = "labels"
    return (
        expect_no_rows(
            suite, "foreign_topics", expected=f"topics of the taxonomy: {', '.join(topics)}",
            mend="report it: a labeler gave topics that it was not offered",
        ),
        expect_in_set(
            suite, "topics_are_known", frame="topic_shares", column="topic", values=tuple(topics),
            mend="label topics again: the taxonomy has changed",
        ),
        expect_between(
            suite, "no_topic_takes_all", frame="topic_shares", column="share", high=gates.max_topic_share,
            mend="look at the labels of this topic: a broken labeler puts all into one; or raise gates.max_topic_share",
        ),
    )  # fmt: skip


def _recommendations(gates: GatesConfig, topics: Sequence[str], top_n: int) -> tuple[Expectation, ...]:
    suite = "recommendations"
    return (
        *expect_of_lists(suite, gates, top_n),
        expect_between(
            suite, "users_are_known", frame="recommendation_summary", column="n_strangers", high=0,
            mend="run from the stage candidates: these users are gone or were never there",
        ),
        expect_no_rows(suite, "group_repeats", expected="at most one of a group of near-duplicates a user", mend=AGAIN),
        expect_no_rows(
            suite, "unexplained_recommendations", expected="a reason and who gave it, a source and a title", mend=AGAIN
        ),
        expect_no_rows(
            suite, "doubtful_propensities", expected="a propensity above 0 and up to 1, in the last places or nowhere",
            mend=AGAIN,
        ),
    )  # fmt: skip


SUITES: Mapping[str, Callable[[GatesConfig, Sequence[str], int], tuple[Expectation, ...]]] = {
    "ingest": _ingest,
    "labels": _labels,
    "candidates": expect_of_candidates,
    "features": expect_of_features,
    "recommendations": _recommendations,
    "publication": expect_of_publication,
    "leakage": expect_of_leakage,
    "permutation": expect_of_permutation,
}
