"""review-import: a file of people's answers -> human_labels. The same as `nightjar review import`, from the page."""

from __future__ import annotations

from pathlib import Path

from prefect.artifacts import create_markdown_artifact
from prefect.logging import get_run_logger
from pydantic import BaseModel, ConfigDict, Field

from flows.artifact_texts import escape
from flows.request import StageRequest
from flows.review import parse_reviewers
from flows.served import flow
from flows.settings import load_settings
from flows.stage import load_catalogs
from tasks.contracts.errors import StepError
from tasks.reviewing.bring_in import BroughtIn, bring_in

SHOWN_REFUSED = 20


class ReviewRequest(BaseModel):
    """A file with people's answers."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    file: Path = Field(
        title="File",
        description="Our CSV, Label Studio's JSON or JSON-MIN, or plain gold; a path on the machine that runs the flows.",
        json_schema_extra={"position": 0},
    )
    catalogs: tuple[Path, ...] = Field(
        (),
        title="Catalogs",
        description="Catalog files; with none, those that the last run knew.",
        json_schema_extra={"position": 1},
    )
    reviewers: tuple[str, ...] = Field(
        (),
        title="Reviewers",
        description="Who answered, where the file does not say; OLD=NEW renames one that it does.",
        json_schema_extra={"position": 2},
    )


@flow(name="review-import", run_name="review-import {request.file.name}")
def review_import_flow(request: ReviewRequest) -> dict[str, int]:
    """Bring people's answers in; how many rows were imported, unchanged, skipped and refused.

    Raises StepError if none could be imported.
    """
    settings = load_settings()
    wanted = StageRequest.model_validate({"catalogs": request.catalogs})
    catalogs = [catalog for _, catalog in load_catalogs(wanted, settings)]
    found = bring_in(settings.warehouse, catalogs, request.file, reviewers=parse_reviewers(request.reviewers))
    counts = {name: found.count(name) for name in ("imported", "unchanged", "refused")}
    counts["skipped"] = sum(found.skipped.values())
    told = ", ".join(f"{count} {name}" for name, count in counts.items())
    get_run_logger().info("%s: %s", request.file, told)
    create_markdown_artifact(
        _text(request.file, told, found), key="review-import", description=f"answers of {request.file.name}"
    )
    if not counts["imported"] + counts["unchanged"]:
        raise StepError(f"no row of {str(request.file)!r} could be imported; the artifact `review-import` says why")
    return counts


def _text(file: Path, told: str, found: BroughtIn) -> str:
    lines = [f"# Answers of {escape(file.name)}", "", told, ""]
    lines += [f"- skipped {count}: {escape(reason)}" for reason, count in sorted(found.skipped.items())]
    lines += [
        f"- refused, row {row['row']}: {escape(row['problem'])}" for row in found.refused.head(SHOWN_REFUSED).to_dicts()
    ]
    rest = found.refused.height - SHOWN_REFUSED
    return "\n".join([*lines, *([f"- and {rest} more refused rows"] if rest > 0 else [])])
