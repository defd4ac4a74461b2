"""simulate-users: made-up people, the same for the same seed."""

from __future__ import annotations

import pytest

from tasks.simulate_users import simulate_users
from tasks.simulation import simulate_profiles
from tests.night import Nights, SmallCatalog

TOPICS = [("sport", "Matches, athletes and clubs."), ("food", "Bread, soup, markets.")]


def simulate(nights: Nights, n_users: int, *, seed: int = 1) -> None:
    nights.run("ingest")
    simulate_users.fn(nights.context(), n_users=n_users, seed=seed)


@pytest.fixture
def catalog(catalog: SmallCatalog) -> SmallCatalog:
    """Without any users."""
    catalog.has_users, catalog.users, catalog.events = False, {}, []
    return catalog


def test_same_seed_gives_the_same_people() -> None:
    first = simulate_profiles(30, topics=TOPICS, seed=1)
    assert first.equals(simulate_profiles(30, topics=TOPICS, seed=1))
    assert not first.equals(simulate_profiles(30, topics=TOPICS, seed=2))
    assert simulate_profiles(10, topics=TOPICS, seed=1).equals(first.head(10))


def test_each_has_a_whole_profile() -> None:
    people = simulate_profiles(50, topics=TOPICS, seed=3)
    assert people["user_id"].to_list()[:2] == ["sim-0001", "sim-0002"]
    for person in people.to_dicts():
        assert person["name"]
        assert person["job"]
        assert 16 <= person["age"] <= 85
        assert (len(person["skills"]), len(person["hobbies"])) == (3, 3)
        assert person["interests"][0] in person["summary"]
    assert people["summary"].n_unique() == 50


def test_interests_come_from_the_catalogs_topics_too() -> None:
    interests = set(simulate_profiles(50, topics=TOPICS, seed=3)["interests"].explode())
    assert {"matches", "athletes", "bread", "soup"} <= interests
    assert set(simulate_profiles(50, topics=[], seed=3)["interests"].explode()) - {"matches", "bread"}


def test_people_are_users_of_the_catalog_marked_as_simulated(nights: Nights) -> None:
    simulate(nights, 12)
    assert nights.rows("select origin, is_active, count(*) from users group by all") == [("simulated", True, 12)]
    assert nights.column("select distinct attributes::text from users") == ['{"simulated": true}']


def test_asked_twice_the_rows_are_the_same(nights: Nights) -> None:
    simulate(nights, 12)
    before = nights.table("users", without=["last_seen_run"])
    simulate(nights, 12)
    assert nights.table("users", without=["last_seen_run"]) == before


def test_people_outlive_the_next_ingest_and_get_recommendations(nights: Nights) -> None:
    simulate(nights, 12)
    nights.run()
    assert nights.published("recommendations")["user_id"].n_unique() == 12
