"""Makes texts from elsewhere safe to show: short, on one line, without addresses, and unable to become markup. Pure.

What a catalog says passes `plain` when the facts are made, so that no 10,000 characters and no mark that turns the
direction of what follows reaches the page. Templates escape it for HTML, `for_plotly` for Plotly's own small markup,
`to_script_json` for a script element that holds data.
"""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Sequence
from typing import Any

from tasks.llm.redact import Redaction

TITLE_CHARS = 90
TEXT_CHARS = 160
LOOKED_AT = 4
"""So many times the wanted length is cleaned, for spaces and marks that fall away."""
_ADDRESSES = Redaction.of(["email", "phone"])
_EMAIL = Redaction.of(["email"])
_TURNING = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
_SCRIPT = str.maketrans(
    {"<": "\\u003c", ">": "\\u003e", "&": "\\u0026", "\u2028": "\\u2028", "\u2029": "\\u2029"}
)  # fmt: skip


def plain(text: str | None, *, most: int = TITLE_CHARS, names: Sequence[str] = ()) -> str:
    """One line of at most `most` characters; mail addresses, phone numbers and the given people's names are taken out.

    Marks that turn the direction of writing and control characters go, for they would reorder what stands beside them.
    """
    cut = _one_line((text or "")[: most * LOOKED_AT])
    for name in names:
        if name.strip():
            cut = cut.replace(name.strip(), "[name]")
    return shorten(_ADDRESSES.apply(cut), most)


def plain_id(text: str | None, *, most: int = 40) -> str:
    """An id in the same way; digits stay, for they are no phone number here."""
    return shorten(_EMAIL.apply(_one_line((text or "")[: most * LOOKED_AT])), most)


def for_plotly(text: str) -> str:
    """The text as Plotly shows it letter by letter: its labels know a small HTML of their own.

    >>> for_plotly('<b>R&D</b>')
    '&lt;b&gt;R&amp;D&lt;/b&gt;'
    """
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def to_script_json(value: Any) -> str:
    """JSON that can't end the script element it stands in, whatever its strings hold. Raises ValueError for NaN."""
    return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":")).translate(_SCRIPT)


def shorten(text: str, most: int) -> str:
    """At most `most` characters; a mark stands for what is cut off."""
    return text if len(text) <= most else text[: most - 1].rstrip() + "…"


def _one_line(text: str) -> str:
    kept = "".join(" " if _is_space(mark) else mark for mark in text if mark not in _TURNING)
    return " ".join(kept.split())


def _is_space(mark: str) -> bool:
    return mark.isspace() or unicodedata.category(mark) in ("Cc", "Zl", "Zp", "Cs")
