"""The texts and tables of a run's artifacts: Markdown for people, rows for tables. What comes from a catalog is escaped."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from flows.settings import Settings
from tasks.account import RunAccount
from tasks.contracts.plan import PlanLine

SHOWN_METRICS = ("ndcg@10", "precision@10", "recall@10", "mrr@10", "coverage@10")
SHOWN_ROWS = 5
SHOWN_CHARS = 300
NEXT = {
    "completed": "Nothing is to be done.",
    "partial": "Questions stay due: a budget was reached or a batch still runs. Start the same deployment again, or wait"
    " for tonight; it goes on from there, and nothing is paid for twice.",
    "gated": "Nothing was published; the last publication stands. The artifact `gates` shows which rows and the mend. Mend"
    " it, then retry this run, or start the deployment of the stage.",
    "failed": "Nothing was published after the failed stage; the last publication stands. Read the message, mend it, and"
    " retry this run: what is labeled stays labeled, and nothing is paid for twice.",
    "interrupted": "The process was stopped. Retry this run; it goes on from there.",
}


def summary_text(account: RunAccount, *, links: str) -> str:
    """Status, what to do next, the stages, what was published."""
    run = account.run
    published = f"`{run['publication_id']}`" if run["publication_id"] else "nothing new"
    lines = [
        f"# {run['status'].capitalize()}: {run['as_of']}, {escape(', '.join(run['catalogs']))}",
        "",
        f"**{NEXT.get(run['status'], '')}**",
        "",
        *([escape(run["message"]), ""] if run["message"] else []),
        f"Run `{run['run_id']}`, {run['seconds']} seconds, at most {run['peak_rss_mb']:.0f} MiB, version {run['code_version']}.",
        f"Published: {published}.",
        "",
        "| stage | catalog | status | in | out | dropped | requests | cost $ | seconds |",
        "|---|---|---|---:|---:|---|---:|---:|---:|",
    ]
    lines += [_stage_line(row) for row in account.stages.to_dicts()]
    notes = [
        f"- {escape(row['stage'])} {escape(row['catalog'])}: {escape(note)}"
        for row in account.stages.to_dicts()
        for note in row["notes"]
        if row["status"] != "completed" or note.startswith("warning: ")
    ]
    return "\n".join([*lines, *(["", "## Worth reading", "", *notes] if notes else []), "", "## Pages", "", links])


def gates_text(account: RunAccount) -> str:
    """Which expectations failed, on which rows, and what to do about it."""
    failed = account.gates.to_dicts()
    critical = sum(row["severity"] == "critical" for row in failed)
    head = f"# {account.n_gates} expectations checked, {critical} critical failures, {len(failed) - critical} warnings"
    return "\n".join([head, *(part for row in failed for part in _gate_lines(row))])


def links_text(account: RunAccount, settings: Settings, *, report: Path | None) -> str:
    """Where the pages of the run and of the warehouse are: links where a server shows them, else paths."""
    folder, run = settings.warehouse.resolve(), account.run
    pages = [("The run's report", report), ("Data Docs, with all gates", folder / "data_docs" / "index.html")]
    lines = [f"- {_link(name, path, settings)}" for name, path in pages if path is not None and path.exists()]
    if run["publication_id"]:
        lines.append(f"- The publication: `{folder / 'published' / 'runs' / run['publication_id']}`")
    return "\n".join(lines or ["No page was written."])


def metric_rows(account: RunAccount) -> list[dict[str, Any]]:
    """A row a catalog and ranker, with the interval of NDCG@10."""
    rows: dict[tuple[str, str], dict[str, Any]] = {}
    for one in account.metrics.to_dicts():
        name = f"{one['metric']}@{one['k']}"
        if name not in SHOWN_METRICS or one["value"] is None:
            continue
        row = rows.setdefault((one["catalog"], one["ranker"]), {"catalog": one["catalog"], "ranker": one["ranker"]})
        row[name] = round(one["value"], 4)
        if name == SHOWN_METRICS[0] and one["ci_low"] is not None:
            row["95 % interval"] = f"{one['ci_low']:.3f} to {one['ci_high']:.3f}"
        row["users"] = one["n_users"]
    names = ("catalog", "ranker", SHOWN_METRICS[0], "95 % interval", *SHOWN_METRICS[1:], "users")
    ordered = sorted(rows.values(), key=lambda row: (row["catalog"], -row.get(SHOWN_METRICS[0], 0.0)))
    return [{name: row.get(name, "") for name in names} for row in ordered]


def cost_rows(account: RunAccount) -> list[dict[str, Any]]:
    """A row a stage and catalog that asked a model, and their sum; none if nobody was asked."""
    names = ("requests", "tokens_in", "tokens_out", "cost_usd")
    asked = [row for row in account.stages.to_dicts() if row["requests"]]
    rows = [{"stage": row["stage"], "catalog": row["catalog"], **{name: row[name] for name in names}} for row in asked]
    total = {name: sum(row[name] for row in asked) for name in names}
    return [*rows, {"stage": "all", "catalog": "all", **total}] if rows else []


def plan_rows(lines: Sequence[PlanLine]) -> list[dict[str, Any]]:
    """A row a stage, catalog and labeler."""
    return [
        {
            "stage": line.stage,
            "catalog": line.catalog,
            "labeler": line.labeler,
            "rows due": line.rows_due,
            "requests": line.requests,
            "tokens": line.tokens_in + line.tokens_out,
            "cost $": "no price set" if line.cost_usd is None else round(line.cost_usd, 4),
            "note": line.note,
        }
        for line in lines
    ]


def escape(text: str) -> str:
    """Text that Markdown shows as it is, on one line: no markup, no link, no cell of a table.

    >>> escape("<b>a|b</b> [x](y)")
    '&lt;b&gt;a\\\\|b&lt;/b&gt; \\\\[x\\\\](y)'
    """
    return re.sub(r"([\\`*_\[\]|#~])", r"\\\1", html.escape(" ".join(text.split()), quote=False))


def _stage_line(row: Mapping[str, Any]) -> str:
    dropped = ", ".join(f"{count} {reason}" for reason, count in json.loads(row["dropped"]).items() if count)
    cells = (row["stage"], row["catalog"], row["status"], f"{row['rows_in']:,}", f"{row['rows_out']:,}", dropped)
    asked = (f"{row['requests']:,}", f"{row['cost_usd']:.4f}") if row["requests"] else ("", "")
    seconds = f"{row['seconds']:.1f}"
    return f"| {' | '.join(escape(cell) for cell in (*cells, *asked, seconds))} |"


def _gate_lines(row: Mapping[str, Any]) -> list[str]:
    column = f" of {row['column_name']}" if row["column_name"] else ""
    where = f"{row['expectation']}{column}"
    return [
        "",
        f"## {escape(row['severity'].capitalize())}: {escape(row['catalog'])} {escape(row['suite'])}, {escape(where)}",
        "",
        f"Observed {escape(row['observed'])}, expected {escape(row['expected'])}; {row['n_unexpected']} rows.",
        "",
        f"**What to do:** {escape(row['mend'])}.",
        "",
        *_sample_lines(json.loads(row["sample"])),
    ]


def _sample_lines(sample: list[Any]) -> list[str]:
    rows = [one for one in sample if isinstance(one, dict)][:SHOWN_ROWS]
    if not rows:
        return []
    names = list(rows[0])
    lines = [f"| {' | '.join(escape(name) for name in names)} |", f"|{'---|' * len(names)}"]
    return [*lines, *(f"| {' | '.join(_cell(row.get(name)) for name in names)} |" for row in rows)]


def _cell(value: object) -> str:
    text = "" if value is None else str(value)
    return escape(text if len(text) <= SHOWN_CHARS else text[: SHOWN_CHARS - 1] + "…")


def _link(name: str, path: Path, settings: Settings) -> str:
    """A link through the server of pages, for a browser follows none from there to a file."""
    folder = settings.warehouse.resolve()
    if settings.pages_url is None or not path.resolve().is_relative_to(folder):
        return f"{name}: `{path}`"
    return f"[{name}]({settings.pages_url.rstrip('/')}/{path.resolve().relative_to(folder).as_posix()})"
