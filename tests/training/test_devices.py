"""The arithmetic of the forward pass."""

from types import SimpleNamespace

import pytest
import torch

from dst_robustness.training.devices import autocast, has_bf16

IMAGES, CLIPS = torch.zeros(2, 3, 8, 8), torch.zeros(2, 3, 2, 8, 8)


def test_clips_are_float32_on_a_cpu() -> None:
    """Their bf16 weight gradients hold garbage (oneDNN): a network would diverge at random."""
    with autocast(CLIPS, "auto"):
        assert torch.nn.Conv3d(3, 4, 3)(torch.zeros(2, 3, 3, 8, 8)).dtype == torch.float32
    with pytest.raises(ValueError, match=r"clips need float32 on a CPU; allowed: auto, float32"):
        autocast(CLIPS, "bfloat16")


@pytest.mark.parametrize(("precision", "expected"), [("float32", torch.float32), ("bfloat16", torch.bfloat16)])
def test_images_have_the_precision_that_is_asked_for(precision: str, expected: torch.dtype) -> None:
    """On any processor: a study may insist."""
    with autocast(IMAGES, precision):
        assert torch.nn.Conv2d(3, 4, 3)(IMAGES).dtype == expected


@pytest.mark.parametrize(("major", "expected"), [(8, True), (9, True), (7, False), (6, False)])
def test_a_gpu_before_ampere_computes_in_float32(major: int, expected: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """A T4 can hold bf16 tensors but emulates their arithmetic, slowly. Only the driver's answers are replaced here."""
    monkeypatch.setattr(torch.version, "cuda", "12.8")
    monkeypatch.setattr(torch.version, "hip", None)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "current_device", lambda: 0)
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda _=None: SimpleNamespace(major=major))
    monkeypatch.setattr(torch.cuda, "_check_bf16_tensor_supported", lambda _: True)
    assert has_bf16(on_gpu=True) == expected


@pytest.mark.parametrize(
    ("processor", "limit", "expected"),
    [(True, "", True), (True, "ALL", True), (True, "AVX2", False), (True, "avx512_core", False), (False, "", False)],
)
def test_a_processor_without_bf16_computes_in_float32(
    processor: bool, limit: str, expected: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """This also holds if oneDNN must not use what the processor has."""
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: processor)
    monkeypatch.setenv("ONEDNN_MAX_CPU_ISA", limit)
    assert has_bf16(on_gpu=False) == expected
