"""What a hook says: subject and body for one run that ended. Pure; plain text, no value of the data, no key."""

from __future__ import annotations

from dataclasses import dataclass

from flows.hook_settings import HookEvent
from tasks.endings import RunEnding

DONE = {
    "failure": "failed",
    "gate": "was stopped by a gate",
    "budget": "is partial: questions stay due",
    "success": "completed",
    "crash": "was interrupted",
}
NEXT = {
    "failure": "Mend what the message names, and run the same command again: what is labeled and paid for is kept.",
    "budget": "Run the same again, tonight or now, with a fresh budget or when the batch is done: it goes on from there.",
    "success": "Nothing.",
    "crash": "Nothing needs to be cleaned. The next run makes it good; was the machine short of memory or disk?",
}
CHAPTER = {
    "failure": "When it fails",
    "gate": "Gates",
    "budget": "Partial runs",
    "success": "What a run prints",
    "crash": "Killed, or the power went",
}


@dataclass(frozen=True)
class Notice:
    """A message to somebody: one line, and a body of a few."""

    subject: str
    body: str


def write_notice(event: HookEvent, ending: RunEnding, *, url: str | None = None) -> Notice:
    """The message for a run that ended; url: its page in Prefect."""
    names = ", ".join(ending.catalogs)
    took = "" if ending.seconds is None else f", {ending.seconds} s"
    asked = f", {ending.requests} requests for ${ending.cost_usd:.4f}" if ending.requests else ""
    lines = [
        f"What happened: {_what(event, ending)}",
        f"Which run: {ending.run_id} of {names}, as of {ending.as_of},"
        f" started {ending.started_at:%Y-%m-%d %H:%M} UTC{took}{asked}.",
        f"What readers see: {_seen(ending)}",
        f"What to do: {_next(event, ending)}",
        f"Where to look: `nightjar status`, and docs/runbook.md, chapter {CHAPTER[event]!r}"
        + (f"; {url}" if url else ""),
    ]
    return Notice(f"Nightjar: run {ending.run_id} ({names}) {DONE[event]}", "\n".join(lines))


def _what(event: HookEvent, ending: RunEnding) -> str:
    if event == "gate" and ending.gates:
        return (
            "; ".join(
                f"gate {gate.suite} of {gate.catalog} is closed: {gate.expectation} observed {gate.observed},"
                f" expected {gate.expected}"
                for gate in ending.gates
            )
            + "."
        )
    if event == "crash":
        last = f"; the last stage on record is {ending.last_stage}" if ending.last_stage else " in its first stage"
        return f"the process ended before the run did{last}."
    if event == "failure":
        return f"stage {ending.failed_stage} failed. {ending.message}" if ending.failed_stage else ending.message
    return ending.message or "all stages completed."


def _seen(ending: RunEnding) -> str:
    if ending.publication_id:
        return f"publication {ending.publication_id}."
    return "what was published before: it stands."


def _next(event: HookEvent, ending: RunEnding) -> str:
    if event != "gate":
        return NEXT[event]
    mends = dict.fromkeys(gate.mend for gate in ending.gates)
    return "; ".join(mends) + "; then run the catalog again." if mends else "see the gate's row in quality_results."
