"""Replicas: what is published, at the addresses of the setting `publish_to`. Reads `published/`; writes at the addresses."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from tasks.contracts.errors import ConfigError
from warehouse.publication.replicas import Replica, ReplicaState, read_replica, replicate, verify_replica

__all__ = ["Replica", "ReplicaState", "read_replicas", "send_replicas", "verify_replicated"]


def send_replicas(folder: Path, addresses: Sequence[str], *, keep: int) -> list[Replica]:
    """Make every address show what the warehouse in `folder` shows now; the caller holds the run lock.

    Raises ConfigError without an address, and PublicationError that names the addresses that could not follow.
    """
    if not addresses:
        raise ConfigError(
            "there is nowhere to copy to: the setting publish_to is empty; name a folder or a URL such as s3://bucket/prefix there"
        )
    return replicate(folder / "published", addresses, keep=keep)


def read_replicas(addresses: Sequence[str]) -> list[ReplicaState]:
    """What each address shows now, or what is wrong there."""
    return [read_replica(address) for address in addresses]


def verify_replicated(address: str, publication_id: str | None) -> ReplicaState:
    """Read a publication at an address again, the latest unless named. Raises PublicationError."""
    return verify_replica(address, publication_id)
