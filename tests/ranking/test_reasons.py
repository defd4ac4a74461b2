from __future__ import annotations

import polars as pl

from tasks.ranking.reasons import Evidence, find_interest, write_reason, write_reasons


def test_the_strongest_evidence_speaks():
    full = Evidence(
        interest="comets",
        nearest_title="Comet seen",
        nearest_cosine=0.9,
        topic="science",
        topic_share=0.5,
        popularity_percentile=1.0,
        age_days=1.0,
        sources=("popularity", "dense_profile"),
    )
    assert write_reason(full) == 'matches your interest "comets"'
    assert write_reason(Evidence(nearest_title="Comet seen", nearest_cosine=0.9)) == 'because you read "Comet seen"'
    assert write_reason(Evidence(topic="science", topic_share=0.5)) == "a topic you follow: science"
    assert write_reason(Evidence(sources=("dense_profile",))) == "close to your profile"
    assert write_reason(Evidence(popularity_percentile=0.99, sources=("popularity",))) == "popular now"
    assert write_reason(Evidence(age_days=2.0, sources=("newest",))) == "new in the catalog"
    assert write_reason(Evidence()) == "chosen to complete your list"


def test_weak_evidence_is_not_claimed():
    weak = Evidence(nearest_title="Comet seen", nearest_cosine=0.1, topic="science", topic_share=0.01)
    assert write_reason(weak) == "chosen to complete your list"
    assert write_reason(Evidence(popularity_percentile=0.99)) == "chosen to complete your list"


def test_the_verb_is_the_catalogs():
    evidence = Evidence(nearest_title="Alien\n(1979)", nearest_cosine=0.9)
    assert write_reason(evidence, verb="watched") == 'because you watched "Alien (1979)"'


def test_long_titles_are_cut():
    reason = write_reason(Evidence(nearest_title="word " * 40, nearest_cosine=0.9))
    assert len(reason) < 100
    assert reason.endswith('…"')


def test_an_interest_needs_all_its_words():
    assert find_interest(["space", "space travel"], "Cheap travel to space") == "space travel"
    assert find_interest(["comets"], "A comet lands") == "comets"
    assert find_interest(["space travel"], "Cheap travel") is None
    assert find_interest(["", "?"], "anything") is None


def test_reasons_are_grounded_in_history_profile_and_labels(catalog, shard, facts):
    top = pl.DataFrame(
        {
            "user_id": ["u", "u", "v", "v"],
            "item_id": ["b", "d", "b", "c"],
            "sources": [["dense_history"], ["newest"], ["dense_profile"], ["dense_profile"]],
            "popularity_percentile": [0.5, 1.0, 0.5, 0.25],
            "age_days": [15.0, None, 15.0, 12.0],
        }
    )
    found = write_reasons(top, catalog=catalog, shard=shard, facts=facts, interests={"v": ["leek soup"]})
    assert found.to_list() == [
        'because you read "Comet seen"',
        "chosen to complete your list",
        "close to your profile",
        'matches your interest "leek soup"',
    ]
