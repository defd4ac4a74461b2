"""Pages of a list, as the API cuts them. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tasks.llm.fake.replies import Refusal


def page(
    shown: Sequence[Mapping[str, Any]], query: Mapping[str, str], *, default_limit: int, max_limit: int
) -> dict[str, Any]:
    """At most `limit` objects that come after the one with the id `after`; raises Refusal for a bad one of either."""
    limit = query.get("limit", str(default_limit))
    if not limit.isdecimal() or not 1 <= int(limit) <= max_limit:
        raise Refusal(400, f"Invalid 'limit': expected an integer from 1 to {max_limit}, got {limit!r}.", param="limit")
    start = 0
    if after := query.get("after"):
        ids = [one["id"] for one in shown]
        if after not in ids:
            raise Refusal(400, f"Invalid 'after': no object has the id {after!r}.", param="after")
        start = ids.index(after) + 1
    data = list(shown[start : start + int(limit)])
    return {
        "object": "list",
        "data": data,
        "first_id": data[0]["id"] if data else None,
        "last_id": data[-1]["id"] if data else None,
        "has_more": len(shown) > start + len(data),
    }
