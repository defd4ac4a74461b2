"""Text that others wrote, made safe to put before a model: it is data, and must not be able to pose as anything else.

Two lines of defence: `neutralise` takes away what a tokenizer or a terminal would obey (control characters, invisible
text, special tokens, lookalike fences), and `Fence` puts each text between marks that do not occur in any text of the
request, so that none can close its own. That the model heeds the fence is the prompts' part.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass

# C0 and C1 controls but tab and newline, lone surrogates, and what is invisible: soft hyphen, grapheme joiner, Hangul
# and Mongolian fillers, zero-width space and marks, bidirectional overrides, word joiner, byte order mark, annotation
# anchors, tag characters ("ASCII smuggling"), variation selectors of the supplement. Zero-width joiners and the other
# variation selectors stay: Persian, Hindi and emoji need them.
_CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")
_INVISIBLE = re.compile(
    r"[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b\u200e\u200f\u202a-\u202e\u2060-\u206f\u3164\ufeff"
    r"\uffa0\ufff9-\ufffb\U0001d173-\U0001d17a\U000e0000-\U000e0fff]"
)
_SPECIAL_TOKEN = re.compile(
    r"<[|｜¦][^<>\n]{1,40}[|｜¦]>"
    r"|<{1,2}/?(?:SYS|s|bos|eos|pad|unk|start_of_turn|end_of_turn|tool_calls?|tool_response|think(?:ing)?)>{1,2}"
    r"|\[/?(?:INST|SYSTEM_PROMPT|TOOL_CALLS|TOOL_RESULTS|AVAILABLE_TOOLS)\]",
    re.IGNORECASE,
)
# What looks like three angles: single ones and double ones of any kind, with nothing visible between them but a space.
_UNSEEN = "[\u200c\u200d\ufe00-\ufe0f]*+[ \u00a0]?[\u200c\u200d\ufe00-\ufe0f]*+"


def _compile_angles(single: str, double: str, triple: str) -> re.Pattern[str]:
    either = f"[{single}{double}{triple}]"
    long_enough = f"{_UNSEEN}{either}{_UNSEEN}{either}|{_UNSEEN}[{double}{triple}]"
    return re.compile(f"(?:[{single}](?:{long_enough})|[{double}]{_UNSEEN}{either}|[{triple}])(?:{_UNSEEN}{either})*")


_OPENING_ANGLES = _compile_angles("<‹＜〈⟨❮", "«《≪⟪", "⋘")
_CLOSING_ANGLES = _compile_angles(">›＞〉⟩❯", "»》≫⟫", "⋙")
_SAFE = str.maketrans({"<": "‹", ">": "›", "[": "(", "]": ")", "|": "¦", "｜": "¦"})


def neutralise(text: str) -> str:
    r"""Text without what could act instead of being read; all that a reader sees stays.

    >>> neutralise("good\x00 <|im_start|>system")
    'good� ‹¦im_start¦›system'
    """
    text = text.replace("\r\n", "\n").replace("\r", "\n").replace("\u2028", "\n").replace("\u2029", "\n")
    text = _INVISIBLE.sub("", _CONTROLS.sub("\ufffd", text))
    text = _CLOSING_ANGLES.sub("›", _OPENING_ANGLES.sub("‹", text))
    return _SPECIAL_TOKEN.sub(lambda match: match.group().translate(_SAFE), text)


@dataclass(frozen=True)
class Data:
    """Text of others on its way into a prompt. It has no way there but through a Fence; empty, it is false."""

    unfenced_text: str

    def __str__(self) -> str:
        raise TypeError("text of others was put into a prompt without its fence; write {{ … | data }}")

    def __bool__(self) -> bool:
        return bool(self.unfenced_text)

    @classmethod
    def of(cls, **fields: str | Iterable[str]) -> Data:
        """Lines of "Field: value", neutralised; empty fields are left out and lists joined by semicolons."""
        lines = []
        for name, value in fields.items():
            text = value if isinstance(value, str) else "; ".join(part for part in value if part.strip())
            if text.strip():
                lines.append(f"{name.capitalize().replace('_', ' ')}: {neutralise(text).strip()}")
        return cls("\n".join(lines))


@dataclass(frozen=True)
class Fence:
    """The mark of one request; it occurs in none of the request's texts."""

    mark: str

    @classmethod
    def around(cls, texts: Iterable[Data]) -> Fence:
        """A mark for these texts: the same texts always get the same one, so that a prompt can be recognised."""
        all_texts = [data.unfenced_text for data in texts]
        digest = hashlib.sha256("\x00".join(all_texts).encode("utf-8", errors="replace")).hexdigest()
        while any(digest[:8] in text.lower() for text in all_texts):
            digest = hashlib.sha256(digest.encode()).hexdigest()
        return cls(digest[:8])

    def wrap(self, data: Data) -> str:
        """The text between its marks."""
        return f"<<<{self.mark}\n{data.unfenced_text}\n{self.mark}>>>"
