"""What the operator sees while a run works: a progress bar on a terminal, plain lines elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from rich.console import Console, ConsoleOptions, RenderableType
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.segment import Segment

from tasks.contracts.context import Progress as ProgressSink
from tasks.contracts.printing import printable
from tasks.contracts.report import StepReport

PLAIN_SECONDS = 10.0
PLAIN_WIDTH = 120


class PlainConsole(Console):
    """A console on which no text of a catalog moves the cursor, changes colours or turns what follows around."""

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        """What Rich makes of it; its own orders to the terminal are no text, and stay."""
        for segment in super().render(renderable, options):
            yield segment if segment.control else Segment(printable(segment.text), segment.style)


# Elsewhere than on a terminal (a log, a pipe) tables are not squeezed into 80 columns.
out = PlainConsole(highlight=False, soft_wrap=True, width=None if sys.stdout.isatty() else PLAIN_WIDTH)


def announce(report: StepReport) -> None:
    """One line on what a stage did, and its notes."""
    out.print(report.describe(), markup=False)
    for note in report.notes:
        out.print(f"{'':<25} {note}", markup=False, style="dim")


@contextmanager
def progress_for(title: str) -> Iterator[ProgressSink]:
    """A sink for (done, total): a bar on a terminal, a line every ten seconds elsewhere."""
    if sys.stderr.isatty():
        columns = TextColumn("{task.description}"), BarColumn(), TextColumn("{task.completed}"), TimeElapsedColumn()
        with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
            shown = bar.add_task(title, total=None)
            yield lambda done, total: bar.update(shown, completed=done, total=total)
        return
    last = time.monotonic()

    def print_line(done: int, total: int | None) -> None:
        nonlocal last
        if time.monotonic() - last >= PLAIN_SECONDS:
            last = time.monotonic()
            out.print(f"{title}: {done}{f' of {total}' if total else ''} done", markup=False)

    yield print_line
