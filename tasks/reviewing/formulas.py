"""Cells that a spreadsheet would take for a formula, made harmless by an apostrophe, and made as they were again. Pure.

A cell is dangerous if it begins with = + - @, a tab or a line break, also behind spaces, marks that are not seen, and
apostrophes, and in the wide and small forms that East Asian spreadsheets read alike. The same holds behind a semicolon, a
tab or a line break within a cell: a spreadsheet of a country that separates by semicolons begins a cell there.
"""

from __future__ import annotations

import re

_CONTROLS, _SPACES = "\\x00-\\x08\\x0b\\x0c\\x0e-\\x20\\x7f-\\xa0", "\\u1680\\u2000-\\u200a\\u202f\\u205f\\u3000"
_MARKS = "\\xad\\u061c\\u180e\\u200b-\\u200f\\u2028-\\u202e\\u2060-\\u2069\\ufeff"
_UNSEEN = f"[{_CONTROLS}{_SPACES}{_MARKS}]"
_SIGNS = "=+\\-@\\uff1d\\uff0b\\uff0d\\uff20\\ufe66\\ufe62\\ufe63\\ufe6b\\u2212"
_FIRST = f"(?='*{_UNSEEN}*[{_SIGNS}\\t\\r\\n])"
# What stands behind one break has no say in what stands behind another, so that each is mended by itself.
_LATER = f"(?='*{_UNSEEN}*[{_SIGNS}])"
_BARE = re.compile(f"^{_FIRST}|(?<=[;\\t\\r\\n]){_LATER}")
_DEFUSED = re.compile(f"^'{_FIRST}|(?<=[;\\t\\r\\n])'{_LATER}")


def defuse(text: str) -> str:
    """The text as a spreadsheet may be given it; `restore` undoes it, whatever the text.

    >>> defuse("=1+1"), defuse("a; -3"), defuse("1 - 1")
    ("'=1+1", "a;' -3", '1 - 1')
    """
    return _BARE.sub("'", text)


def restore(cell: str) -> str:
    """The text that `defuse` was given.

    >>> restore("'=1+1"), restore("'quoted'")
    ('=1+1', "'quoted'")
    """
    return _DEFUSED.sub("", cell)
