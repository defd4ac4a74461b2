"""Readers: one file a format. Each streams rows out, with what is wrong with each; memory holds one batch.

read_batches reads a source of a catalog. A format module yields raw rows; `plan` maps columns, `normalise` types and
cleans values, and what does not fit becomes a BadRow with a reason. Nothing is dropped silently, nothing is invented.
"""

from tasks.readers.look import Look, look_at
from tasks.readers.read import read_batches
from tasks.readers.rows import BadRow, Batch
from tasks.readers.schema import INTERACTION_SCHEMA, ITEM_SCHEMA, USER_SCHEMA

__all__ = ["INTERACTION_SCHEMA", "ITEM_SCHEMA", "USER_SCHEMA", "BadRow", "Batch", "Look", "look_at", "read_batches"]
