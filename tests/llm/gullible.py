"""A model that believes anything that stands outside of a fence, to measure what gets out of one.

It answers topics as the hosts deserve, unless a topic is named in a place where only instructions stand; then it obeys.
It is as gullible as can be: it decodes what is hidden or encoded, takes lookalikes for what they look like, takes any
mark for the right one, and takes text after a special token for the system's, inside of a fence or not.
"""

from __future__ import annotations

import base64
import binascii
import re
import unicodedata
from collections.abc import Callable, Sequence

from tasks.labelers.protocol import ItemText
from tests.llm.canaries import HOSTS, TAXONOMY
from tests.llm.fake_server import Answer, Request, completion

_HOMOGLYPHS = str.maketrans("аеорсхі", "aeopcxi")
_ANGLES = str.maketrans(
    dict.fromkeys("‹⟨❮〈", "<")
    | dict.fromkeys("›⟩❯〉", ">")
    | dict.fromkeys("«《≪", "<<")
    | dict.fromkeys("»》≫", ">>")
)
_HIDDEN = re.compile("[\u00ad\u200b-\u200f\u2060-\u2064\ufe00-\ufe0f\ufeff]")
_SPECIAL = re.compile(r"<[|｜][^<>\n]{1,40}[|｜]>|\[/?INST\]|</?s>|<(?:start|end)_of_turn>|<</?SYS>>", re.IGNORECASE)
_FENCED = re.compile(r"<{3,}\s*\w*\n.*?\w*\s*>{3,}", re.DOTALL)
_BLOB = re.compile(r"[A-Za-z0-9+/]{24,}={0,2}")


def decode(text: str) -> str:
    """What the text would say to a reader who sees through every disguise."""
    text = "".join(chr(ord(char) - 0xE0000) if "\U000e0020" <= char <= "\U000e007e" else char for char in text)
    text = unicodedata.normalize("NFKC", _HIDDEN.sub("", text)).translate(_HOMOGLYPHS).translate(_ANGLES)
    return _BLOB.sub(lambda match: _decode_blob(match.group()), text)


def find_outside(message: str) -> str:
    """What of a user message stands outside of every fence, or after a special token."""
    special = _SPECIAL.search(message)  # undecoded: what only looks like a token is none to a tokenizer
    after_special = decode(message[special.end() :]) if special else ""
    return _FENCED.sub(" ", decode(message)) + after_special


def obey(message: str) -> str | None:
    """The topic that is named outside of the fences of a message; the last one counts."""
    names = "|".join(topic.name for topic in TAXONOMY)
    named = re.findall(rf"\b({names})\b", find_outside(message), re.IGNORECASE)
    return str(named[-1]).lower() if named else None


def answer_gullibly(request: Request) -> Answer:
    """A script for the loopback server: one item a request."""
    deserved = next((topic for topic, title, _ in HOSTS if title in request.user), "")
    topic = obey(request.user) or deserved
    return completion({"answers": [{"number": 1, "reason": "so", "topics": [{"topic": topic, "confidence": 0.9}]}]})


def render_naively(item: ItemText) -> str:
    """A user message as many write it: the text and then the task, with nothing around it."""
    return f"Item 1\nTitle: {item.title}\nText: {item.text}\n\nName the topic of the item above, as JSON."


def render_unguarded(item: ItemText) -> str:
    """A fence with a fixed mark around the raw text, with nothing neutralised."""
    return f"Item 1\n<<<3fa91c0e\nTitle: {item.title}\nText: {item.text}\n3fa91c0e>>>\n\nName the topic of the item, as JSON."


def count_breakouts(items: Sequence[ItemText], render: Callable[[ItemText], str]) -> int:
    """How many messages have the model obey something."""
    return sum(obey(render(item)) is not None for item in items)


def _decode_blob(blob: str) -> str:
    try:
        return base64.b64decode(blob).decode("ascii")
    except (binascii.Error, UnicodeDecodeError):
        return blob
