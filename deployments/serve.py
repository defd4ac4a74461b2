"""Serves the nightly flow on a schedule, and each stage as a deployment of its own that waits to be started by hand.

    prefect server start
    PREFECT_API_URL=http://127.0.0.1:4200/api python deployments/serve.py --timezone Europe/Berlin --catalog my.toml

Runs one flow at a time: a stage that is started while the nightly works waits for it. Start it from the folder where
`nightjar.toml` and `.env` lie; see deployments/README.md.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from prefect import serve
from prefect.deployments.runner import RunnerDeployment
from prefect.schedules import Cron
from prefect.settings import PREFECT_API_URL
from prefect.types.entrypoint import EntrypointType

from flows.nightly import STAGE_FLOWS, nightly_flow
from flows.request import RunRequest
from flows.settings import load_settings
from flows.stage import load_catalogs
from tasks.contracts.errors import NightjarError

CRON = "15 3 * * *"
TAGS = ["nightjar"]


def build_deployments(request: RunRequest, *, cron: str, timezone: str) -> list[RunnerDeployment]:
    """The nightly with its schedule, and the stages without one; all with the request as their default parameter."""
    parameters = {"request": request.model_dump(mode="json", exclude_defaults=True)}
    # By module, so that a flow run finds its code from any folder.
    by_module = EntrypointType.MODULE_PATH
    nightly = nightly_flow.to_deployment(
        "nightly",
        schedule=Cron(cron, timezone=timezone),
        concurrency_limit=1,
        parameters=parameters,
        description="All stages for all catalogs, and publish.",
        tags=TAGS,
        entrypoint_type=by_module,
    )
    stages = [
        flow.to_deployment(
            stage, parameters=parameters, description=flow.description, tags=TAGS, entrypoint_type=by_module
        )
        for stage, flow in STAGE_FLOWS.items()
    ]
    return [nightly, *stages]


def make_parser() -> argparse.ArgumentParser:
    """What the command line takes: schedule and request."""
    parser = argparse.ArgumentParser(prog="serve.py", description="Serve Nightjar's flows to a Prefect server.")
    parser.add_argument("--cron", default=CRON, help="when the night runs; default: %(default)r")
    parser.add_argument("--timezone", default="UTC", help="of the schedule, for example Europe/Berlin; default: UTC")
    parser.add_argument("--catalog", type=Path, action="append", default=[], help="a catalog file; may come again")
    parser.add_argument(
        "--param",
        type=_parse_pair,
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="for [parameters]; may come again",
    )
    parser.add_argument("--warehouse", type=Path, help="folder of the warehouse; default: the setting")
    return parser


def _parse_pair(text: str) -> tuple[str, str]:
    name, sign, value = text.partition("=")
    if not sign or not name:
        raise argparse.ArgumentTypeError(f"{text!r} is not of the form NAME=VALUE")
    return name, value


def make_request(given: argparse.Namespace) -> RunRequest:
    """The request, with paths that hold whatever folder a flow run starts in. Raises NightjarError on a bad catalog."""
    settings = load_settings(warehouse=given.warehouse)
    request = RunRequest(
        catalogs=tuple(path.resolve() for path in given.catalog or settings.catalogs),
        parameters=dict(given.param),
        warehouse=settings.warehouse.resolve(),
    )
    load_catalogs(request, settings)
    return request


def main() -> None:
    """Serve until stopped; schedules stay active, so that a restart of this program loses no night."""
    parser = make_parser()
    given = parser.parse_args()
    if PREFECT_API_URL.value() is None:
        parser.error("PREFECT_API_URL is not set; run `prefect server start`, and set it to http://127.0.0.1:4200/api")
    try:
        deployments = build_deployments(make_request(given), cron=given.cron, timezone=given.timezone)
    except (NightjarError, ValueError) as error:
        parser.error(str(error))
    serve(*deployments, pause_on_shutdown=False, limit=1)


if __name__ == "__main__":
    main()
