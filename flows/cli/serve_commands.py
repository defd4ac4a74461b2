"""The command `nightjar serve`. Prefect reads its settings when it is imported, so that happens last."""

from __future__ import annotations

import os
import signal
import sys
from contextlib import ExitStack
from typing import Annotated

import typer

from flows.cli.state import Catalogs, Parameters, State, make_request
from flows.console import out
from flows.pages import show_pages
from flows.prefect_server import own_server, refuse_busy_port
from tasks.contracts.errors import ConfigError

app = typer.Typer()


@app.command()
def serve(
    context: typer.Context,
    catalog: Catalogs = None,
    param: Parameters = None,
    cron: Annotated[str, typer.Option(help="When the night runs; an empty text: only by hand.")] = "15 3 * * *",
    weekly_cron: Annotated[
        str, typer.Option(help="When the full evaluation runs; an empty text: by hand.")
    ] = "0 12 * * 0",
    timezone: Annotated[str, typer.Option(help="Of both, for example Europe/Berlin.")] = "UTC",
    host: Annotated[str, typer.Option(help="The address that the server and the pages listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=1, max=65535, help="Of the server.")] = 4200,
    pages_port: Annotated[
        int | None, typer.Option(min=1, max=65535, help="Of reports and Data Docs. Default: the port after --port.")
    ] = None,
) -> None:
    """Serve the flows in the Prefect UI: the night on its schedule, each stage by hand.

    Uses the server of PREFECT_API_URL; without one it starts its own and stops it at the end.

    Example: nightjar serve --catalog my.toml --timezone Europe/Berlin
    """
    state: State = context.obj
    settings = state.settings
    request = make_request(context, catalogs=catalog or list(settings.catalogs), params=param, as_of=None)
    request = request.model_copy(update={"catalogs": tuple(path.resolve() for path in request.catalogs)})
    page = f"http://{'127.0.0.1' if host == '0.0.0.0' else host}"
    given = os.environ.get("PREFECT_API_URL")
    os.environ["PREFECT_API_URL"] = given or f"{page}:{port}/api"
    if settings.pages_url is None:
        os.environ["NIGHTJAR_PAGES_URL"] = f"{page}:{pages_port or port + 1}"
    from flows.serve import Schedules, build_deployments, check_request
    from flows.serve import serve as serve_deployments

    check_request(request, settings)
    try:
        deployments = build_deployments(request, Schedules(cron, weekly_cron, timezone))
    except ValueError as error:
        raise ConfigError(f"{error}; see --cron, --weekly-cron and --timezone") from error
    # Until Prefect's own handler stands, SIGTERM must not leave a server behind.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    with ExitStack() as stack:
        if not given:
            home = (settings.warehouse / "prefect").resolve()
            out.print("starting a Prefect server …")
            stack.enter_context(own_server(home, host=host, port=port, secrets=settings.secret_variables))
        if settings.pages_url is None:
            refuse_busy_port(host, pages_port or port + 1)
            stack.enter_context(show_pages(settings.warehouse, host=host, port=pages_port or port + 1))
        page_of_prefect = os.environ["PREFECT_API_URL"].removesuffix("/api")
        out.print(f"deployments: {page_of_prefect}/deployments; stop with Ctrl-C", markup=False)
        serve_deployments(deployments, settings)
