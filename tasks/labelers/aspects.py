"""What a text says about the aspects that a catalog asks for: people, places, prices, or any other word. Pure.

Each answer is a few words taken from the text, and an aspect on which the text says nothing is left out.

- Money and time are found by their form ("$3.5m", "next month's", "March 2005").
- People, places and organisations are names (capitals), told apart by the words around them ("Mr", "in", "Ltd"), and
  otherwise by which kind a name is nearest to, as an embedding.
- Any other aspect ("material", "genre") gets the key phrases that are nearer to it than unrelated phrases are.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

import numpy as np

from tasks.labelers.keyphrases import KeyPhrase
from tasks.labelers.names import Name, extract_names
from tasks.labelers.phrase_vectors import PhraseVectors
from tasks.labelers.scale import UNRELATED_BELOW, Scale
from tasks.labelers.words import stem

MAX_PHRASES = 3
MAX_NAMES = 12
MAX_CANDIDATES = 12

NAME_KINDS = {
    "person": ("people", "person", "persons", "who", "names"),
    "place": ("places", "place", "location", "locations", "where"),
    "organisation": ("organisations", "organisation", "organizations", "organization", "companies", "institutions"),
}
NAME_EXAMPLES = {
    "person": ("John Smith", "Maria Garcia", "David Jones", "Anna Kowalska", "Wei Chen", "Ahmed Hassan"),
    "place": ("London", "Germany", "California", "Tokyo", "South Africa", "Manchester"),
    "organisation": ("Microsoft", "World Bank", "Labour Party", "General Motors", "Greenpeace", "Real Madrid"),
}
"""A name's kind is that of the examples it is nearest to on average."""

MIN_LEAD = 0.03
"""A name that is hardly nearer to one kind than to the next is of no kind."""

_FORMS = {
    "money": (
        ("money", "price", "prices", "cost", "costs", "amounts"),
        re.compile(
            r"(?:[$£€¥]\s?\d[\d.,]*\d|[$£€¥]\s?\d)(?:\s?(?:bn|m|k|trillion|billion|million|thousand)\b)?"
            r"|\b\d[\d.,]*\s?(?:(?:bn|m|million|billion)\s)?(?:dollars?|pounds?|euros?|yen|cents?|pence|USD|EUR|GBP)\b"
        ),
    ),
    "time": (
        ("time", "times", "date", "dates", "when", "year", "period"),
        re.compile(
            r"\b(?:\d{1,2}(?:st|nd|rd|th)?\s+)?(?:January|February|March|April|May|June|July|August|September|October|November"
            r"|December)(?:\s+\d{1,2}(?:st|nd|rd|th)?)?(?:,?\s+\d{4})?\b|\b(?:1[5-9]|20)\d{2}\b"
            r"|\b(?:Monday|Tuesday|Wednesday|Thursday|Friday|Saturday|Sunday)\b"
        ),
    ),
}


def find_aspects(
    aspects: Sequence[str],
    *,
    title: str,
    text: str,
    keyphrases: Sequence[KeyPhrase],
    phrases: PhraseVectors,
    scale: Scale,
) -> dict[str, str]:
    """The aspects of which the text says something, each with at most three phrases of the text, by comma."""
    if not aspects:
        return {}
    names = extract_names(f"{title}.\n{text}")[:MAX_NAMES] if any(kind_of_name(aspect) for aspect in aspects) else []
    kinds = tell_kinds(names, phrases)
    found = {}
    for aspect in aspects:
        kind = kind_of_name(aspect)
        if kind is not None:
            said = [name.text for name in names if kinds.get(name.text) == kind]
        else:
            said = _find_form(aspect, f"{title}\n{text}") or _find_nearest(aspect, keyphrases, phrases, scale)
        if said:
            found[aspect] = ", ".join(said[:MAX_PHRASES])
    return found


def collect_phrases(aspects: Sequence[str], *, title: str, text: str, keyphrases: Sequence[KeyPhrase]) -> list[str]:
    """The phrases of an item that `find_aspects` will want vectors for, so that many items can be embedded in one call."""
    wanted = list(aspects)
    if any(kind_of_name(aspect) for aspect in aspects):
        wanted += [name.text for name in extract_names(f"{title}.\n{text}")[:MAX_NAMES] if name.kind is None]
    if any(kind_of_name(aspect) is None and _form_of(aspect) is None for aspect in aspects):
        wanted += [phrase.text for phrase in keyphrases[:MAX_CANDIDATES]]
    return wanted


def kind_of_name(aspect: str) -> str | None:
    """The kind of name that an aspect asks for, if it asks for names."""
    return next((kind for kind, words in NAME_KINDS.items() if aspect.lower() in words), None)


def tell_kinds(names: Sequence[Name], phrases: PhraseVectors) -> Mapping[str, str]:
    """Person, place or organisation for the names whose kind the text or, failing that, the embedding tells."""
    kinds = {name.text: name.kind for name in names if name.kind is not None}
    unsure = [name.text for name in names if name.kind is None]
    if not unsure:
        return kinds
    vectors = phrases.encode(unsure)
    cosines = np.stack(
        [(vectors @ phrases.encode(examples).T).mean(axis=1) for examples in NAME_EXAMPLES.values()], axis=1
    )
    for text, row in zip(unsure, cosines, strict=True):
        runner_up, best = np.sort(row)[-2:]
        if best - runner_up >= MIN_LEAD:
            kinds[text] = list(NAME_EXAMPLES)[int(row.argmax())]
    return kinds


def _form_of(aspect: str) -> re.Pattern[str] | None:
    return next((pattern for words, pattern in _FORMS.values() if aspect.lower() in words), None)


def _find_form(aspect: str, text: str) -> list[str]:
    pattern = _form_of(aspect)
    return list(dict.fromkeys(match.group() for match in pattern.finditer(text))) if pattern else []


def _find_nearest(aspect: str, keyphrases: Sequence[KeyPhrase], phrases: PhraseVectors, scale: Scale) -> list[str]:
    candidates = keyphrases[:MAX_CANDIDATES]
    if _form_of(aspect) is not None or not candidates:
        return []
    cosines = phrases.encode([phrase.text for phrase in candidates]) @ phrases.encode([aspect])[0]
    bound = scale.unrelated_phrase.bound_largest(len(candidates), probability=UNRELATED_BELOW)
    named = [phrase for phrase in candidates if stem(aspect.lower()) in phrase.stems and len(phrase.stems) > 1]
    near = [candidates[index] for index in np.argsort(-cosines, kind="stable") if cosines[index] >= bound]
    return list(dict.fromkeys(phrase.text for phrase in (*named, *near)))
