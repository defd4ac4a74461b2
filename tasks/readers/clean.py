"""Text as a reader of the catalog should see it: no markup, no entities, no control characters, NFC, tidy white space.

Markup is removed, then entities are unescaped, then markup that had been escaped is removed. Only what looks like a tag
of HTML goes: "a < b", "<3" and "x<y and z>w" are prose and stay.
"""

from __future__ import annotations

import html
import re
import unicodedata
from functools import cache

_BLOCK_TAGS = (
    "address|article|aside|blockquote|body|br|center|dd|div|dl|dt|figcaption|figure|footer|form|h[1-6]|head|header|hr|html|"
    "li|link|main|meta|nav|ol|pre|section|table|tbody|tfoot|thead|title|tr|ul"
)
_PARAGRAPH_TAGS = "p"
_SPACE_TAGS = "button|canvas|iframe|img|input|label|option|select|svg|td|textarea|th|video|audio|object|embed"
_INLINE_TAGS = (
    "a|abbr|b|bdi|bdo|big|cite|code|del|dfn|em|font|i|ins|kbd|mark|noscript|q|s|samp|script|small|span|strike|strong|style|"
    "sub|sup|time|tt|u|var|wbr"
)
_ANY_TAG = f"{_PARAGRAPH_TAGS}|{_BLOCK_TAGS}|{_SPACE_TAGS}|{_INLINE_TAGS}"
_ATTRIBUTE = r"""\s+[a-zA-Z_:][\w:.-]*\s*=\s*(?:"[^"]*"|'[^']*'|[^\s"'=<>`]+)"""
_FLAG = r"\s+(?:async|checked|compact|controls|defer|disabled|hidden|itemscope|loop|muted|nowrap|noshade|selected)\b"
_TAG = re.compile(rf"</?({_ANY_TAG})(?:{_ATTRIBUTE}|{_FLAG})*\s*/?>", re.IGNORECASE)
_HIDDEN = re.compile(r"<(script|style)\b[^<>]{0,2000}>|<!--", re.IGNORECASE)
_HIDDEN_ENDS = {
    "script": re.compile(r"</script\s*>", re.IGNORECASE),
    "style": re.compile(r"</style\s*>", re.IGNORECASE),
    "": re.compile("-->"),
}
# A scraper that cut its page within a tag leaves the tag's head at the end of a text, or its tail at the start.
_CUT_HEAD = re.compile(rf"<(?:{_ANY_TAG})\s[^>]*", re.IGNORECASE)
_QUOTED_VALUE = re.compile(r"""=\s*["']""")
_CUT_TAIL = re.compile(r"""^[^<>"']{0,500}["']\s{0,5}/>""")
_BARE_HEAD = re.compile(r"^\s*<(?:script|style)\s*$", re.IGNORECASE)
_BLOCK = re.compile(_BLOCK_TAGS, re.IGNORECASE)
_SPACE = re.compile(_SPACE_TAGS, re.IGNORECASE)
# Only entities with a semicolon: "AT&T" and "?a=1&copy=2" are not entities.
_ENTITY = re.compile(r"&(?:#\d{1,7}|#[xX][0-9a-fA-F]{1,6}|[A-Za-z][A-Za-z0-9]{1,31});")

_LINE_BREAKS = re.compile("\r\n|[\r\x0b\x0c\x1c-\x1e\x85\u2028\u2029]")
_INVISIBLE = re.compile("[\x00-\x08\x0e-\x1f\x7f-\x9f\u00ad\u200b\ufeff]")
_UNFIT_FOR_ID = re.compile("[\x00-\x1f\x7f-\x9f\u00ad\u200b\u2028\u2029\ufeff\ud800-\udfff]")
_SURROGATE = re.compile("[\ud800-\udfff]")
_SPACES = re.compile(r"[^\S\n]+")
_SPACE_AROUND_BREAK = re.compile(r" ?\n ?")
# Unicode's stream-safe form allows 30 (UAX 15); no script needs more.
MOST_MARKS = 30
_LAST_MARK = 0x1E94B
_MANY_BREAKS = re.compile(r"\n{3,}")


def clean_prose(text: str) -> str:
    r"""Remove markup and tidy text, keeping line and paragraph breaks.

    clean_prose("<p>1 &lt; 2</p><p>AT&amp;T</p>") == "1 < 2\n\nAT&T"
    """
    return tidy(strip_markup(text))


def clean_markup_line(text: str) -> str:
    """Remove markup and tidy text to one line, as a title is."""
    return clean_line(strip_markup(text))


def clean_line(text: str) -> str:
    """Tidy text to one line and leave what looks like markup alone."""
    return " ".join(tidy(text).split())


def strip_markup(text: str) -> str:
    """Remove tags, scripts, styles and comments, also escaped ones, and unescape entities."""
    text = _strip_tags(text)
    if "&" in text:
        text = _strip_tags(_ENTITY.sub(lambda found: html.unescape(found.group()), text))
    return text


def tidy(text: str) -> str:
    """Remove control characters, normalise to NFC, collapse spaces, keep at most one empty line between paragraphs."""
    if text.isascii() and text.isprintable():
        return _SPACES.sub(" ", text).strip()
    text = _INVISIBLE.sub("", _LINE_BREAKS.sub("\n", text))
    text = unicodedata.normalize("NFC", _thin_out(_SURROGATE.sub("\ufffd", text)))
    text = _SPACE_AROUND_BREAK.sub("\n", _SPACES.sub(" ", text))
    return _MANY_BREAKS.sub("\n\n", text).strip()


def has_control_characters(text: str) -> bool:
    """Whether text holds a character that no id may hold: control, invisible or half of a surrogate pair."""
    return _UNFIT_FOR_ID.search(text) is not None


def _thin_out(text: str) -> str:
    """At most MOST_MARKS accents on one letter: putting them in order takes time by the square of their number."""
    return text if text.isascii() or len(text) < 4 * MOST_MARKS else _flood().sub(r"\1", text)


@cache
def _flood() -> re.Pattern[str]:
    marks = [chr(code) for code in range(0x300, _LAST_MARK) if unicodedata.combining(chr(code))]
    return re.compile(f"([{''.join(marks)}]{{{MOST_MARKS}}})[{''.join(marks)}]+")


def _strip_tags(text: str) -> str:
    if "<" not in text and "/>" not in text:
        return text
    text = _TAG.sub(_spacing_of, _CUT_TAIL.sub("", _drop_hidden(text)))
    last = text.rfind("<")
    if last >= 0 and _CUT_HEAD.fullmatch(text, last) and _QUOTED_VALUE.search(text, last):
        text = text[:last]
    return _BARE_HEAD.sub("", text)


def _drop_hidden(text: str) -> str:
    """Remove scripts, styles and comments with what they hold, in one pass; one that never ends is left as it is."""
    kept: list[str] = []
    cursor = 0
    endless: set[str] = set()
    for start in _HIDDEN.finditer(text):
        kind = (start.group(1) or "").lower()
        if start.start() < cursor or kind in endless:
            continue
        end = _HIDDEN_ENDS[kind].search(text, start.end())
        if end is None:
            endless.add(kind)
            continue
        kept.append(text[cursor : start.start()])
        cursor = end.end()
    return " ".join([*kept, text[cursor:]])


def _spacing_of(tag: re.Match[str]) -> str:
    name = tag.group(1)
    if name in "pP":
        return "\n\n"
    if _BLOCK.fullmatch(name):
        return "\n"
    return " " if _SPACE.fullmatch(name) else ""
