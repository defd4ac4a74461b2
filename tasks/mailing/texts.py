"""Texts of a catalog made fit to be shown to a reader: one line, cut to length, and nothing in it that steers the page. Pure.

Escaping is not done here: the HTML template does it, and a plain text needs none.
"""

from __future__ import annotations

import re
import unicodedata
from urllib.parse import urlsplit

from tasks.labelers.sentences import split_sentences

MAX_TITLE = 160
MAX_LOGLINE = 220
MAX_REASON = 200
MAX_URL = 2000
_CUT = " …"
_READ_OF_TEXT = 2000
_LEANING = re.compile(
    r"\W*(?:He|She|It|They|We|His|Her|Hers|Its|Their|This|That|These|Those|But|And|Or|So|Then|However|Instead|There|Also)\b"
)

# Embeddings, overrides and isolates of direction, also the deprecated ones: with them a text can show itself, or what
# stands behind it, in another order than it is read. Marks without a scope (LRM, RLM) and joiners that scripts and
# emoji need stay.
_STEERING = re.compile("[\u202a-\u202e\u2066-\u2069\u206a-\u206f]")
_INVISIBLE = re.compile("[\u00ad\u200b\u2060-\u2064\ufeff\ufff9-\ufffb\U000e0001\U000e0020-\U000e007f]")
_DIRECTION_MARKS = re.compile("[\u200e\u200f\u061c]")
_MARKS = re.compile(r"([\u0300-\u036f\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe20-\ufe2f]{3})"
                    r"[\u0300-\u036f\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe20-\ufe2f]+")  # fmt: skip
_CONTROLS = frozenset({"Cc", "Cs", "Co"})
_UNFIT_FOR_URL = re.compile(r"[\x00-\x20\x7f-\xa0\\\"<>\u2028\u2029]")


def tidy_line(text: str, *, most: int) -> str:
    """One line of at most `most` characters, without control characters and what turns the direction of writing.

    >>> tidy_line("a\\u202e title\\n  in two\\tlines", most=80)
    'a title in two lines'
    """
    bare = _INVISIBLE.sub("", _STEERING.sub("", unicodedata.normalize("NFC", _drop_halves(text))))
    spaced = "".join(" " if unicodedata.category(sign) in _CONTROLS else sign for sign in bare)
    return cut(_MARKS.sub(r"\1", " ".join(spaced.split())), most)


def tidy_plain(text: str) -> str:
    """A tidy line for a mail of plain text, whose reader has no other means against marks of direction."""
    return _DIRECTION_MARKS.sub("", text)


def cut(text: str, most: int) -> str:
    """The text, cut at the end of a word if it is longer than `most` characters; one long word is cut within.

    >>> cut("one two three", 9)
    'one two …'
    """
    if len(text) <= most:
        return text
    head = text[: most - len(_CUT) + 1]
    word = head.rpartition(" ")[0]
    if len(word) < most // 2:
        word = head[:-1]
    # A joiner or a mark of a sign that was cut off would hang on the dots.
    while word and (word[-1] == "\u200d" or unicodedata.category(word[-1]) in ("Mn", "Me")):
        word = word[:-1]
    return word.rstrip(" ,;:–—-") + _CUT


def logline(title: str, summary: str, text: str) -> str:
    """One sentence on the item, as it stands in its summary or else in its text; "" where neither says more than the title.

    A sentence that can stand alone comes before one that begins with a word for what was said before it.

    >>> logline("Tides", "It was cold. The sea rose.", ""), logline("Tides", "", "Tides\\nNobody slept.")
    ('The sea rose.', 'Nobody slept.')
    """
    known = _same_words(title)
    lines = (sentence for source in (summary, text[:_READ_OF_TEXT]) for sentence in split_sentences(source))
    telling = [line for line in lines if _same_words(line) not in ("", known)]
    alone = [line for line in telling if not _LEANING.match(line)]
    return tidy_line((alone or telling or [""])[0], most=MAX_LOGLINE)


def safe_link(url: str) -> str:
    """The URL if it leads to a web page: http or https, a host, no user name before it; else "".

    >>> safe_link("https://example.org/a?b=1"), safe_link("javascript:alert(1)")
    ('https://example.org/a?b=1', '')
    """
    stripped = url.strip()
    if not stripped or len(stripped) > MAX_URL or _UNFIT_FOR_URL.search(_STEERING.sub(" ", stripped)):
        return ""
    try:
        parts = urlsplit(stripped)
        host, _ = parts.hostname, parts.port
    except ValueError:
        return ""
    is_web = parts.scheme in ("http", "https") and bool(host) and "@" not in parts.netloc
    return stripped if is_web else ""


def _drop_halves(text: str) -> str:
    return text.encode("utf-8", "ignore").decode("utf-8")


def _same_words(text: str) -> str:
    return " ".join(re.findall(r"\w+", text.lower()))
