"""report: the page of a run, written (again) from the page of Prefect; the same as `nightjar report`."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

from flows.artifacts import leave_artifacts
from flows.report import write_report
from flows.served import flow, say
from flows.settings import load_settings


class ReportRequest(BaseModel):
    """The run that is reported on."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    run: str = Field(
        "",
        title="Run",
        description="For example 20261121T031500-kqzb. Empty: the last that ended.",
        pattern=r"^[\w-]*$",
    )

    @property
    def named(self) -> str:
        """The run, for the name of the flow run."""
        return self.run or "last"


@flow(name="report", run_name="report {request.named}")
def report_flow(request: ReportRequest) -> str:
    """Write the report of a run; its path."""
    settings = load_settings()
    path = write_report(settings.warehouse, request.run or None)
    say(f"report: {path}")
    leave_artifacts(settings, path.stem, report=path)
    return str(path)
