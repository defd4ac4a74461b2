"""Entry point of `nightjar`: gathers the commands, turns our errors into messages and exit codes."""

from __future__ import annotations

import gc
import logging
import os
import sys
import traceback
from pathlib import Path
from typing import Annotated

import typer

from flows.cli import (
    care_commands,
    digest_commands,
    experiment_commands,
    inspect_commands,
    label_commands,
    llm_commands,
    model_commands,
    prompt_commands,
    publication_commands,
    replica_commands,
    report_commands,
    review_commands,
    run_commands,
    serve_commands,
)
from flows.cli.state import State
from flows.prefect_server import running_server
from flows.settings import load_settings
from tasks.contracts.errors import NightjarError
from tasks.contracts.printing import printable
from warehouse.errors import WarehouseError
from warehouse.failures import explain_failure

STOPPED = 130
"""The exit code after Ctrl-C."""

app = typer.Typer(
    name="nightjar",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="Turns a catalog into tomorrow's recommendations overnight.\n\nExample: nightjar run --catalog examples/sample/news.toml",
)
app.registered_commands += run_commands.app.registered_commands + inspect_commands.app.registered_commands
app.registered_commands += experiment_commands.app.registered_commands + care_commands.app.registered_commands
app.registered_commands += replica_commands.app.registered_commands + publication_commands.app.registered_commands
app.registered_commands += report_commands.app.registered_commands
app.registered_commands += digest_commands.app.registered_commands
run_commands.label_app.registered_commands += label_commands.app.registered_commands
app.registered_commands += serve_commands.app.registered_commands
app.add_typer(run_commands.label_app, name="label")
app.add_typer(prompt_commands.app, name="prompts")
app.add_typer(llm_commands.app, name="llm")
app.add_typer(model_commands.app, name="model")
app.add_typer(review_commands.app, name="review")
app.add_typer(publication_commands.contract_app, name="contract")
app.add_typer(care_commands.hooks_app, name="hooks")


@app.callback()
def configure(
    context: typer.Context,
    warehouse: Annotated[
        Path | None, typer.Option(help="Folder of the warehouse; default: the setting `warehouse`.")
    ] = None,
    verbose: Annotated[bool, typer.Option(help="Show what Prefect and the libraries log.")] = False,
) -> None:
    """Read the settings and prepare Prefect before it is imported."""
    settings = load_settings(warehouse=warehouse)
    context.obj = State(settings=settings, warehouse=warehouse)
    is_serving = context.invoked_subcommand == "serve"
    _prepare_prefect(settings.warehouse, verbose=verbose or is_serving, finds_server=not is_serving)


def _prepare_prefect(folder: Path, *, verbose: bool, finds_server: bool) -> None:
    """Defaults for Prefect, which reads them on import; what the operator has set stays.

    With finds_server a run goes to the server of the `nightjar serve` that is up for this warehouse, and so shows there.
    """
    home = (folder / "prefect").resolve()
    home.mkdir(parents=True, exist_ok=True)
    defaults = {
        "PREFECT_HOME": str(home),
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS": "120",
        "DO_NOT_TRACK": "1",
        "TOKENIZERS_PARALLELISM": "false",
    }
    running = running_server(home) if finds_server else None
    if running is not None and "PREFECT_HOME" not in os.environ:
        defaults["PREFECT_API_URL"] = running
    if not verbose:
        defaults["PREFECT_LOGGING_LEVEL"] = "CRITICAL"
        logging.getLogger("httpx").setLevel(logging.WARNING)
    for name, value in defaults.items():
        os.environ.setdefault(name, value)


def main() -> None:
    """Run the command line and exit with its code."""
    try:
        app()
        code: int | str | None = 0
    except (NightjarError, WarehouseError) as error:
        print(printable(f"nightjar: {explain_failure(error) or error}"), file=sys.stderr)  # noqa: T201
        code = getattr(error, "exit_code", 1)
        _let_go(error)
    except SystemExit as ended:
        code = ended.code
        if code == STOPPED:
            print("nightjar: stopped; the same command goes on from there", file=sys.stderr)  # noqa: T201
            _let_go(ended.__context__)
    except Exception as error:
        said = explain_failure(error)
        if said is None:
            raise
        print(printable(f"nightjar: {said}"), file=sys.stderr)  # noqa: T201
        code = 1
        _let_go(error)
    sys.exit(code)


def _let_go(error: BaseException | None) -> None:
    """Drop what the frames of an error hold: Prefect keeps it to the end, and DuckDB would report its objects as leaked."""
    while error is not None:
        traceback.clear_frames(error.__traceback__)
        error.__traceback__ = None
        error = error.__cause__ or error.__context__
    gc.collect()
