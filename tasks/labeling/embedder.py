"""The process's embedder: loading a model costs seconds, so that all steps share one."""

from __future__ import annotations

from functools import cache

from tasks.contracts.context import StepContext
from tasks.embedding.protocol import Embedder
from tasks.embedding.sentence import SentenceEmbedder, load_embedder


def embedder_for(context: StepContext) -> SentenceEmbedder:
    """The embedder of the installation; loaded once a process. Raises ModelFileError and ConfigError."""
    return load_once(context.embedding_model, context.embedding_precision, context.embedding_device)


def describe(embedder: Embedder) -> str:
    """Its name, and where and how exactly it computes where it says so."""
    return f"{embedder.name}, {embedder.compute}" if isinstance(embedder, SentenceEmbedder) else embedder.name


@cache
def load_once(model: str, precision: str, device: str) -> SentenceEmbedder:
    """The embedder of a model name or folder, shared by all of the process. Raises ModelFileError and ConfigError."""
    return load_embedder(model, precision=precision, device=device)
