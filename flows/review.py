"""What `nightjar review` prints: what was written for people, what their answers came to, and how far all agree."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

import polars as pl

from flows.console import out
from flows.request import RunRequest
from flows.settings import Settings, load_settings
from flows.stage import load_catalogs
from flows.tables import plain_table
from tasks.contracts.catalog import Catalog
from tasks.contracts.errors import ConfigError
from tasks.reviewing.bring_in import BroughtIn, Reviewers, bring_in
from tasks.reviewing.label_studio import make_config
from tasks.reviewing.standing import read_standing
from tasks.reviewing.write_out import REASONS, SUFFIXES, Form, write_doubtful

SHOWN_REFUSED = 50


def print_written(
    request: RunRequest, path: Path, *, task: str, form: Form | None, n: int, why: str, includes_answered: bool
) -> None:
    """Write the doubtful questions, and say how many were chosen for which reason."""
    settings, catalogs = _read(request)
    written = write_doubtful(
        settings.warehouse,
        catalogs,
        path,
        task=task,
        form=form or _form_of(path),
        n=n,
        reasons=_reasons(why),
        includes_answered=includes_answered,
    )
    if not written.n_questions:
        _print(
            f"no question of {task} is doubtful for these reasons, or people have answered them all; no file written"
        )
        return
    reasons = ", ".join(f"{count} {reason}" for reason, count in sorted(written.by_reason.items()))
    _print(
        f"{written.n_questions} questions of {task} in {path} ({reasons}); bring answers back with `nightjar review import`"
    )


def print_config(request: RunRequest, *, task: str) -> None:
    """The labeling configuration as XML, as it stands: it is meant for a file."""
    _, catalogs = _read(request)
    topics = {topic.name: topic for catalog in catalogs for topic in catalog.taxonomy}
    if task == "topics" and not topics:
        raise ConfigError("none of the catalogs has a [[taxonomy]]; there are no topics to choose from")
    sys.stdout.write(make_config(task, topics.values()))


def print_brought_in(request: RunRequest, path: Path, *, reviewers: Sequence[str], refused: Path | None) -> bool:
    """Bring answers in and say what became of each row; whether any of them counts now."""
    if refused is not None and refused.exists():
        raise ConfigError(f"--refused {str(refused)!r} exists; give the name of a new file")
    settings, catalogs = _read(request)
    found = bring_in(settings.warehouse, catalogs, path, reviewers=parse_reviewers(reviewers))
    n_imported, n_unchanged = found.count("imported"), found.count("unchanged")
    _print(
        f"{path}: {n_imported} imported, {n_unchanged} unchanged, {sum(found.skipped.values())} skipped,"
        f" {found.count('refused')} refused"
    )
    for reason, count in sorted(found.skipped.items()):
        _print(f"  skipped {count}: {reason}")
    _print_refused(found, refused)
    if not n_imported + n_unchanged:
        _print("nothing could be imported")
    return bool(n_imported + n_unchanged)


def print_standing(request: RunRequest) -> None:
    """Reviewed questions, reviewers and ties, and the agreement of people and labelers."""
    settings, catalogs = _read(request)
    standing = read_standing(settings.warehouse, catalogs)
    if standing.counts.is_empty():
        _print("people have reviewed nothing yet; begin with `nightjar review export FILE`")
        return
    out.print(plain_table(standing.counts, "reviewed by people (a tie gives no label)"))
    if standing.agreement.is_empty():
        _print("agreement: none; no question has an answer of a second voice")
        return
    out.print(plain_table(standing.agreement.with_columns(pl.col(pl.Float64).round(3)), "agreement"))


def _print_refused(found: BroughtIn, path: Path | None) -> None:
    if found.refused.is_empty():
        return
    reasons = found.outcomes.filter(pl.col("outcome") == "refused")
    for row in reasons.group_by("problem", maintain_order=True).agg(pl.col("n_rows").sum()).to_dicts():
        _print(f"  refused {row['n_rows']}: {row['problem']}")
    if path is not None:
        with path.open("w", encoding="utf-8") as file:
            file.write(found.refused.write_csv())
        _print(f"  all refused rows are in {path}")
        return
    for row in found.refused.head(SHOWN_REFUSED).to_dicts():
        what = row["ids"] or row["question_key"]
        _print(f"  row {row['row']}{f' ({what})' if what else ''}: {row['problem']}")
    if found.refused.height > SHOWN_REFUSED:
        _print(f"  and {found.refused.height - SHOWN_REFUSED} more; say --refused FILE.csv to have them all in a file")


def _read(request: RunRequest) -> tuple[Settings, list[Catalog]]:
    settings = load_settings(warehouse=request.warehouse)
    return settings, [catalog for _, catalog in load_catalogs(request, settings)]


def _form_of(path: Path) -> Form:
    if path.suffix not in SUFFIXES:
        raise ConfigError(
            f"file {str(path)!r} ends in neither .csv nor .json; say --format csv or --format label-studio"
        )
    return SUFFIXES[path.suffix]


def _reasons(why: str) -> list[str]:
    named = [part.strip() for part in why.split(",") if part.strip()]
    unknown = [part for part in named if part not in REASONS]
    if unknown or not named:
        raise ConfigError(f"--why {(unknown or [why])[0]!r} is no reason; expected some of {', '.join(REASONS)}")
    return named


def parse_reviewers(given: Sequence[str]) -> Reviewers:
    """NAME is the default, SHOWN=NAME renames. Raises ConfigError for two defaults or an empty name."""
    defaults = [text.strip() for text in given if "=" not in text]
    renamed = {shown.strip(): name.strip() for shown, sign, name in (text.partition("=") for text in given) if sign}
    if len(defaults) > 1:
        raise ConfigError(
            f"--reviewer names both {defaults[0]!r} and {defaults[1]!r}; name one, and rename others by OLD=NEW"
        )
    if not all((*defaults, *renamed, *renamed.values())):
        raise ConfigError("--reviewer has an empty name; write NAME, or OLD=NEW")
    return Reviewers(defaults[0] if defaults else "", renamed)


def _print(text: str) -> None:
    out.print(text, markup=False, soft_wrap=True)
