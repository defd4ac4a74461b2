"""Words, stems and names of a text, by rules. Pure; English stopwords and endings, any alphabet for the words themselves."""

from __future__ import annotations

import re
from functools import lru_cache

_WORD = re.compile(r"[^\W_]+(?:['’.\-][^\W_]+)*")
_NAME = re.compile(r"(?<=[^\s.!?:\"“”])[ \t]+([^\W\d_a-zà-ÿ]\w*(?:['’-]\w+)*)")
_NUMBER = re.compile(r"\d+(?:[.,]\d+)*")

_STOPWORD_TEXT = """
    a about above across after again against ago all almost along already also although always am among an and another any
    anyone anything are aren't around as at away back be became because become been before began behind being below best
    better between both but by came can can't cannot come could couldn't day days did didn't do does doesn't doing don't done
    down due during each either else enough even ever every everyone everything far few first for four from further gave get
    gets getting give given go goes going good got had hadn't has hasn't have haven't having he her here hers herself him
    himself his how however i i'm i've if in including indeed instead into is isn't it it's its itself just keep kept know
    last later least less let like likely long look made make makes making many may maybe me might month months more most
    mr mrs ms much must my myself near nearly need neither never new next no nobody none nor not nothing now of off often
    on once one only onto or other others our ours out over own part per perhaps put quite rather really said same saw say
    saying says second see seem seen set several shall she should shouldn't show since so some someone something soon still
    such take taken takes tell than that that's the their theirs them themselves then there there's these they thing things
    think third this those though three through thus time times to today together told too took toward two under until up
    upon us use used uses using very via want was wasn't way we week weeks well went were weren't what when where whether
    which while who whole whom whose why will with within without won't would wouldn't year years yes yesterday yet you
    your yours yourself
"""
STOPWORDS = frozenset(_STOPWORD_TEXT.split())

_CALENDAR_TEXT = """
    monday tuesday wednesday thursday friday saturday sunday january february march april may june july august september
    october november december gmt
"""
CALENDAR_WORDS = frozenset(_CALENDAR_TEXT.split())


def split_words(text: str) -> list[str]:
    """The words of a text in order, as written; "e-mail", "don't" and "U.S" are one word each."""
    return _WORD.findall(text)


def content_words(text: str) -> list[str]:
    """The words in lower case without stopwords, bare digits and single letters."""
    return [word for word in map(_content_form, split_words(text)) if word]


def is_content(word: str) -> bool:
    """Whether a lower-case word says something of its own."""
    return len(word) > 1 and word not in STOPWORDS and not word.isdigit()


def content_stems(text: str) -> list[str]:
    """Stems of the content words, in order."""
    return [stem(word) for word in content_words(text)]


@lru_cache(maxsize=100_000)
def _content_form(word: str) -> str:
    """The plain word where it says something of its own, else ""; kept, as a language repeats its words."""
    plain = plain_word(word)
    return plain if is_content(plain) else ""


@lru_cache(maxsize=100_000)
def stem(word: str) -> str:
    """A lower-case word without its commonest English endings, so that forms of one word meet.

    >>> [stem(word) for word in ("gardening", "gardens", "studies", "cycling", "cycle", "stopped")]
    ['garden', 'garden', 'study', 'cycl', 'cycl', 'stop']
    """
    if word.endswith("ies") and len(word) > 4:
        word = word[:-3] + "y"
    elif word.endswith(("sses", "shes", "ches", "xes", "zes")):
        word = word[:-2]
    elif word.endswith("s") and len(word) > 3 and not word.endswith(("ss", "us", "is")):
        word = word[:-1]
    for ending in ("ing", "ed"):
        if word.endswith(ending) and len(word) >= len(ending) + 3:
            word = word[: -len(ending)]
            if len(word) > 3 and word[-1] == word[-2] and word[-1] not in "lsz":
                word = word[:-1]
            break
    return word[:-1] if word.endswith("e") and len(word) > 3 else word


@lru_cache(maxsize=4096)
def item_stems(title: str, text: str) -> frozenset[str]:
    """The stems of an item's content words; kept for the items asked about last, as many users are asked about one item."""
    return frozenset(content_stems(f"{title}\n{text}"))


def numbers(text: str) -> frozenset[str]:
    """The numbers of a text as written, without thousands separators: "1,200" and "1200" are the same."""
    return frozenset(re.sub(r",(?=\d{3})", "", number) for number in _NUMBER.findall(text))


def names(text: str) -> frozenset[str]:
    """Words with a capital that do not open a sentence, in lower case: mostly names."""
    return frozenset(word for word in map(plain_word, _NAME.findall(text)) if is_content(word))


def plain_word(word: str) -> str:
    """A word in lower case without its possessive ending."""
    lowered = word.lower().replace("’", "'")
    return lowered.removesuffix("'s")
