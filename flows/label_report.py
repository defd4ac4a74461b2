"""What `nightjar label report`, `compare` and `list` print: where a page lies, how two labelings differ, which there are."""

from __future__ import annotations

from pathlib import Path

from flows.console import out
from flows.request import RunRequest
from flows.settings import Settings, load_settings
from flows.stage import load_catalogs
from flows.tables import plain_table
from tasks.contracts.catalog import Catalog
from tasks.contracts.errors import ConfigError
from tasks.label_compare import Comparison, compare_labelings, list_labelings
from tasks.label_pages import write_label_pages
from tasks.reporting.render import format_figure
from tasks.reporting.versus import format_p


def print_pages(request: RunRequest, *, output: Path | None) -> None:
    """Write a page a catalog, and say where each lies. Raises ConfigError for one file and several catalogs."""
    settings, catalogs = _read(request)
    if output is not None and len(catalogs) > 1:
        raise ConfigError(
            f"--output {str(output)!r} is one file, and there are {len(catalogs)} catalogs; choose one with --catalog FILE"
        )
    for path in write_label_pages(settings.warehouse, catalogs, output=output):
        _print(str(path))


def print_comparison(request: RunRequest, before: str, after: str, *, task: str, output: Path | None) -> None:
    """What changed between two labelings, and which is better on people's labels."""
    settings, catalogs = _read(request)
    if output is not None and output.exists():
        raise ConfigError(f"--output {str(output)!r} exists; give the name of a new file")
    for found in compare_labelings(settings.warehouse, catalogs, before, after, task=task, output=output):
        _print_one(found)
    if output is not None:
        _print(f"changed answers are in {output}" if output.exists() else "no answer changed; no file written")


def print_labelings(request: RunRequest, *, task: str | None) -> None:
    """The labelings that `compare` may be given."""
    settings, catalogs = _read(request)
    for catalog in catalogs:
        known = list_labelings(settings.warehouse, catalog.name, task=task)
        if known.is_empty():
            what = f"no labels of {task}" if task else "no labels"
            _print(f"{catalog.name}: {what} yet; run `nightjar label {task or 'topics'}` first")
            continue
        out.print(plain_table(known, f"labelings of {catalog.name}"))


def _print_one(found: Comparison) -> None:
    first, second = found.before, found.after
    _print(f"--- {found.task} of {found.catalog}")
    _print(f"A: {first.describe()}\nB: {second.describe()}")
    if not found.n_both:
        _print("no question of today has an answer of both; there is nothing to compare")
        return
    _print(
        f"{found.n_both} questions answered by both, {found.n_changed} answers changed ({found.n_changed / found.n_both:.1%})"
    )
    if found.n_changed:
        shown = found.changes.rename({"before": "from", "after": "to", "n": "changed", "n_gold": "seen by people"})
        out.print(plain_table(shown.rename({"n_better": "for the better", "n_worse": "for the worse"})))
        rest = found.n_changed - int(found.changes["n"].sum())
        if rest:
            _print(f"and {rest} more between other answers")
    versus = found.versus
    if versus.n:
        _print(
            f"on {versus.n} of people's labels: accuracy A {format_figure(versus.before)}, B {format_figure(versus.after)}"
        )
        if versus.kappa is not None:
            _print(f"quadratic kappa, B less A: {format_figure(versus.kappa)}")
        _print(
            f"{versus.n_better} changed for the better, {versus.n_worse} for the worse;"
            f" McNemar's exact test: {format_p(versus.p_value)}"
        )
    if found.n_circular:
        _print(f"{found.n_circular} questions that people themselves decided are left out of this")
    _print(versus.verdict)


def _read(request: RunRequest) -> tuple[Settings, list[Catalog]]:
    settings = load_settings(warehouse=request.warehouse)
    return settings, [catalog for _, catalog in load_catalogs(request, settings)]


def _print(text: str) -> None:
    out.print(text, markup=False, soft_wrap=True)
