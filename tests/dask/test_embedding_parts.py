"""Texts that are embedded in parts: the same vectors, and never by another model than the coordinator's."""

from __future__ import annotations

import pytest

from tasks.contracts.errors import StepError
from tasks.sharding.embedding import EmbeddingKit, EmbeddingPart, embed
from tests.fake_embedder import HashingEmbedder


class OfAWorker(HashingEmbedder):
    compute = "float32 on the CPU"


@pytest.fixture
def worker(monkeypatch: pytest.MonkeyPatch) -> OfAWorker:
    plugged = OfAWorker()
    monkeypatch.setattr("tasks.labeling.embedder.load_once", lambda *_: plugged)
    return plugged


def test_part_gets_the_vectors_of_its_texts_and_nothing_gets_zeros(worker: OfAWorker) -> None:
    kit = EmbeddingKit("m", "auto", "auto", worker.fingerprint)
    vectors = embed(kit, EmbeddingPart(["a match", ""])).frame["vector"].to_list()
    assert vectors[0] == worker.encode(["a match"])[0].tolist()
    assert set(vectors[1]) == {0.0}


def test_worker_of_another_precision_is_an_error_that_names_both(worker: OfAWorker) -> None:
    said = f"fingerprint {worker.fingerprint}, the coordinator's 0123.*another precision \\(float32 on the CPU\\)"
    with pytest.raises(StepError, match=said):
        embed(EmbeddingKit("m", "auto", "auto", "0123"), EmbeddingPart(["a"]))
