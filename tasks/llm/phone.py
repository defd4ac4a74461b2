"""Phone numbers in running text, told from the other numbers there: dates, prices, scores, years, ISBNs, quantities.

Pure. Taken are: international numbers (+ or 00), American ones in three groups, numbers that begin with a single 0 as
most of Europe dials them, and whatever follows a word like "phone". ISBNs are spared where "ISBN" stands before them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

_GAP = r"(?:\s?[./–-]\s?|[ \u00a0\u202f])?"
_GROUPS = rf"(?:{_GAP}\(?\d{{1,12}}+\)?){{0,8}}+"
_NUMBER = re.compile(
    rf"""
    (?<![\w£$€¥/=]) (?<!\d[.,:/–-])
    (?:
        (?P<international> \(?(?:\+|00(?=[1-9\s(])) [ \u00a0]? [1-9]\d{{0,14}}+ \)? {_GROUPS})
      | (?P<american> (?:1[ .-])? (?:\([2-9]\d\d\)[ .-]? | [2-9]\d\d[ .-]) [2-9]\d\d [ .-] \d{{4}})
      | (?P<national> \(?0[1-9]\d{{0,10}}+ \)? {_GROUPS})
    )
    (?![\w%]) (?![.,:/–-]\d)
    """,
    re.VERBOSE,
)
_INTRODUCED = re.compile(
    rf"""
    \b (?:t[eé]l (?:[eé](?:ph|f)on[eo]?)? | (?:tele)?phone | fono? | mobile? | cell(?:ular)? | handy | m[oó]vil | portable
      | call | ring | dial | fax | whats\s?app | sms)
    (?: \s (?:us|me|him|her|them|now) )? (?: \s (?:no|nr|n[°º]|number|nummer|on|at|is|unter) )? [.:#\s]{{0,3}}
    (?P<number> [(+]? \d{{1,15}}+ \)? {_GROUPS})
    (?![\w%]) (?![.,:/–-]\d)
    """,
    re.VERBOSE | re.IGNORECASE,
)
_LIMITS = {"international": (8, 15), "american": (10, 11), "national": (8, 12), "number": (6, 15)}
_YEAR = r"(?:1[5-9]|20)\d\d"
_OTHER_NUMBERS = re.compile(
    rf"""
    \d{{1,2}}([./–-])\d{{1,2}}\1(?:\d{{4}}|\d{{2}})(?!\d|\1\d) .*       # 01.02.2004
  | {_YEAR}[./–-]\d{{1,2}}[./–-]\d{{1,2}}(?!\d) .*                      # 2004-02-01
  | {_YEAR}\s?[/–-]\s?(?:{_YEAR}|\d\d)(?!\d) .* | {_YEAR}(?:\s{_YEAR})+  # 2004-2005
  | [+]?\d{{1,3}}(?:\.\d{{3}})+                                         # 1.000.000
  | [+]?\d+\.\d+                                                        # 07.25
  | (?:\d{{1,3}}\.){{3}}\d{{1,3}}                                       # 127.0.0.1
  | [012]\d[0-5]\d\s?[–-]\s?[012]\d[0-5]\d                              # 0930-1045
    """,
    re.VERBOSE | re.DOTALL,
)
_BOOK_BEFORE = re.compile(r"ISBN(?:-1[03])?[:\s]{0,3}$", re.IGNORECASE)
_GROUP = re.compile(r"\d+")


def find_phones(text: str) -> Iterator[tuple[int, int]]:
    """(start, end) of every phone number; the two kinds of finding may overlap."""
    for pattern in (_NUMBER, _INTRODUCED):
        for match in pattern.finditer(text):
            kind = str(match.lastgroup)
            start = match.start(kind)
            end = _find_end(text, start, match.end(kind), kind=kind)
            if end > start and not _BOOK_BEFORE.search(text, max(0, start - 12), start):
                yield start, end


def _find_end(text: str, start: int, end: int, *, kind: str) -> int:
    """Where the number ends: groups beyond the longest number are left ("… 0958 24 hours"); start where it is none."""
    if _OTHER_NUMBERS.fullmatch(text, start, end):
        return start
    least, most = _LIMITS[kind]
    groups = list(_GROUP.finditer(text, start, end))
    if kind == "national" and all(len(group.group()) < 3 for group in groups) and len(groups) != 5:
        return start
    while groups and sum(len(group.group()) for group in groups) > most:
        groups.pop()
    if sum(len(group.group()) for group in groups) < least:
        return start
    last = groups[-1].end()
    return last + 1 if text[last:end].startswith(")") else last
