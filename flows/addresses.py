"""Checks the addresses of the setting `publish_to`: where the publication is copied to besides the warehouse."""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import urlsplit

from tasks.contracts.errors import ConfigError

BUCKETED = {"s3", "s3a", "gs", "gcs"}


def check_addresses(addresses: Sequence[str]) -> None:
    """Raises ConfigError for an address that is empty, names no bucket or holds a password, which is not repeated."""
    for address in addresses:
        if not address.strip():
            raise ConfigError(
                "settings: publish_to has an empty address; write a folder or a URL such as s3://bucket/prefix"
            )
        parts = urlsplit(address)
        if parts.password is not None:
            raise ConfigError(
                f"settings: an address of publish_to ({parts.scheme}://{parts.hostname or ''}{parts.path}) holds a password;"
                " leave it out, for credentials belong in the environment: AWS_ACCESS_KEY_ID and so on (docs/settings.md)"
            )
        if parts.scheme in BUCKETED and not parts.netloc:
            raise ConfigError(
                f"settings: the address {address!r} of publish_to names no bucket; write {parts.scheme}://BUCKET/PREFIX"
            )
