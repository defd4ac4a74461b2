"""The warehouse's time: naive UTC."""

from __future__ import annotations

from datetime import UTC, datetime


def utc_now() -> datetime:
    """Now, in UTC and without a zone, as every `_at` column has it."""
    return datetime.now(UTC).replace(tzinfo=None)
