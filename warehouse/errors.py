"""What can go wrong with the warehouse, in one place; every message names the mend."""

from __future__ import annotations


class WarehouseError(Exception):
    """The warehouse can't do what was asked."""


class LockedError(WarehouseError):
    """Another process is using the warehouse."""


class DamagedError(WarehouseError):
    """A file of the warehouse does not hold what was written to it."""


class MigrationError(WarehouseError):
    """The migrations on disk and those recorded in the warehouse don't fit."""


class PublicationError(WarehouseError):
    """A publication that is incomplete or does not match its manifest."""


class ArchiveError(WarehouseError):
    """A backup that can't be written, is damaged, or does not fit where it is to be restored."""
