"""What a scenario saw, beside what was asked for: one line of the results."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Line:
    """One scenario: what it is, what was asked for, what was seen, and whether that is enough."""

    scenario: str
    wanted: str
    seen: str
    is_enough: bool

    def render(self) -> str:
        """A row of a Markdown table."""
        return f"| {self.scenario} | {self.wanted} | {self.seen} | {'yes' if self.is_enough else '**no**'} |"


HEAD = "| scenario | wanted | seen | enough |\n|---|---|---|---|"
