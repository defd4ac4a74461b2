"""The workers of a run: Prefect's DaskTaskRunner, opened once a run where the settings give an address.

The runner is opened and its client used as it is: what workers run are plain functions and no task runs of Prefect, for a
task run reports to Prefect's API, which a worker would have to reach, and costs many times what handing out a shard does.
The stages remain the task runs that Prefect shows.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

from flows.scale_settings import ScaleSection
from tasks.contracts.errors import ConfigError
from tasks.contracts.sharding import ShardPool

if TYPE_CHECKING:
    import distributed

CONNECT_SECONDS = 15

_open: list[ShardPool] = []


@contextmanager
def open_pool(scale: ScaleSection, *, run_id: str, owner: str) -> Iterator[None]:
    """Connect to the cluster of the settings for as long as the block lasts; without an address nothing happens.

    owner: whose run it is, by which what a dead run left in the shared folder is swept. Raises ConfigError where no
    scheduler answers or the packages are absent, StepError where no worker can be used.
    """
    if scale.dask_address is None or scale.shared is None:
        yield
        return
    with ExitStack() as stack:
        client = stack.enter_context(_connect(scale.dask_address))
        # Imported here: without an address nothing of Dask is loaded.
        from tasks.sharding.dask_pool import DaskPool

        pool = DaskPool(
            client,
            shared=scale.shared,
            run_id=run_id,
            owner=owner,
            worker_wait_s=scale.worker_wait_s,
            train_rows=scale.train_rows,
        )
        _open.append(stack.enter_context(pool))
        stack.callback(_open.pop)
        yield


def current_pool() -> ShardPool | None:
    """The pool of the run that is under way; None: all is computed here."""
    return _open[-1] if _open else None


@contextmanager
def _connect(address: str) -> Iterator[distributed.Client]:
    try:
        from prefect_dask import DaskTaskRunner
    except ImportError as error:
        raise ConfigError(
            f"scale.dask_address is set, but {error.name} is not installed; install nightjar[dask], or unset it"
        ) from error
    with ExitStack() as stack:
        runner = stack.enter_context(DaskTaskRunner(address=address, client_kwargs={"timeout": CONNECT_SECONDS}))
        try:
            client = runner.client
        except (OSError, TimeoutError) as error:
            raise ConfigError(
                f"no Dask scheduler answers at scale.dask_address = {address!r} ({error}); start `dask scheduler`, or correct it"
            ) from error
        yield client
