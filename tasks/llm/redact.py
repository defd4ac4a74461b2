"""What must not leave the house, taken out of a text before it goes into a prompt: addresses, numbers, own patterns.

Pure. A match becomes its pattern's name in brackets: "write to [email]". Redaction is a net with meshes, not a proof:
names and postal addresses pass, and so do phone numbers in shapes that could as well be quantities ("912 345 678")
unless a word like "phone" stands before them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from pydantic import JsonValue

from tasks.contracts.errors import ConfigError
from tasks.llm.patterns import find_risk
from tasks.llm.phone import find_phones

# Own patterns see this many characters at a time, so that one that backtracks costs no more than a window squared.
# Windows overlap; a match that is longer than the overlap may be found in parts.
WINDOW = 4096
OVERLAP = 512
MAX_PATTERN = 1000

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,39}")
_EMAIL = re.compile(r"[\w.%+'-]{1,128}[@＠](?:[\w-]{1,63}\.){1,8}[^\W\d_][\w-]{1,62}")
_VERSIONS = {"email": 1, "phone": 1}

Span = tuple[int, int]


@dataclass(frozen=True)
class Pattern:
    """A named pattern; without a regular expression of its own it is the built-in of that name."""

    name: str
    pattern: str = ""

    @property
    def key(self) -> JsonValue:
        """What it takes out, as a JSON value; changes when a built-in is made better."""
        return {"name": self.name, "pattern": self.pattern or _VERSIONS[self.name]}

    def find(self, text: str) -> Iterator[Span]:
        """Where it matches."""
        if self.pattern:
            yield from _find_in_windows(self._compiled, text)
        elif self.name == "phone":
            yield from find_phones(text)
        elif "@" in text or "＠" in text:
            yield from (match.span() for match in _EMAIL.finditer(text))

    @cached_property
    def _compiled(self) -> re.Pattern[str]:
        return re.compile(self.pattern)


@dataclass(frozen=True)
class Redaction:
    """Patterns whose matches are taken out of every text; none: texts stay as they are, and it is false."""

    patterns: tuple[Pattern, ...] = ()

    @classmethod
    def of(cls, patterns: Sequence[str | Mapping[str, str]]) -> Redaction:
        """From names of built-ins ("email", "phone") and own {name, pattern}; raises ConfigError that names the culprit."""
        made = tuple(_make_pattern(given) for given in patterns)
        for pattern in made:
            if sum(pattern.name == other.name for other in made) > 1:
                raise ConfigError(f"redaction pattern {pattern.name!r} is given twice; give each name once")
        return cls(made)

    def __bool__(self) -> bool:
        return bool(self.patterns)

    @property
    def key(self) -> JsonValue:
        """Its identity as a JSON value: equal keys redact alike."""
        return [pattern.key for pattern in self.patterns]

    def apply(self, text: str) -> str:
        """The text with `[name]` for every match; where matches overlap, all of them go, under the name given first.

        >>> Redaction.of(["email", "phone"]).apply("Call +44 20 7946 0958 or write to ann@example.org.")
        'Call [phone] or write to [email].'
        """
        found = sorted(
            (start, end, order)
            for order, pattern in enumerate(self.patterns)
            for start, end in pattern.find(text)
            if end > start
        )
        if not found:
            return text
        parts, position = [], 0
        for start, end, order in _merge(found):
            parts += [text[position:start], f"[{self.patterns[order].name}]"]
            position = end
        return "".join([*parts, text[position:]])


NO_REDACTION = Redaction()


def _merge(found: Sequence[tuple[int, int, int]]) -> Iterator[tuple[int, int, int]]:
    """Overlapping matches as one, of the lowest order among them."""
    start, end, order = found[0]
    for next_start, next_end, next_order in found[1:]:
        if next_start < end:
            end, order = max(end, next_end), min(order, next_order)
        else:
            yield start, end, order
            start, end, order = next_start, next_end, next_order
    yield start, end, order


def _find_in_windows(pattern: re.Pattern[str], text: str) -> Iterator[Span]:
    for start in range(0, max(len(text) - OVERLAP, 1), WINDOW - OVERLAP):
        for match in pattern.finditer(text, start, min(start + WINDOW, len(text))):
            yield match.span()


def _make_pattern(given: str | Mapping[str, str]) -> Pattern:
    known = ", ".join(sorted(_VERSIONS))
    if isinstance(given, str):
        if given not in _VERSIONS:
            raise ConfigError(
                f"unknown redaction {given!r}; expected one of {known}, or a table with `name` and `pattern`"
            )
        return Pattern(given)
    if set(given) != {"name", "pattern"} or not all(isinstance(value, str) for value in given.values()):
        raise ConfigError(
            f"redaction {dict(given)!r:.100} is not understood; give it a `name` and a `pattern`, both text"
        )
    name, pattern = given["name"], given["pattern"]
    if not _NAME.fullmatch(name):
        raise ConfigError(
            f"redaction name {name!r:.60} can't be used; begin with a letter and use letters, digits, _ and -, up to 40"
        )
    if name in _VERSIONS:
        raise ConfigError(f"redaction name {name!r} is a built-in; choose another name for your own pattern")
    _check_expression(name, pattern)
    return Pattern(name, pattern)


def _check_expression(name: str, pattern: str) -> None:
    if len(pattern) > MAX_PATTERN:
        raise ConfigError(f"redaction pattern {name!r} is longer than {MAX_PATTERN} characters; split it into several")
    try:
        compiled = re.compile(pattern)
    except (re.error, RecursionError, OverflowError) as error:
        raise ConfigError(f"redaction pattern {name!r} is no regular expression: {error}; correct it") from error
    if compiled.search("") is not None:
        raise ConfigError(f"redaction pattern {name!r} matches the empty text; make some part of it required")
    if risk := find_risk(pattern):
        raise ConfigError(f"redaction pattern {name!r} could take forever: {risk}")
