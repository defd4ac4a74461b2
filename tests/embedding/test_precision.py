"""Which precision and device are chosen, and that bfloat16 gives nearly the vectors of float32, whatever shares the batch."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from tasks.contracts.errors import ConfigError
from tasks.embedding import packed
from tasks.embedding.model_files import PACKAGED_MODEL
from tasks.embedding.packed import pack_linear_layers
from tasks.embedding.precision import Compute, Machine, choose_compute, read_machine
from tasks.embedding.sentence import load_embedder
from tasks.embedding.unpadded import attend
from tasks.health import check_model

PLAIN = Machine(frozenset({"avx2"}), has_gpu=False)
FAST = Machine(frozenset({"avx2", "avx512_bf16"}), has_gpu=False)
GPU = Machine(frozenset({"avx2", "avx512_bf16"}), has_gpu=True)

TEXTS = (
    "The central bank raised interest rates by half a point on Thursday, and shares fell.",
    "Shares fell after the central bank had raised its interest rates.",
    "The striker scored twice in the second half of the cup final.",
    "A cup final was won by two late goals.",
    "gardening",
    "Tulips and daffodils should be planted in autumn. " * 40,
)


@pytest.mark.parametrize(
    ("machine", "model", "precision", "device", "expected"),
    [
        (FAST, PACKAGED_MODEL, "auto", "auto", ("cpu", "bfloat16")),
        (PLAIN, PACKAGED_MODEL, "auto", "auto", ("cpu", "float32")),
        (FAST, "some/other-model", "auto", "auto", ("cpu", "float32")),
        (FAST, "some/other-model", "bfloat16", "auto", ("cpu", "bfloat16")),
        (PLAIN, PACKAGED_MODEL, "bfloat16", "auto", ("cpu", "bfloat16")),
        (FAST, PACKAGED_MODEL, "float32", "auto", ("cpu", "float32")),
        (GPU, PACKAGED_MODEL, "auto", "auto", ("cuda", "float32")),
        (GPU, PACKAGED_MODEL, "auto", "cpu", ("cpu", "bfloat16")),
        (GPU, PACKAGED_MODEL, "bfloat16", "cuda", ("cuda", "bfloat16")),
    ],
)
def test_auto_is_what_serves_and_a_wish_stands(
    machine: Machine, model: str, precision: str, device: str, expected: tuple[str, str]
) -> None:
    chosen = choose_compute(model, precision=precision, device=device, machine=machine)
    assert (chosen.device, chosen.precision) == expected
    assert chosen.reason


def test_a_wish_that_cannot_be_met_is_refused() -> None:
    with pytest.raises(ConfigError, match="embedding_precision is 'int8'; expected auto, float32, bfloat16"):
        choose_compute(PACKAGED_MODEL, precision="int8", device="auto", machine=FAST)
    with pytest.raises(ConfigError, match="embedding_device is 'tpu'; expected auto, cpu, cuda"):
        choose_compute(PACKAGED_MODEL, precision="auto", device="tpu", machine=FAST)
    with pytest.raises(ConfigError, match="torch sees no GPU here; set it to auto or cpu"):
        choose_compute(PACKAGED_MODEL, precision="auto", device="cuda", machine=FAST)


def test_the_processor_is_read_as_linux_tells_it(tmp_path: Path) -> None:
    cpuinfo = tmp_path / "cpuinfo"
    cpuinfo.write_text("processor\t: 0\nflags\t\t: fpu avx512_bf16 vnni\n\nprocessor\t: 1\nflags\t\t: fpu\n")
    absent = tmp_path / "absent"
    assert read_machine(cpuinfo, gpu_driver=absent) == Machine(frozenset({"fpu", "avx512_bf16", "vnni"}), False)
    assert read_machine(absent, gpu_driver=absent) == Machine(frozenset(), False)


def test_precision_is_part_of_the_fingerprint_and_float32_keeps_the_one_it_had() -> None:
    exact, rough = (load_embedder(precision=precision) for precision in ("float32", "bfloat16"))
    assert exact.fingerprint == "24d0398641aa1b01"
    assert rough.fingerprint != exact.fingerprint


def test_doctor_says_what_is_chosen_and_why() -> None:
    assert check_model(PACKAGED_MODEL, precision="float32", device="cpu").message.endswith(
        "float32 on the CPU (as set)"
    )
    assert not check_model(PACKAGED_MODEL, precision="int4").is_ok
    assert str(Compute("cuda", "float32", "a GPU is fast enough")) == "float32 on the GPU (a GPU is fast enough)"


def test_unpadded_attention_is_attention_and_leaves_padding_out() -> None:
    torch.manual_seed(3)
    lengths = [7, 3, 7, 1, 5]
    query, key, value = torch.randn(3, len(lengths), 2, 7, 4).unbind(0)
    mask = torch.tensor([[int(place < length) for place in range(7)] for length in lengths])
    found, _ = attend(torch.nn.Identity(), query, key, value, mask)
    assert found.shape == (len(lengths), 7, 2, 4)
    for row, length in enumerate(lengths):
        alone = [part[row : row + 1, :, :length] for part in (query, key, value)]
        expected = torch.nn.functional.scaled_dot_product_attention(*alone)[0].transpose(0, 1)
        torch.testing.assert_close(found[row, :length], expected)
        assert not found[row, length:].any()


def test_unpadded_attention_of_texts_of_one_length_keeps_to_the_scaling() -> None:
    torch.manual_seed(4)
    query, key, value = torch.randn(3, 5, 4, 30, 8).unbind(0)
    expected = torch.nn.functional.scaled_dot_product_attention(query, key, value, scale=0.3).transpose(1, 2)
    for mask in (None, torch.ones(5, 30, dtype=torch.long)):
        found, _ = attend(torch.nn.Identity(), query, key, value, mask, scaling=0.3)
        torch.testing.assert_close(found, expected)


@pytest.mark.skipif(not read_machine().cpu_flags >= {"avx512_bf16"}, reason="the processor has no avx512_bf16")
def test_packed_layers_give_the_same_numbers() -> None:
    torch.manual_seed(5)
    model = torch.nn.Sequential(torch.nn.Linear(8, 16), torch.nn.Sequential(torch.nn.Linear(16, 4, bias=False)))
    model = model.to(torch.bfloat16)
    x = torch.randn(3, 5, 8, dtype=torch.bfloat16)
    with torch.inference_mode():
        before = model(x)
        assert pack_linear_layers(model) == 2
        assert torch.equal(model(x), before)


def test_where_torch_cannot_pack_the_layers_stay(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packed, "_OPERATIONS", ("_gone_with_the_next_version",))
    model = torch.nn.Sequential(torch.nn.Linear(2, 2))
    assert pack_linear_layers(model) == 0
    assert type(model[0]) is torch.nn.Linear


def test_bfloat16_gives_nearly_the_vectors_of_float32_in_any_batch() -> None:
    exact, rough = (load_embedder(precision=precision, device="cpu") for precision in ("float32", "bfloat16"))
    wanted, found = exact.encode(TEXTS), rough.encode(TEXTS)
    assert found.dtype == np.float32
    assert np.allclose(np.linalg.norm(found, axis=1), 1, atol=1e-5)
    assert ((wanted * found).sum(axis=1) > 0.9995).all()
    assert np.abs(wanted @ wanted.T - found @ found.T).max() < 0.01
    assert not np.array_equal(wanted, found)
    alone = np.concatenate([rough.encode([text]) for text in TEXTS])
    assert np.allclose(alone, found, atol=2e-3)
    assert np.array_equal(rough.encode(TEXTS), found)
