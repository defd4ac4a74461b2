"""Embeds text with a sentence-transformers model. Reads the model's folder; writes nothing, calls no network."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any

import numpy as np

from tasks.contracts.errors import ModelFileError
from tasks.embedding.model_files import PACKAGED_MODEL, find_model_folder, hash_model_folder, verify_packaged_weights
from tasks.embedding.precision import AUTO, Compute, choose_compute, read_machine
from tasks.embedding.protocol import Matrix, Progress

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

EMBEDDER_VERSION = "1"
"""Raise it when what we do around the model changes the vectors."""

MAX_TOKENS = 256
"""all-MiniLM-L6-v2 was trained on texts of at most 256 word pieces; longer texts are cut there."""

MIN_BATCH, MAX_BATCH, BATCH_CHARS = 16, 512, 32_000
"""Texts a batch: 16 long ones, or as many short ones as make up as much work; single words run four times faster so."""

_FLOAT32_ON_CPU = Compute("cpu", "float32", "as set")
_UNPADDED_FAMILIES = frozenset({"bert"})
"""Models whose attention is plain softmax over all places, which is what `unpadded` computes."""


class SentenceEmbedder:
    """A sentence-transformers model from a folder. The model itself is loaded when the first text is encoded."""

    def __init__(self, folder: Path, *, name: str, weights_hash: str, compute: Compute = _FLOAT32_ON_CPU) -> None:
        """weights_hash identifies the model's files in the fingerprint, and so does the precision of compute."""
        self._folder = folder
        self._name = name
        self._compute = compute
        parts = (weights_hash, str(MAX_TOKENS), compute.precision, EMBEDDER_VERSION)
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
    def compute(self) -> Compute:
        """Where and how exactly it computes, and why so."""
        return self._compute

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
        about 1e-7 with the texts that share its batch (padding changes the order of floating-point sums), in bfloat16
        by about 1e-3 where the batch is so small that the processor's library multiplies otherwise.
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
            self._model = SentenceTransformer(
                str(self._folder),
                device=self._compute.device,
                local_files_only=True,
                model_kwargs=self._model_options(),
            )
            self._model.max_seq_length = min(self._model.max_seq_length or MAX_TOKENS, MAX_TOKENS)
            if self._compute.precision == "bfloat16":
                _to_bfloat16(self._model, is_packed=self._compute.device == "cpu")
        return self._model

    def _model_options(self) -> dict[str, Any]:
        if self._compute.precision != "bfloat16" or self._compute.device != "cpu":
            return {}
        config = self._folder / "config.json"
        family = json.loads(config.read_text(encoding="utf-8")).get("model_type") if config.is_file() else None
        if family not in _UNPADDED_FAMILIES:
            return {}
        # Imported here as it imports torch.
        from tasks.embedding import unpadded

        return {"attn_implementation": unpadded.register()}


def _to_bfloat16(model: SentenceTransformer, *, is_packed: bool) -> None:
    """Compute in bfloat16 up to the vectors of the tokens; their mean, over hundreds of them, in float32."""
    import torch

    from tasks.embedding.packed import pack_linear_layers

    def widen(module: torch.nn.Module, inputs: Any, output: dict[str, Any]) -> dict[str, Any]:
        return output | {"token_embeddings": output["token_embeddings"].float()}

    model[0].to(torch.bfloat16)
    if is_packed:
        pack_linear_layers(model[0])
    model[0].register_forward_hook(widen)


def load_embedder(model: str = PACKAGED_MODEL, *, precision: str = AUTO, device: str = AUTO) -> SentenceEmbedder:
    """The embedder for `model`: the packaged default, a local folder, or a name on the Hugging Face hub.

    The files are hashed here, in well under a second for the default; the packaged weights must carry the stated checksum.
    precision is auto, float32 or bfloat16, device auto, cpu or cuda; see `choose_compute`.
    Raises ModelFileError, and ConfigError for a precision or a device that can't be had.
    """
    compute = choose_compute(model, precision=precision, device=device, machine=read_machine())
    folder = find_model_folder(model)
    if model == PACKAGED_MODEL:
        weights_hash, name = verify_packaged_weights(folder), "all-MiniLM-L6-v2"
    else:
        weights_hash, name = hash_model_folder(folder), model.rstrip("/")
    return SentenceEmbedder(folder, name=name, weights_hash=weights_hash, compute=compute)
