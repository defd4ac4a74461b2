"""PlanLine: what one stage would do, before it is done."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class PlanLine:
    """What one stage would do for one catalog. Tokens and money are estimates; cost_usd None: no price is set.

    note says what is only known later. prompt is one rendered request of a paid labeler, else empty.
    """

    stage: str
    catalog: str
    rows_due: int
    labeler: str
    requests: int = 0
    tokens_in: int = 0
    tokens_out: int = 0
    cost_usd: float | None = 0.0
    note: str = ""
    prompt: str = ""
