"""Attention for short texts on a CPU in bfloat16: texts of one length at a time, in blocks that stay in the cache.

PyTorch's own attention on a CPU is written for long sequences: with 256 word pieces and heads of 32 numbers it takes twice the
time. Padding takes no part here, so that a text's answer does not depend on the longest text of its batch.
Time O(texts x heads x length^2), memory O(BLOCK_SCORES) beside the result.
"""

from __future__ import annotations

from typing import Any

import torch
from transformers import AttentionInterface
from transformers.masking_utils import AttentionMaskInterface

NAME = "nightjar_blockwise"
BLOCK_SCORES = 1_600_000
"""Scores held at once: two texts of 256 word pieces and 12 heads, 3 MB of bfloat16, which the second cache holds about."""


def register() -> str:
    """Make the attention known to transformers under its name, which `attn_implementation` then takes. May be repeated."""
    AttentionInterface.register(NAME, attend)
    AttentionMaskInterface.register(NAME, keep_mask)
    return NAME


def keep_mask(*, attention_mask: torch.Tensor | None = None, **_: Any) -> torch.Tensor | None:
    """The padding as the tokenizer tells it, shape (b, s), instead of one number for each pair of places."""
    return attention_mask


def attend(
    module: torch.nn.Module,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: torch.Tensor | None,
    scaling: float | None = None,
    **_: Any,
) -> tuple[torch.Tensor, None]:
    """softmax(q k' scaling) v of every head; query, key, value (b, h, s, d) -> (b, s, h, d), zeros where padding was.

    attention_mask (b, s) is 1 on a text's places, which come first, and 0 on padding; None is no padding.
    """
    n_texts, n_heads, longest, width = query.shape
    result = query.new_zeros(n_texts, longest, n_heads, width)
    query = query * (width**-0.5 if scaling is None else scaling)
    for length, rows in _texts_by_length(attention_mask, n_texts, longest):
        at_once = max(1, BLOCK_SCORES // (n_heads * length * length))
        for start in range(0, len(rows), at_once):
            block = rows[start : start + at_once]
            q, k, v = (_heads_of(part, block, length) for part in (query, key, value))
            scores = torch.bmm(q, k.transpose(1, 2))
            torch.softmax(scores, -1, out=scores)
            found = torch.bmm(scores, v).view(len(block), n_heads, length, width)
            result[block, :length] = found.transpose(1, 2)
    return result, None


def _texts_by_length(mask: torch.Tensor | None, n_texts: int, longest: int) -> list[tuple[int, list[int]]]:
    if mask is None:
        return [(longest, list(range(n_texts)))]
    rows_of: dict[int, list[int]] = {}
    for row, length in enumerate(mask.sum(dim=1).tolist()):
        rows_of.setdefault(int(length), []).append(row)
    return list(rows_of.items())


def _heads_of(part: torch.Tensor, rows: list[int], length: int) -> torch.Tensor:
    """The heads of some texts without their padding, (len(rows) h, length, d)."""
    return part[rows, :, :length].reshape(-1, length, part.shape[-1])
