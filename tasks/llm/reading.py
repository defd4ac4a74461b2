"""One answer as it was read out of a reply, with the text of a reply that would say this one answer alone.

Pure. Many questions share a request, but each answer is kept by itself: the canonical text is what can be kept for one
question, whichever others stood beside it, and read again later by the same checks.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Generic, TypeVar

from tasks.llm.logprobs import Values, keep_values
from tasks.llm.schema import NumberedAnswer

A_co = TypeVar("A_co", covariant=True)


@dataclass(frozen=True)
class Read(Generic[A_co]):
    """An answer, and the canonical JSON text of a reply that answers its question alone."""

    answer: A_co
    text: str


def canonical_text(reply: NumberedAnswer, values: Values | None = None) -> str:
    """The reply with `reply` as its only answer, numbered 1, fields in the order of the schema, without spaces.

    values, where they were measured, are kept beside it.

    >>> canonical_text(NumberedAnswer(number=7))
    '{"answers":[{"number":1}]}'
    """
    row = reply.model_copy(update={"number": 1}).model_dump(mode="json")
    return json.dumps(keep_values(row, values), ensure_ascii=False, separators=(",", ":"))
