"""Texts to vectors, batch by batch: in this process, or in parts on the workers of a pool; the batches are the same."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from tasks.contracts.context import StepContext
from tasks.contracts.errors import StepError
from tasks.contracts.sharding import ShardPool
from tasks.embedding.protocol import Embedder, Progress
from tasks.sharding.registry import MadeShard


@dataclass(frozen=True)
class EmbeddingKit:
    """Which model embeds, in which precision and on what; fingerprint: what the coordinator's own says of itself."""

    model: str
    precision: str
    device: str
    fingerprint: str


@dataclass(frozen=True)
class EmbeddingPart:
    """Texts that are embedded together: a text's last digits depend on its company."""

    texts: list[str]


def embed(kit: EmbeddingKit, part: EmbeddingPart) -> MadeShard:
    """The texts' vectors: a column `vector`. Raises StepError where this machine's model or precision is another."""
    # Imported here: a model and what runs it are loaded by those that embed alone.
    from tasks.labeling.embedder import load_once

    embedder = load_once(kit.model, kit.precision, kit.device)
    if embedder.fingerprint != kit.fingerprint:
        raise StepError(
            f"a worker's {embedder.name} has the fingerprint {embedder.fingerprint}, the coordinator's {kit.fingerprint}:"
            f" another file, or another precision ({embedder.compute}); set embedding_precision, or take that worker away"
        )
    return MadeShard(encode_texts(embedder, part.texts).to_frame(), {})


def encode_texts(embedder: Embedder, texts: list[str], *, on_progress: Progress | None = None) -> pl.Series:
    """A vector a text as the column `vector` (a list of f32 a row); zeros for a text of nothing: no direction."""
    vectors = embedder.encode(texts, on_progress=on_progress)
    vectors[[not text for text in texts]] = 0.0
    return pl.Series("vector", vectors, dtype=pl.Array(pl.Float32, vectors.shape[1])).cast(pl.List(pl.Float32))


def embed_batches(
    batches: Iterator[tuple[pl.DataFrame, list[str]]],
    embedder: Embedder,
    *,
    context: StepContext,
) -> Iterator[tuple[pl.DataFrame, pl.Series]]:
    """Each batch (a frame, and a text a row) with its vectors (a list of f32 a row), as they are there.

    Memory: the batches under way. Raises StepError where a worker has another model or precision.
    """
    if context.pool is not None:
        yield from _on_workers(batches, embedder, context, context.pool)
        return
    done = 0
    for frame, texts in batches:
        yield frame, encode_texts(embedder, texts, on_progress=_further(context, done))
        done += frame.height


def _on_workers(
    batches: Iterator[tuple[pl.DataFrame, list[str]]], embedder: Embedder, context: StepContext, pool: ShardPool
) -> Iterator[tuple[pl.DataFrame, pl.Series]]:
    kit = EmbeddingKit(
        context.embedding_model, context.embedding_precision, context.embedding_device, embedder.fingerprint
    )
    waiting: dict[int, pl.DataFrame] = {}

    def parts() -> Iterator[EmbeddingPart]:
        for number, (frame, texts) in enumerate(batches):
            waiting[number] = frame
            yield EmbeddingPart(texts)

    with tempfile.TemporaryDirectory(prefix="nightjar-vectors-") as folder:
        for done in pool.map("embed", kit, parts(), stage=f"{context.catalog.name}/embed"):
            path = Path(folder) / f"{done.number}.parquet"
            pool.take(done, path)
            yield waiting.pop(done.number), pl.read_parquet(path)["vector"]
            path.unlink()


def _further(context: StepContext, before: int) -> Progress:
    """Tells the run's progress where the embedder stands, which counts each batch from nothing."""
    return lambda of_batch, _: context.progress(before + of_batch, None)
