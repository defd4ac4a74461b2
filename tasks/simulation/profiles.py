"""Simulated profiles: Faker's names and jobs, skills, hobbies, interests and a written summary; the same seed, the same people.

Interests come from a general list and from the descriptions of the catalog's topics, so that some fit the catalog and
some don't, as with real readers. Time O(n).
"""

from __future__ import annotations

import random
import re
from collections.abc import Sequence

import polars as pl
from faker import Faker

from tasks.simulation.vocabulary import HOBBIES, INTERESTS, SKILLS

OPENINGS = (
    "{name} works as {job} and follows {first} closely.",
    "As {job}, {name} likes to keep up with {first}.",
    "{name}, {age}, {job}, reads about {first} before anything else.",
    "After a day's work as {job}, {name} turns to {first}.",
)
MIDDLES = (
    "Evenings go to {hobby}, and {second} is a lasting interest.",
    "There is always time for {hobby} and for news of {second}.",
    "A weekend without {hobby} is a lost one; {second} comes next.",
)
ENDINGS = (
    "{name} has little patience for {avoided}.",
    "{name} avoids {avoided}.",
    "{name} is not interested in {avoided}.",
)


def simulate_profiles(n_users: int, *, topics: Sequence[tuple[str, str]], seed: int) -> pl.DataFrame:
    """n_users profiles; topics are (name, description) of the catalog's taxonomy, possibly none.

    Columns user_id ("sim-0001" …), name, age 16-85, job, skills, hobbies, interests (lists), summary.
    """
    faker = Faker("en_GB")
    faker.seed_instance(seed)
    chance = random.Random(seed)
    pools = [phrases for _, description in topics if (phrases := split_phrases(description))]
    rows = [_simulate(number, faker=faker, chance=chance, pools=pools) for number in range(1, n_users + 1)]
    return pl.DataFrame(rows)


def split_phrases(description: str) -> list[str]:
    """The phrases of a topic's description: "Matches, athletes and clubs." gives matches, athletes, clubs."""
    parts = re.split(r"[,;:.]|\band\b", description)
    return [phrase for part in parts if 3 <= len(phrase := part.strip().lower()) <= 40]


def _simulate(number: int, *, faker: Faker, chance: random.Random, pools: Sequence[Sequence[str]]) -> dict[str, object]:
    name = faker.name()
    age = chance.randint(16, 85)
    job = faker.job().lower()
    skills = chance.sample(SKILLS, 3)
    hobbies = chance.sample(HOBBIES, 3)
    favourites = chance.sample(range(len(pools)), min(2, len(pools)))
    of_catalog = [chance.choice(pools[place]) for place in favourites]
    interests = list(dict.fromkeys([*of_catalog, *chance.sample(INTERESTS, chance.randint(2, 3))]))
    avoided = chance.choice([phrase for phrase in INTERESTS if phrase not in interests])
    fill = {
        "name": name.split()[-1] if name.startswith(("Mr", "Mrs", "Ms", "Dr", "Miss")) else name.split()[0],
        "job": f"{'an' if job[0] in 'aeiou' else 'a'} {job}",
        "age": age,
        "first": interests[0],
        "second": interests[1],
        "hobby": hobbies[0],
        "avoided": avoided,
    }
    summary = " ".join(chance.choice(forms).format(**fill) for forms in (OPENINGS, MIDDLES, ENDINGS))
    return {
        "user_id": f"sim-{number:04d}",
        "name": name,
        "age": age,
        "job": job,
        "skills": skills,
        "hobbies": hobbies,
        "interests": interests,
        "summary": summary,
    }
