"""What `nightjar prompts` prints: a prompt as it stands, and what has changed since labels were made with it."""

from __future__ import annotations

from collections.abc import Iterator

from flows.console import out
from flows.request import RunRequest
from flows.settings import load_settings
from flows.stage import load_catalogs, make_context, new_run_id
from tasks.contracts.context import StepContext
from tasks.labelers.protocol import Task
from tasks.labeling.prompt_views import compare_prompts, show_prompt


def print_prompt(request: RunRequest, task: Task) -> None:
    """Front matter, hash and one rendered request, for each catalog."""
    for context in _contexts(request):
        shown = show_prompt(task, context)
        made_up = ", with a made-up question" if shown.is_made_up else ""
        _print(f"--- {task} of {context.catalog.name}{made_up}")
        _print(
            f"task: {task}\nversion: {shown.version.version}\nnote: {shown.version.note}\nhash: {shown.version.hash}"
        )
        _print(f"\n# System\n\n{shown.sample.system}\n\n# User\n\n{shown.sample.user}\n")


def print_prompt_diff(request: RunRequest, task: Task, *, against: str | None) -> None:
    """A unified diff and the labels that would be due again, for each catalog."""
    for context in _contexts(request):
        compared = compare_prompts(task, context, against=against)
        before, now = compared.before.hash, compared.now.hash
        same = f"is {now}, as it was" if before == now else f"was {before} and is {now}"
        _print(f"--- {task} of {context.catalog.name}: the prompt {same}")
        for text in filter(None, (compared.diff, *compared.notes)):
            _print(text)
        _print(f"{compared.n_due} labels would be due again")


def _contexts(request: RunRequest) -> Iterator[StepContext]:
    settings = load_settings(warehouse=request.warehouse)
    opened = request.model_copy(update={"run_id": new_run_id()})
    for file, catalog in load_catalogs(opened, settings):
        yield make_context(opened, settings, file, catalog)


def _print(text: str) -> None:
    out.print(text, markup=False, soft_wrap=True)
