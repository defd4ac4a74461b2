"""What a summary says that a user avoids, apart from what it says they want. Pure; English wording, by rules.

"Reads about rugby and old churches; avoids celebrity gossip and crime. Opera bores her." wants "Reads about rugby and old
churches" and avoids "celebrity gossip", "crime" and "Opera". What the rules don't know stays with what is wanted.
"""

from __future__ import annotations

import re

from tasks.labelers.sentences import split_sentences
from tasks.labelers.words import content_stems

_MAX_WORDS = 6
_READING = r"reads?|watch(?:es)?|follows?|plays?|buys?|opens?|clicks?\s+on|listens?\s+to|finish(?:es)?"
_SOMEONE = r"(?:him|her|them|me)"

_VERB_FIRST = re.compile(
    rf"""(?:\b|(?=n['’]t\b))(?:
        avoid(?:s|ing)? | (?<!not\s)(?:dislikes? | hates? | detests? | loathes?) | ignor(?:es?|ing) | skips?(?:\s+over)?
      | ca(?:n['’]t|nnot|n\s+not)\s+(?:stand|bear|abide)
      | (?:not|n['’]t|never)\s+(?:really\s+|much\s+|at\s+all\s+)?(?:interested\s+in|into|keen\s+on|a\s+fan\s+of|fond\s+of)
      | (?:does|do)(?:\s+not|n['’]t)\s+(?:like|enjoy|want|care\s+(?:for|about)|bother\s+with|{_READING})
      | (?:never|seldom|rarely|hardly\s+ever)\s+(?:{_READING})
      | (?:no|little|zero)\s+(?:interest\s+in|time\s+for|patience\s+(?:for|with)|appetite\s+for|taste\s+for)
      | (?:bored|tired|sick|weary|put\s+off)\s+(?:by|with|of)
      | (?:stay(?:s|ing)?|keep(?:s|ing)?)\s+away\s+from | steer(?:s|ing)?\s+clear\s+of | turn(?:s|ing)?\s+away\s+from
      | (?:scroll|leaf|skim|flick)(?:s|ing)?\s+(?:straight\s+|quickly\s+)?past | uninterested\s+in | anything\s+but
      | (?:(?<=[.,;:]\s)|(?<=\band\s)|(?<=\bbut\s)|^)no(?=\s+(?!longer\b|matter\b|doubt\b|more\b|one\b|wonder\b))
    )\s+(?P<what>[^.;!?\n]+)""",
    re.IGNORECASE | re.VERBOSE,
)
_SUBJECT_FIRST = re.compile(
    rf"""(?:^|[;–—]\s*|\b(?:but|while|although|whereas)\s+)(?P<what>(?:(?!\b(?:but|while|although|whereas)\b)[^;–—])+?)\s+(?:
        bores?\s+{_SOMEONE} | leaves?\s+{_SOMEONE}\s+cold
      | (?:do|does)(?:\s+not|n['’]t)\s+(?:hold|interest|grip|move|tempt|attract|excite|concern|appeal\s+to)\s+{_SOMEONE}
      | (?:is|are)(?:\s+not|n['’]t)\s+for\s+{_SOMEONE}
      | (?:he|she|they|i)\s+(?:would\s+rather\s+not\b|avoids?\b|skips?\b|ignores?\b|can\s+do\s+without\b)
      | go(?:es)?\s+straight\s+in(?:to)?\s+the\s+(?:bin|trash|recycling)
    )[^;]*""",
    re.IGNORECASE | re.VERBOSE,
)
_END = re.compile(
    r"\s*[,–—-]?\s*\b(?:but|except|because|while|although|though|unless|who|which|whenever|when)\b", re.IGNORECASE
)
_SEPARATOR = re.compile(r"\s*(?:,\s*(?:and|or|nor)?|\band\b|\bor\b|\bnor\b|/)\s*", re.IGNORECASE)
_OTHER_CLAUSE = re.compile(
    r"^(?:also\s+)?(?:(?:he|she|they|i)\b|(?:loves?|likes?|enjoys?|follows?|reads?|prefers?|wants?|is|are|has|have|works?"
    r"|collects?|plays?|watch(?:es)?)\b|\w+s\s+(?:a|an|the|his|her|their|every|any)\b)",
    re.IGNORECASE,
)
_OPENING = re.compile(
    r"^(?:(?:any|all|most|the|every|too much|anything (?:on|about)|(?:articles?|stories|news|texts?|coverage|items?|books?"
    r"|films?) (?:on|about|of))\s+)+",
    re.IGNORECASE,
)
_CLOSING = re.compile(r"(?:^|\s+)(?:at all|altogether|please|whatsoever|any ?more|of any kind)$", re.IGNORECASE)
_DANGLING = re.compile(r"(?:[\s,;:–—-]*\b(?:but|and|or|she|he|they|i)\b)*[\s,;:.–—-]*$", re.IGNORECASE)


def split_summary(summary: str) -> tuple[list[str], list[str]]:
    """(what is wanted: the sentences without avoidances, what is avoided: one phrase each).

    >>> split_summary("Loves chess, but can't stand football or golf. No politics, please.")
    (['Loves chess'], ['football', 'golf', 'politics'])
    """
    wanted, avoided = [], []
    for sentence in split_sentences(summary):
        kept, cut = _cut_avoidances(sentence)
        avoided.extend(cut)
        if content_stems(kept):
            wanted.append(kept)
    return wanted, list(dict.fromkeys(avoided))


def keep_wanted(summary: str) -> str:
    """The summary without what it says is avoided, to search by: "avoids opinion polls" is no reason to look for polls.

    >>> keep_wanted("Loves chess, but can't stand football.")
    'Loves chess'
    """
    return " ".join(split_summary(summary)[0])


def _cut_avoidances(sentence: str) -> tuple[str, list[str]]:
    """(the sentence without what it says is avoided, what that is)."""
    avoided: list[str] = []
    kept = sentence
    if match := _SUBJECT_FIRST.search(kept):
        avoided += _clean(_SEPARATOR.split(match["what"]))
        kept = f"{kept[: match.start()]} {kept[match.end() :]}"
    while match := _VERB_FIRST.search(kept):
        end = _END.search(match["what"])
        stop = match.start("what") + (end.start() if end else len(match["what"]))
        parts = _SEPARATOR.split(kept[match.start("what") : stop])
        n_objects = next((n for n, part in enumerate(parts) if _opens_clause(part)), len(parts))
        avoided += _clean(parts[:n_objects])
        kept = f"{kept[: match.start()]} {', '.join(parts[n_objects:])} {kept[stop:]}"
    return _DANGLING.sub("", " ".join(kept.split())), avoided


def _opens_clause(part: str) -> bool:
    """Whether a part of a list has a verb of its own: "loves chess", "skips football", "shuts a book"."""
    return bool(_OTHER_CLAUSE.match(part) or _VERB_FIRST.match(part))


def _clean(parts: list[str]) -> list[str]:
    phrases = [_CLOSING.sub("", _OPENING.sub("", part.strip(" '\"“”‘’.,"))).split() for part in parts]
    return [" ".join(words[:_MAX_WORDS]) for words in phrases if content_stems(" ".join(words))]
