"""Hashes of ids, shared with the other rooms: see tasks/contracts/hashing.py."""

from tasks.contracts.hashing import hash_ids, hash_pairs

__all__ = ["hash_ids", "hash_pairs"]
