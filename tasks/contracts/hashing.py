"""Hashes that are the same on every machine and in every run: splits, shuffles and samples go by them."""

from __future__ import annotations

import hashlib

import numpy as np
import polars as pl
from numpy.typing import NDArray


def hash_ids(ids: pl.Series, seed: int) -> NDArray[np.uint64]:
    """A 64-bit hash of each id and the seed (BLAKE2b), uniform; null hashes like the empty text."""
    texts = ids.cast(pl.String).fill_null("")
    key = str(seed).encode()
    distinct = texts.unique(maintain_order=True)
    digests = b"".join(hashlib.blake2b(text.encode(), digest_size=8, key=key).digest() for text in distinct)
    codes = pl.DataFrame({"id": distinct, "hash": np.frombuffer(digests, dtype="<u8").astype(np.uint64)})
    joined = pl.DataFrame({"id": texts}).join(codes, on="id", how="left", maintain_order="left")
    return joined["hash"].to_numpy().astype(np.uint64)


def hash_pairs(user_ids: pl.Series, item_ids: pl.Series, *, seed: int) -> NDArray[np.uint64]:
    """A 64-bit hash of each pair of ids and the seed; the order of the pair matters."""
    mixed = hash_ids(user_ids, seed) * np.uint64(0x9E3779B97F4A7C15) + hash_ids(item_ids, seed)
    mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return np.asarray(mixed ^ (mixed >> np.uint64(31)), dtype=np.uint64)
