"""Reasons: the strongest evidence speaks, nothing is claimed that does not hold, and every row has one."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from types import SimpleNamespace

import polars as pl
import pytest
from scipy import sparse

from tasks.ranking.evidence import Evidence, EvidenceFinder, find_interest, known_words
from tasks.ranking.inputs import LabelMatrix
from tasks.ranking.reasons import COLUMNS, LAST_RESORT, RULES, write_fields, write_reason, write_reasons

FULL = Evidence(
    is_explored=True,
    relation="sequel",
    related_title="Dune",
    interest="comets",
    aspect="theme",
    aspect_text="exile and memory",
    nearest_title="Comet seen",
    nearest_cosine=0.9,
    topic="science",
    topic_share=0.5,
    is_only_of_topic=True,
    popularity=1.0,
    recent_place=0.01,
    segment="students",
    age_days=1.0,
    sources=("popularity", "dense_profile", "collaborative", "bm25", "new_arrivals"),
)
# Each line is what is said once the evidence of those above it is taken away.
LADDER = [
    ("picked at random, for a change", {"topic_share": 0.1}),
    ("something different: science", {"is_explored": False, "topic_share": 0.5}),
    ('the next part after "Dune"', {"relation": None}),
    ('matches your interest "comets"', {"interest": None}),
    ("theme: exile and memory", {"aspect_text": None}),
    ('because you read "Comet seen"', {"relation": "author", "nearest_cosine": 0.2}),
    ('by the author of "Dune"', {"relation": "also_bought"}),
    ('others who read "Dune" read this too', {"related_title": None}),
    ("a topic you follow: science", {"topic_share": 0.1}),
    ("close to your profile", {"sources": ("popularity", "collaborative", "bm25", "new_arrivals")}),
    ("chosen by people who like what you like", {"sources": ("popularity", "bm25", "new_arrivals")}),
    ("shares words with what you like", {"sources": ("popularity", "new_arrivals")}),
    ("popular these days in science", {"recent_place": 0.5}),
    ("popular with students", {"segment": None}),
    ("popular now", {"popularity": 0.5}),
    ("new this week in science", {"age_days": 20.0}),
    ("new this month in science", {"age_days": 200.0}),
    ("the only one on science in your list", {"is_only_of_topic": False}),
    (LAST_RESORT, {}),
]


def test_the_strongest_evidence_speaks() -> None:
    values = dict(vars(FULL))
    for said, taken in LADDER:
        assert write_reason(Evidence(**values)) == said
        values |= taken
    assert len(LADDER) == len(RULES) + 2


@pytest.mark.parametrize(
    ("relation", "said"),
    [
        ("series", 'same series as "Dune"'),
        ("author", 'by the author of "Dune"'),
        ("brand", 'same brand as "Dune"'),
        ("same_story", 'more on the story of "Dune"'),
    ],
)
def test_relations_are_told_by_their_name(relation: str, said: str) -> None:
    assert write_reason(Evidence(relation=relation, related_title="Dune")) == said


def test_fields_hold_their_own_first_line() -> None:
    assert write_fields(FULL) == {
        "content": 'the next part after "Dune"',
        "popularity": "chosen by people who like what you like",
        "diversity": "picked at random, for a change",
        "time": "new this week in science",
    }
    assert write_fields(Evidence()) == dict.fromkeys(("content", "popularity", "diversity", "time"))


def test_weak_evidence_is_not_claimed() -> None:
    weak = Evidence(nearest_title="Comet seen", nearest_cosine=0.1, topic="science", topic_share=0.01, age_days=-1.0)
    assert write_reason(weak) == LAST_RESORT
    assert write_reason(Evidence(popularity=0.99)) == LAST_RESORT
    assert write_reason(Evidence(age_days=20.0)) == LAST_RESORT
    assert write_reason(Evidence(relation="series")) == LAST_RESORT


def test_the_verb_is_the_catalogs() -> None:
    near = Evidence(nearest_title="Alien\n(1979)", nearest_cosine=0.9)
    assert write_reason(near, verb="watched") == 'because you watched "Alien (1979)"'
    bought = Evidence(relation="also_bought", related_title="Lamp")
    assert write_reason(bought, verb="bought") == 'others who bought "Lamp" bought this too'


def test_long_titles_are_cut() -> None:
    reason = write_reason(Evidence(nearest_title="word " * 40, nearest_cosine=0.9))
    assert len(reason) < 100
    assert reason.endswith('…"')


def test_an_interest_needs_all_its_words() -> None:
    assert find_interest(["space", "space travel"], known_words("Cheap travel to space")) == "space travel"
    assert find_interest(["comets"], known_words("A comet lands")) == "comets"
    assert find_interest(["space travel"], known_words("Cheap travel")) is None
    assert find_interest(["", "?"], known_words("anything")) is None


TOP = pl.DataFrame(
    {
        "user_id": ["u", "u", "v", "v"],
        "item_id": ["b", "d", "b", "c"],
        "sources": [["dense_history"], ["fallback"], ["dense_profile"], ["dense_profile"]],
    }
)


@pytest.fixture
def find(catalog, shard, facts):
    def run(
        top: pl.DataFrame,
        *,
        interests=None,
        aspects=None,
        as_of=datetime(1970, 3, 1),
        segments_of=None,
        **changes,
    ) -> pl.DataFrame:
        finder = EvidenceFinder(
            catalog=catalog,
            shard=SimpleNamespace(**{**vars(shard), "segments": ["", ""], **changes}),
            facts=replace(facts, segments=segments_of),
            interests=interests or {},
            aspects=aspects or {},
            as_of=as_of,
        )
        return finder.find(top)

    return run


def test_reasons_are_grounded_in_history_profile_and_labels(find) -> None:
    reasons = write_reasons(find(TOP, interests={"v": ["leek soup"]}))
    assert reasons.columns == list(COLUMNS)
    assert reasons["reason"].to_list() == [
        'because you read "Comet seen"',
        LAST_RESORT,
        "close to your profile",
        'matches your interest "leek soup"',
    ]
    assert reasons["reason_diversity"].to_list() == [
        "the only one on science in your list",
        None,
        "the only one on science in your list",
        "the only one on food in your list",
    ]


def test_a_relation_counts_only_to_an_item_that_the_user_liked(find) -> None:
    related = TOP.with_columns(relation=pl.lit("series"), related_item=pl.Series(["a", "c", "a", None]))
    found = find(related)
    # u liked a and disliked c; v liked nothing.
    assert found.select("relation", "related_title").rows() == [
        ("series", "Comet seen"),
        (None, None),
        (None, None),
        (None, None),
    ]


def test_an_aspect_is_told_in_the_words_of_the_item(find) -> None:
    named = TOP.with_columns(
        aspect=pl.lit("theme"), aspects_score=pl.Series([0.6, 0.6, 0.2, 0.6]), sources=pl.lit(["aspects"])
    )
    aspects = {("b", "theme"): "exile and memory"}
    assert find(named, aspects=aspects)["aspect_text"].to_list() == ["exile and memory", None, None, None]
    # An aspect that did not bring the item into the list is no reason for it.
    assert find(named.with_columns(sources=pl.lit(["bm25"])))["aspect"].to_list() == [None] * 4


def test_new_is_told_by_the_day_of_the_run(find) -> None:
    assert write_reasons(find(TOP, as_of=datetime(1970, 1, 12)))["reason_time"].to_list() == [
        "new this week in science",
        None,
        "new this week in science",
        "new this week in food",
    ]
    # Items that are published later are not new yet.
    assert write_reasons(find(TOP, as_of=datetime(1970, 1, 2)))["reason_time"].null_count() == 4


def test_a_segment_speaks_only_for_who_has_no_history(find) -> None:
    known = LabelMatrix(["teachers"], sparse.csr_matrix([[0.0], [5.0], [1.0], [0.0]]))
    found = find(TOP, segments=["students", "teachers"], segments_of=known)
    assert found["segment"].to_list() == [None, None, "teachers", None]


def test_recent_popularity_goes_by_the_place_among_the_recent(find) -> None:
    found = find(TOP.with_columns(recent_popularity_rank=pl.Series([1, 4, None, 2], dtype=pl.UInt32)))
    assert found["recent_place"].to_list() == pytest.approx([0.25, 1.0, float("nan"), 0.5], nan_ok=True)


def test_who_was_drawn_at_random_says_so(find) -> None:
    drawn = write_reasons(find(TOP.with_columns(propensity=pl.Series([0.1, None, None, 0.1]))))
    assert drawn["reason"].to_list()[::3] == ["picked at random, for a change", "something different: food"]
