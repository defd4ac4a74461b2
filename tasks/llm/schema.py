"""The schema of a reply: the base of every answer, the types of its fields, and the JSON schema that servers get.

The reply to n questions is `{"answers": [...]}`, one object per question with its number 1..n.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

_KNOWN_TO_STRICT = frozenset({"type", "properties", "items", "enum", "anyOf", "description", "$ref", "$defs"})


def _refuse_bool(value: Any) -> Any:
    if isinstance(value, bool):
        raise ValueError("true and false are no numbers")
    return value


def _tidy(text: str) -> str:
    return " ".join(re.sub(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]", " ", text).split())


Words = Annotated[str, AfterValidator(_tidy), Field(min_length=1)]
"""Text in one line, without control characters and lone surrogates, which no database takes."""

MaybeWords = Annotated[str, AfterValidator(_tidy)]
"""The same, or nothing."""

Number = Annotated[int, BeforeValidator(_refuse_bool)]
Probability = Annotated[float, BeforeValidator(_refuse_bool), Field(ge=0, le=1, allow_inf_nan=False)]


class NumberedAnswer(BaseModel):
    """The answer to question `number`; the fields' descriptions travel to the model in the schema."""

    model_config = ConfigDict(frozen=True)

    number: Annotated[Number, Field(description="the number of the question")]


def build_schema(answer: type[NumberedAnswer], enums: Mapping[str, Sequence[str]]) -> dict[str, Any]:
    """The JSON schema of a whole reply, as strict servers want it.

    enums maps a property's name, at any depth, to the values that it may take. Bounds stay in the descriptions:
    not every server knows the keywords, and read_answers checks them in any case.
    """
    schema = answer.model_json_schema()
    definitions = schema.pop("$defs", {})
    answers = {"type": "array", "items": schema, "description": "one answer per question, in the order of the numbers"}
    whole = {"type": "object", "properties": {"answers": answers}, **({"$defs": definitions} if definitions else {})}
    strict: dict[str, Any] = _make_strict(whole, enums)
    return strict


def _make_strict(node: Any, enums: Mapping[str, Sequence[str]]) -> Any:
    if not isinstance(node, dict):
        return [_make_strict(part, enums) for part in node] if isinstance(node, list) else node
    strict = {key: _make_strict(part, enums) for key, part in node.items() if key in _KNOWN_TO_STRICT}
    for names in ("properties", "$defs"):
        # Here the keys are names, not keywords.
        if names in node:
            strict[names] = {name: _make_strict(part, enums) for name, part in node[names].items()}
    if "properties" in strict:
        for name in strict["properties"].keys() & enums.keys():
            strict["properties"][name]["enum"] = list(enums[name])
        strict |= {"required": list(strict["properties"]), "additionalProperties": False}
    return strict
