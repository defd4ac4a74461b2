"""What `nightjar replicate` and `nightjar verify --at` do and print."""

from __future__ import annotations

from flows.console import out
from flows.settings import Settings
from tasks.replicas import send_replicas, verify_replicated
from tasks.runs import hold_lock


def send_to_replicas(settings: Settings) -> None:
    """Copy the latest publication to every address of `publish_to`, and say what was sent."""
    with hold_lock(settings.warehouse):
        for replica in send_replicas(settings.warehouse, settings.publish_to, keep=settings.keep_publications):
            out.print(replica.describe(), markup=False)


def print_replica_verification(address: str, publication_id: str | None) -> None:
    """Say that a publication at an address is whole; WarehouseError says what is not."""
    state = verify_replicated(address, publication_id)
    out.print(
        f"publication {state.publication_id} at {state.address} is whole: {state.n_files} files, {state.n_rows} rows,"
        " read and compared with their checksums",
        markup=False,
    )
