"""What a labeling owner asks of a prompt: what a model is told today, and what has changed since the labels were made.

Reads the prompt files and the warehouse; asks nothing. The warehouse is opened to write, so that it is migrated.
"""

from __future__ import annotations

import difflib
from contextlib import ExitStack
from dataclasses import dataclass, replace

from tasks.contracts.choose import find_endpoint
from tasks.contracts.context import StepContext
from tasks.contracts.errors import MissingInputError
from tasks.labelers.openai import OpenAILabeler
from tasks.labelers.protocol import Task
from tasks.labeling.build import ask_endpoint
from tasks.labeling.prompt_versions import PromptVersion, describe_template, find_version, read_active
from tasks.labeling.ranked import order_fingerprint
from tasks.labeling.samples import sample_question
from tasks.llm.types import Prompt
from warehouse.connection import DATABASE, open_warehouse


@dataclass(frozen=True)
class ShownPrompt:
    """A prompt as it stands, with one request rendered; is_made_up says that its question is no item of the catalog."""

    version: PromptVersion
    sample: Prompt
    is_made_up: bool


@dataclass(frozen=True)
class PromptDiff:
    """Two versions of a prompt, a unified diff of what they tell, and how many labels would be due again.

    notes say what else the labels hang on, where the texts alone don't tell.
    """

    before: PromptVersion
    now: PromptVersion
    diff: str
    n_due: int
    notes: tuple[str, ...] = ()


def show_prompt(task: Task, context: StepContext) -> ShownPrompt:
    """What a model would be told today. Raises ConfigError for topics of a catalog without a taxonomy."""
    labeler = _labeler(task, context)
    with ExitStack() as stack:
        has_warehouse = (context.folder / DATABASE).exists()
        warehouse = stack.enter_context(open_warehouse(context.folder)) if has_warehouse else None
        question, is_made_up = sample_question(task, context, warehouse)
    sample = labeler.estimate(task, [question]).sample
    if sample is None:
        raise MissingInputError(f"the prompt of task {task!r} could not be shown: no request was rendered")
    return ShownPrompt(describe_template(labeler.template(task)), sample, is_made_up)


def compare_prompts(task: Task, context: StepContext, *, against: str | None) -> PromptDiff:
    """Today's prompt against the one whose labels count, or against the one with the given hash.

    Raises MissingInputError where nobody has labeled yet, or whoever did has no prompt.
    """
    if not (context.folder / DATABASE).exists():
        raise MissingInputError(f"there is no warehouse in {str(context.folder)!r} yet; run the stage {task} first")
    labeler = _labeler(task, context)
    now = describe_template(labeler.template(task))
    with open_warehouse(context.folder) as warehouse:
        active = read_active(warehouse, catalog=context.catalog.name, task=task)
        before = find_version(warehouse, task=task, prompt_hash=against) if against else active.prompt
    if before is None:
        raise MissingInputError(
            f"the labels of {task!r} in catalog {context.catalog.name!r} are by {active.labeler}, and no prompt of theirs"
            " is on record; say --against HASH for another"
        )
    judged = order_fingerprint(labeler, context.catalog.judge)
    is_same = (judged if task == "judge" else labeler.fingerprint(task)) == active.fingerprint
    notes = []
    if before.hash == now.hash and not is_same and not against:
        notes.append(f"the prompt is the same, but model or endpoint are not those of {active.labeler}")
    if before.hash != now.hash and before.text == now.text:
        notes.append("the texts are the same; what is redacted from questions has changed")
    lines = difflib.unified_diff(
        before.text.splitlines(),
        now.text.splitlines(),
        f"{task} {before.hash} (version {before.version})",
        f"{task} {now.hash} (version {now.version}, today)",
        lineterm="",
    )
    return PromptDiff(before, now, "\n".join(lines), 0 if is_same else active.n_labels, tuple(notes))


def _labeler(task: Task, context: StepContext) -> OpenAILabeler:
    """The labeler that would ask a model, key or no key; how it is asked says nothing of the prompt."""
    return ask_endpoint(task, context, replace(find_endpoint(task, context), mode="online"))
