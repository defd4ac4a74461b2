"""How runs ended, for those who are told of it by mail or message. Reads runs, stage_runs, publications, quality_results.

What is told leaves the house, so it holds no value of the data: a message's quoted values are blanked, for a user's id or
an item's title may be among them; of gates the numbers are told, never the rows.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path

from tasks.gates.suites import known_expectations
from tasks.llm.redact import Redaction
from warehouse.connection import open_warehouse
from warehouse.errors import WarehouseError

SHOWN_CHARS = 400
_QUOTED = re.compile(r"'[^'\n]*'|\"[^\"\n]*\"|\[[^\]\n]*\]|\{[^}\n]*\}")
_KEY = re.compile(r"\b(?:sk|pk|rk|gh[opsu]|xox[abps])[-_][\w-]{6,}|\bBearer\s+\S+|\b[A-Za-z0-9_-]{40,}\b")
_ADDRESSES = Redaction.of(["email", "phone"])


@dataclass(frozen=True)
class ClosedGate:
    """A critical expectation that failed; observed and expected as its suite states them, mend: what to do."""

    catalog: str
    suite: str
    expectation: str
    observed: str
    expected: str
    mend: str


@dataclass(frozen=True)
class RunEnding:
    """One run; status as in the table runs, seconds by wall clock, times in naive UTC, cost in US dollars.

    message is safe to be sent. failed_stage and last_stage are "train of news"; None where no stage was recorded.
    """

    run_id: str
    as_of: date
    status: str
    catalogs: tuple[str, ...]
    message: str
    started_at: datetime
    seconds: int | None
    failed_stage: str | None
    last_stage: str | None
    requests: int
    cost_usd: float
    publication_id: str | None
    gates: tuple[ClosedGate, ...] = ()


def read_ending(folder: Path, run_id: str) -> RunEnding:
    """What is on record of a run. Raises WarehouseError if there is no such run."""
    with open_warehouse(folder, read_only=True) as warehouse:
        found = warehouse.query("queries/run_ending", run_id=run_id).to_dicts()
        if not found:
            raise WarehouseError(
                f"there is no run {run_id!r} in {str(folder)!r}; `nightjar status` shows the last ones"
            )
        row = found[0]
        # A run is gated by its own suites, or because it would publish where an earlier run closed one.
        gates = warehouse.query("queries/run_gates", run_id=run_id)
        if gates.is_empty():
            gates = warehouse.query("queries/closed_gates", catalogs=row["catalogs"])
    found_gates = gates.to_dicts() if row["status"] == "gated" else []
    closed = [{**gate, "mend": _mend(gate["expectation"])} for gate in found_gates]
    known = {*row["catalogs"], *(gate["suite"] for gate in closed)}
    row |= {"catalogs": tuple(row["catalogs"]), "message": blank_values(row["message"], known=known)}
    fields = ClosedGate.__dataclass_fields__
    return RunEnding(**row, gates=tuple(ClosedGate(**{name: str(gate[name]) for name in fields}) for gate in closed))


def blank_values(message: str, *, known: Collection[str] = ()) -> str:
    """The message without the values that it quotes, keys and addresses; those in `known` stay.

    >>> blank_values("user 'u04' of catalog 'news' has key sk-abcdefghij", known={"news"})
    "user '…' of catalog 'news' has key …"
    """

    def blank(found: re.Match[str]) -> str:
        text = found.group()
        return text if text[1:-1] in known else f"{text[0]}…{text[-1]}"

    kept = _ADDRESSES.apply(_KEY.sub("…", _QUOTED.sub(blank, message)))
    return kept if len(kept) <= SHOWN_CHARS else kept[: SHOWN_CHARS - 1] + "…"


def _mend(expectation: str) -> str:
    known = known_expectations().get(expectation)
    return known.mend if known else "see the table quality_results"
