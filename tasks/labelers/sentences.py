"""Sentences of a text, by rules. Pure. Each is a piece of the text as it stands, so that quoting it invents nothing."""

from __future__ import annotations

import re

_ABBREVIATION_WORDS = """
    mr mrs ms dr st sr jr prof rev hon gen col lt sgt capt cpl maj gov sen rep vs vol fig jan feb mar apr jun jul aug sep
    sept oct nov dec e.g i.e approx cf al
"""
_ABBREVIATIONS = frozenset(_ABBREVIATION_WORDS.split())
_OFTEN_LAST = frozenset({"a.m", "p.m", "u.s", "u.k", "u.n", "etc", "inc", "ltd", "co", "corp", "plc"})
"""Abbreviations that end a sentence as often as not; what follows decides."""

_OPENING = re.compile(
    r"[\"“]|(?:The|He|She|It|They|We|I|A|An|In|On|At|But|And|This|That|These|Those|His|Her|Its|Their|However)\b"
)
_END = re.compile(
    r"""(?P<stop>[.!?]+)["'”’)\]]*
        (?:
            (?P<space>\s+)(?=["'“‘(\[]*[A-ZÀ-Þ0-9])   # a stop, a space, a capital
          | (?=["“‘]?[A-ZÀ-Þ][a-zà-ÿ'’\s])            # glued: "the cup.Then he"
        )""",
    re.VERBOSE,
)
_LAST_WORD = re.compile(r"(?:[^\W\d_]+\.)*[^\W\d_]*$")


def split_sentences(text: str) -> list[str]:
    """The sentences of a text, stripped; a line break ends a sentence too.

    >>> split_sentences('Mr. Smith paid $3.5m.He left at 5 p.m. "Fine," he said.')
    ['Mr. Smith paid $3.5m.', 'He left at 5 p.m.', '"Fine," he said.']
    """
    return [sentence for line in text.splitlines() for sentence in _split_line(line.strip()) if sentence]


def _split_line(line: str) -> list[str]:
    sentences = []
    start = 0
    for match in _END.finditer(line):
        if _is_boundary(line, start, match):
            sentences.append(line[start : match.end()].strip())
            start = match.end()
    sentences.append(line[start:].strip())
    return sentences


def _is_boundary(line: str, start: int, match: re.Match[str]) -> bool:
    if match["stop"] != ".":
        return True
    found = _LAST_WORD.search(line, start, match.start())
    word = found.group() if found else ""
    rest = line[match.end() :]
    if match["space"] is None:
        # Glued only after a lower-case word, a digit or a quotation mark, so that "U.S.Army" stays whole.
        before = line[match.start() - 1 : match.start()]
        return "." not in word and (before.islower() or before.isdigit() or before in "\"”’')%")
    if word.lower() in _OFTEN_LAST:
        return _OPENING.match(rest) is not None
    if word.lower() == "no":
        return not rest[:1].isdigit()
    is_initial = len(word) == 1 and word.isupper()
    return not is_initial and word.lower() not in _ABBREVIATIONS
