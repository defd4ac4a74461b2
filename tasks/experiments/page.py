"""Findings as one Markdown page with its pictures beside it; a page holds a part for each catalog."""

from __future__ import annotations

import platform
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from tasks.experiments.findings import Findings, Table
from tasks.experiments.plots import draw_plot


@dataclass(frozen=True)
class Part:
    """One catalog's findings. facts: name and value of what a reader needs to get the same again."""

    catalog: str
    title: str
    facts: Mapping[str, str]
    findings: Findings


def write_page(name: str, parts: Sequence[Part], *, command: str, folder: Path) -> list[Path]:
    """Write <folder>/<name>.md and its pictures; the paths written, the page first. Files of the same names are replaced."""
    folder.mkdir(parents=True, exist_ok=True)
    page = folder / f"{name}.md"
    pictures = []
    for part in parts:
        for plot in part.findings.plots:
            pictures.append(folder / picture_name(name, part.catalog, plot.name))
            draw_plot(plot, pictures[-1])
    page.write_text(render_page(name, parts, command=command), encoding="utf-8")
    return [page, *pictures]


def picture_name(name: str, catalog: str, plot: str) -> str:
    """The file of a plot beside the page."""
    return f"{name}-{catalog}-{plot}.png"


def render_page(name: str, parts: Sequence[Part], *, command: str) -> str:
    """The page as Markdown."""
    lines = [f"# Experiment: {name}", "", parts[0].findings.question, "", "```bash", command, "```", ""]
    for part in parts:
        lines += _render_part(name, part)
    return "\n".join(lines).rstrip() + "\n"


def _render_part(name: str, part: Part) -> list[str]:
    findings = part.findings
    lines = [f"## {part.title or part.catalog}", ""]
    facts = {**part.facts, "seed": str(findings.seed), "versions": describe_versions(findings.packages)}
    lines += [f"- {label}: {value}" for label, value in facts.items()] + [""]
    lines += _paragraphs("### Protocol", findings.protocol)
    lines += ["### Results", ""]
    lines += [f"- {verdict}" for verdict in findings.verdicts] + ([""] if findings.verdicts else [])
    for table in findings.tables:
        lines += [*render_table(table), ""]
    for plot in findings.plots:
        lines += [f"![{plot.title}]({picture_name(name, part.catalog, plot.name)})", ""]
    return lines + _paragraphs("### How to read it", findings.reading)


def render_table(table: Table) -> list[str]:
    """A table's lines; a bar in a text is written as its entity, for it would end the cell."""
    head = [f"**{table.title}**", ""] if table.title else []
    rows = [_row(table.columns), "|" + "---|" * len(table.columns), *map(_row, table.rows)]
    return head + rows + (["", table.note] if table.note else [])


def describe_versions(packages: Sequence[str]) -> str:
    """Python's version and those of the packages."""
    return ", ".join(
        [f"Python {platform.python_version()}", *(f"{package} {version(package)}" for package in packages)]
    )


def _row(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "&#124;") for cell in cells) + " |"


def _paragraphs(heading: str, texts: Sequence[str]) -> list[str]:
    return [heading, "", *[line for text in texts for line in (text, "")]] if texts else []
