"""What a batch has brought: every row of its files is found by its custom_id, checked, and stored as answers.

Rows may come in any order, in the output or the error file; a row that answers nothing is left for the work list.
Time O(rows), memory O(one group of rows).
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from pydantic import SecretStr

from tasks.contracts.errors import LabelerError
from tasks.llm.asking import find_trouble
from tasks.llm.cache import ReplyStore, StoredReply
from tasks.llm.errors import InvalidReplyError
from tasks.llm.responses import RawResponse, read_response
from tasks.llm.types import NOTHING_USED, Endpoint, Token, TokenUsage

STORED_AT_ONCE = 500
Split = Callable[[str, int, Sequence[Token]], Sequence[str]]


@dataclass
class Collected:
    """What the rows of a batch came to: requests answered, those that were not by reason, and what all have cost.

    in_vain is what replies without a valid answer have cost.
    """

    n_answered: int = 0
    failed: Counter[str] = field(default_factory=Counter)
    usage: TokenUsage = NOTHING_USED
    in_vain: TokenUsage = NOTHING_USED


def collect_rows(
    rows: Iterable[Mapping[str, Any]],
    keys_of: Callable[[str], Sequence[str]],
    *,
    split: Split,
    endpoint: Endpoint,
    secret: SecretStr | None,
    store: ReplyStore,
    into: Collected,
) -> None:
    """Store the answers among `rows` and add up `into`; a row of nobody's is counted as "unknown custom_id"."""
    group: list[tuple[str, StoredReply]] = []
    for row in rows:
        keys = keys_of(str(row.get("custom_id", "")))
        if not keys:
            into.failed["unknown custom_id"] += 1
            continue
        found = _read_row(row, keys, split=split, endpoint=endpoint, secret=secret, into=into)
        into.n_answered += bool(found)
        group += found
        if len(group) >= STORED_AT_ONCE:
            store.put(group)
            group = []
    store.put(group)


def _read_row(
    row: Mapping[str, Any],
    keys: Sequence[str],
    *,
    split: Split,
    endpoint: Endpoint,
    secret: SecretStr | None,
    into: Collected,
) -> list[tuple[str, StoredReply]]:
    response = row.get("response")
    if not isinstance(response, dict):
        error = row.get("error")
        into.failed[str(error.get("code") if isinstance(error, dict) else "no response")] += 1
        return []
    status = response.get("status_code")
    raw = RawResponse(status if isinstance(status, int) else 0, {}, json.dumps(response.get("body")))
    try:
        completion = read_response(raw, endpoint, secret=secret)
    except LabelerError:
        into.failed[f"status {raw.status}"] += 1
        return []
    into.usage = into.usage + completion.usage
    trouble = find_trouble(completion)
    try:
        texts = [] if trouble else split(completion.text, len(keys), completion.tokens)
    except InvalidReplyError:
        texts = []
    if not texts:
        into.failed[trouble.code if trouble else "invalid_reply"] += 1
        into.in_vain = into.in_vain + completion.usage
        return []
    usages = [completion.usage, *([NOTHING_USED] * (len(keys) - 1))]
    return [
        (key, StoredReply(text, completion.model, usage))
        for key, text, usage in zip(keys, texts, usages, strict=True)
    ]  # fmt: skip
