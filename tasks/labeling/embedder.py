"""The process's embedder: loading a model costs seconds, so that all steps share one."""

from __future__ import annotations

from functools import cache

from tasks.embedding.sentence import SentenceEmbedder, load_embedder


@cache
def embedder_for(model: str) -> SentenceEmbedder:
    """The embedder of a model name or folder; loaded once a process. Raises ModelFileError."""
    return load_embedder(model)
