"""The parts of the catalog file that say who is asked, what that may cost, and what no prompt may hold."""

from __future__ import annotations

import difflib
import re
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from tasks.contracts.section import Section

LABELERS = ("auto", "embedded", "openai")
_LABELER = re.compile(rf"{'|'.join(LABELERS)}|openai:[a-z0-9][a-z0-9_-]{{0,63}}")


def check_labeler(text: str) -> str:
    """The name of a labeler as it is; raises ValueError for one that can't be."""
    if not _LABELER.fullmatch(text):
        near = difflib.get_close_matches(text, LABELERS, n=1)
        mend = f"did you mean {near[0]!r}?" if near else "write auto, embedded, openai or openai:NAME"
        raise ValueError(f"unknown labeler {text!r}; {mend}")
    return text


LabelerName = Annotated[str, AfterValidator(check_labeler)]


def check_panel(given: str | tuple[str, ...]) -> str | tuple[str, ...]:
    """One labeler, or the labelers of a panel, as they are; raises ValueError for none, and for one that is named twice."""
    panel = (given,) if isinstance(given, str) else given
    for name in panel:
        check_labeler(name)
    twice = sorted({name for name in panel if panel.count(name) > 1})
    if twice:
        raise ValueError(f"labeler {twice[0]!r} is named twice; name each once")
    if not panel:
        raise ValueError("an empty list of labelers; name at least one")
    return given


Panel = Annotated[str | tuple[str, ...], AfterValidator(check_panel)]
BuiltInPattern = Literal["email", "phone"]


class LabelersConfig(Section):
    """Who answers each task: "embedded", "openai" (the installation's default endpoint), "openai:NAME" (an endpoint of
    the [settings](settings.md#endpoints)), or "auto" (openai where the default endpoint can be asked, else embedded).
    A list asks each of them every question, and their answers are [combined](labels.md#several-labelers)."""

    enrich: LabelerName = "auto"
    topics: Panel = "auto"
    similar: Panel = "auto"
    judge: Panel = "auto"

    def panel(self, task: str) -> tuple[str, ...]:
        """Everyone who answers `task`, at least one; the judge also ranks."""
        named: str | tuple[str, ...] = getattr(self, {"rank": "judge"}.get(task, task))
        return (named,) if isinstance(named, str) else named


class TaskBudget(Section):
    """The most that one task may ask in a run; None: no limit but that of the run."""

    max_requests: Annotated[int, Field(ge=1)] | None = None
    max_cost_usd: Annotated[float, Field(gt=0)] | None = None


class BudgetConfig(Section):
    """The most that one run may ask endpoints about this catalog, all tasks together; none: no limit. A table of a task's
    name, as `[budget.judge]`, limits that task alone. What is left when a budget is reached stays due, and the run is
    partial."""

    max_requests: Annotated[int, Field(ge=1)] | None = None
    max_cost_usd: Annotated[float, Field(gt=0)] | None = None
    enrich: TaskBudget = TaskBudget()
    topics: TaskBudget = TaskBudget()
    similar: TaskBudget = TaskBudget()
    judge: TaskBudget = TaskBudget()
    rewrite: TaskBudget = TaskBudget()
    rerank: TaskBudget = TaskBudget()
    explain: TaskBudget = TaskBudget()


class RedactPattern(Section):
    """A pattern of your own whose matches are replaced by its name in brackets before a text goes into a prompt."""

    name: str
    pattern: str
