"""An embedder for tests: each word has a fixed direction, a text is the sum of its words. Needs no model, no network."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import numpy as np

from tasks.embedding.protocol import Matrix, Progress


class HashingEmbedder:
    """Deterministic vectors from word hashes; texts that share words are close, others nearly orthogonal."""

    def __init__(self, dimension: int = 384, *, version: str = "1") -> None:
        self._dimension = dimension
        self._version = version
        self.n_encoded = 0

    @property
    def name(self) -> str:
        return "hashing"

    @property
    def fingerprint(self) -> str:
        return hashlib.sha256(f"hashing|{self._dimension}|{self._version}".encode()).hexdigest()[:16]

    @property
    def dimension(self) -> int:
        return self._dimension

    def encode(self, texts: Sequence[str], *, on_progress: Progress | None = None) -> Matrix:
        self.n_encoded += len(texts)
        vectors = np.zeros((len(texts), self._dimension), dtype=np.float32)
        for row, text in enumerate(texts):
            words = [word.strip(".,:;!?\"'()").lower() for word in text.split()] or [""]
            vectors[row] = np.sum([self._direction(word) for word in words], axis=0)
            if on_progress is not None:
                on_progress(row + 1, len(texts))
        norms = np.linalg.norm(vectors, axis=1, keepdims=True)
        return np.asarray(vectors / np.where(norms == 0, 1, norms), dtype=np.float32)

    def _direction(self, word: str) -> Matrix:
        # A plural shares the direction of its singular, as it nearly does in a real model.
        seed = int.from_bytes(hashlib.sha256(word.removesuffix("s").encode()).digest()[:8], "big")
        return np.random.default_rng(seed).standard_normal(self._dimension).astype(np.float32)
