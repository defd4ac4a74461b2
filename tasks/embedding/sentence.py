"""Embeds text with a sentence-transformers model. Reads the model's folder; writes nothing, calls no network."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING

import numpy as np

from tasks.contracts.errors import ModelFileError
from tasks.embedding.model_files import PACKAGED_MODEL, find_model_folder, hash_model_folder, verify_packaged_weights
from tasks.embedding.protocol import Matrix, Progress

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

EMBEDDER_VERSION = "1"
"""Raise it when what we do around the model changes the vectors."""

MAX_TOKENS = 256
"""all-MiniLM-L6-v2 was trained on texts of at most 256 word pieces; longer texts are cut there."""

MIN_BATCH, MAX_BATCH, BATCH_CHARS = 32, 512, 32_000
"""Texts a batch: 32 long ones, or as many short ones as make up as much work; single words run four times faster so."""

_PRECISION = "float32"


class SentenceEmbedder:
    """A sentence-transformers model from a folder. The model itself is loaded when the first text is encoded."""

    def __init__(self, folder: Path, *, name: str, weights_hash: str, device: str = "cpu") -> None:
        """weights_hash identifies the model's files in the fingerprint; device is torch's ("cpu", "cuda")."""
        self._folder = folder
        self._name = name
        self._device = device
        parts = (weights_hash, str(MAX_TOKENS), _PRECISION, EMBEDDER_VERSION)
        self._fingerprint = hashlib.sha256("|".join(parts).encode()).hexdigest()[:16]
        self._model: SentenceTransformer | None = None
        self._dimension: int | None = None
        self._lock = Lock()

    @property
    def name(self) -> str:
        return self._name

    @property
    def fingerprint(self) -> str:
        return self._fingerprint

    @property
    def dimension(self) -> int:
        """d; loads the model."""
        if self._dimension is None:
            with self._lock:
                self._dimension = self._load().get_embedding_dimension()
        if self._dimension is None:
            raise ModelFileError(f"embedding model {self._name!r} does not state its dimension; choose another model")
        return self._dimension

    def encode(self, texts: Sequence[str], *, on_progress: Progress | None = None) -> Matrix:
        """Unit vectors, float32, shape (n, d), in the order of `texts`.

        Texts are taken in order of length, since a batch costs as much as its longest text. A text's vector can differ by
        about 1e-7 with the texts that share its batch (padding changes the order of floating-point sums).
        """
        vectors = np.empty((len(texts), self.dimension), dtype=np.float32)
        order = sorted(range(len(texts)), key=lambda index: -len(texts[index]))
        done = 0
        while done < len(order):
            longest = len(texts[order[done]])
            batch = order[done : done + min(MAX_BATCH, max(MIN_BATCH, BATCH_CHARS // max(1, longest)))]
            vectors[batch] = self._encode_batch([texts[index] for index in batch])
            done += len(batch)
            if on_progress is not None:
                on_progress(done, len(order))
        return vectors

    def _encode_batch(self, texts: list[str]) -> Matrix:
        with self._lock:
            encoded = self._load().encode(
                texts, batch_size=len(texts), normalize_embeddings=True, show_progress_bar=False
            )
        return np.asarray(encoded, dtype=np.float32)

    def _load(self) -> SentenceTransformer:
        if self._model is None:
            # Imported here because torch and transformers take seconds, which a step with nothing to embed need not pay.
            from sentence_transformers import SentenceTransformer
            from transformers.utils import logging

            logging.disable_progress_bar()  # type: ignore[no-untyped-call]
            self._model = SentenceTransformer(str(self._folder), device=self._device, local_files_only=True)
            self._model.max_seq_length = min(self._model.max_seq_length or MAX_TOKENS, MAX_TOKENS)
        return self._model


def load_embedder(model: str = PACKAGED_MODEL, *, device: str = "cpu") -> SentenceEmbedder:
    """The embedder for `model`: the packaged default, a local folder, or a name on the Hugging Face hub.

    The files are hashed here, in well under a second for the default; the packaged weights must carry the stated checksum.
    Raises ModelFileError.
    """
    folder = find_model_folder(model)
    if model == PACKAGED_MODEL:
        return SentenceEmbedder(
            folder, name="all-MiniLM-L6-v2", weights_hash=verify_packaged_weights(folder), device=device
        )
    return SentenceEmbedder(folder, name=model.rstrip("/"), weights_hash=hash_model_folder(folder), device=device)
