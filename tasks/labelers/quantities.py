"""Numbers of a text as values, however they are written: "1,000", "1.000", "a thousand", "4.2m", "40 per cent". Pure.

Digits are read in any language, number words in English. A number may be read in several ways ("1.500" is a thousand and a
half, or one and a half): all of them count. Time O(text).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal

_UNIT_WORDS = """
    zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen
    nineteen
"""
_TEN_WORDS = "twenty thirty forty fifty sixty seventy eighty ninety"
_ORDINAL_WORDS = """
    third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth thirteenth fourteenth fifteenth sixteenth seventeenth
    eighteenth nineteenth twentieth
"""
_UNITS = _UNIT_WORDS.split()
_TENS = {name: 20 + 10 * place for place, name in enumerate(_TEN_WORDS.split())}
_ORDINALS = _ORDINAL_WORDS.split()
_SMALL = {name: value for value, name in enumerate(_UNITS)} | _TENS
_SCALES = {
    "hundred": 100, "thousand": 1000, "million": 10**6, "billion": 10**9, "trillion": 10**12, "dozen": 12,
    "k": 1000, "m": 10**6, "mn": 10**6, "bn": 10**9, "b": 10**9, "tn": 10**12,
}  # fmt: skip
_WORDS = "|".join(sorted([*_SMALL, "hundred", "thousand", "million", "billion", "trillion"], key=len, reverse=True))
_SPELLED = re.compile(rf"\b(?:{_WORDS})(?:(?:[\s-]+|\s+and\s+)(?:{_WORDS}))*\b", re.IGNORECASE)
_DIGITS = re.compile(
    r"(?<![^\W_])(?<!\d[.,])(?P<number>\d+(?:[.,'’ ]\d{3})+(?:[.,]\d+)?(?!\d)|\d+(?:[.,]\d+)?)"
    r"(?P<decade>s\b)?(?:[\s-]?(?P<scale>hundred|thousand|million|billion|trillion|dozen|mn|bn|tn|[mkb])\b)?",
    re.IGNORECASE,
)
_ORDINAL = re.compile(rf"\b(?:{'|'.join(_ORDINALS)})\b", re.IGNORECASE)


@dataclass(frozen=True)
class Quantity:
    """A number as written, and every value that it may stand for."""

    text: str
    values: frozenset[Decimal]


def read_quantities(text: str) -> list[Quantity]:
    """The numbers of a text, those in digits first; a lone "one" is none, for it is a pronoun as often as not.

    >>> [sorted(map(str, quantity.values)) for quantity in read_quantities("1,000 of three hundred, $4.2m")]
    [['1000'], ['4.2', '4200000.0'], ['300']]
    """
    return [*_read_digits(text), *_read_spelled(text)]


def known_values(text: str) -> frozenset[Decimal]:
    """All values that a text speaks of, with those before a "million", ordinals, and a lone "one"."""
    found = {value for quantity in read_quantities(text) for value in quantity.values}
    found |= {value for match in _DIGITS.finditer(text) for value in _readings(match["number"])}
    found |= {Decimal(1)} if re.search(r"\bone\b", text, re.IGNORECASE) else set()
    found |= {Decimal(_ORDINALS.index(match.group().lower()) + 3) for match in _ORDINAL.finditer(text)}
    return frozenset(found)


def _read_digits(text: str) -> Iterator[Quantity]:
    for match in _DIGITS.finditer(text):
        values = set(_readings(match["number"]))
        if match["scale"]:
            scaled = {value * _SCALES[match["scale"].lower()] for value in values}
            # "5m" may be metres, "5 million" can't.
            values = values | scaled if len(match["scale"]) == 1 else scaled
        if match["decade"]:
            values |= {value % 100 for value in values}
        yield Quantity(match.group().strip(), frozenset(values))


def _readings(number: str) -> Iterator[Decimal]:
    """ "1.500" with a point that parts thousands, and with one that parts decimals."""
    grouped = re.sub(r"[.,'’ ](?=\d{3}(?!\d))", "", number)
    if re.fullmatch(r"\d+", grouped):
        yield Decimal(grouped)
    elif re.fullmatch(r"\d+[.,]\d+", grouped):
        yield Decimal(grouped.replace(",", "."))
    if re.fullmatch(r"\d+[.,]\d+", number) and not re.fullmatch(r"\d+[.,]000", number):
        yield Decimal(number.replace(",", ".")).normalize() + 0


def _read_spelled(text: str) -> Iterator[Quantity]:
    for match in _SPELLED.finditer(text):
        words = [word for word in re.split(r"[\s-]+", match.group().lower()) if word != "and"]
        if words != ["one"] and words[0] not in ("hundred", "thousand", "million", "billion", "trillion"):
            yield Quantity(match.group(), frozenset({Decimal(_add_up(words))}))


def _add_up(words: list[str]) -> int:
    total, current = 0, 0
    for word in words:
        if word in _SMALL:
            current += _SMALL[word]
        elif word == "hundred":
            current = max(current, 1) * 100
        else:
            total, current = total + max(current, 1) * _SCALES[word], 0
    return total + current
