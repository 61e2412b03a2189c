"""The device and the arithmetic of a job."""

from __future__ import annotations

import os
import resource
import sys

import torch
from torch import nn


def choose_device() -> torch.device:
    """Return the first visible GPU, or the CPU if there is none.

    From then on cuDNN uses kernels that always add in the same order, so that a resumed training ends with the same
    bits. On an H200 they were as fast as the others (ResNet-18 and ResNet-34, 32 pixels).
    """
    torch.backends.cudnn.deterministic = True
    return torch.device("cuda") if torch.cuda.is_available() else torch.device("cpu")


def autocast(inputs: torch.Tensor, precision: str) -> torch.autocast:
    """Return the context of the forward pass on images [N, C, H, W] or clips [N, C, T, H, W].

    It is bf16 autocast if ``precision`` asks for it, or if that is ``auto`` and ``has_bf16`` is true. Clips on a CPU
    are computed in float32 only, and bf16 for them raises ValueError. oneDNN's bf16 weight gradients of 3-D
    convolutions were found to be uninitialised memory (torch 2.15, inputs of two frames).
    """
    on_gpu, clips = inputs.device.type == "cuda", inputs.ndim == 5
    if precision == "auto":
        precision = "bfloat16" if has_bf16(on_gpu) and (on_gpu or not clips) else "float32"
    if precision == "bfloat16" and clips and not on_gpu:
        raise ValueError("training.precision is bfloat16, but clips need float32 on a CPU; allowed: auto, float32")
    return torch.autocast(inputs.device.type, dtype=torch.bfloat16, enabled=precision == "bfloat16")


def has_bf16(on_gpu: bool) -> bool:
    """Return whether the GPU, or the processor, has bf16 arithmetic. Where it is emulated, it is slower than float32.

    GPUs have it from Ampere on (compute capability 8.0), processors with AVX-512 BF16. ``ONEDNN_MAX_CPU_ISA`` can
    forbid the processor's.
    """
    if on_gpu:
        return torch.cuda.is_bf16_supported(including_emulation=False)
    allowed = os.environ.get("ONEDNN_MAX_CPU_ISA", "").upper()
    forbidden = allowed.startswith(("SSE", "AVX2")) or allowed in ("AVX512_CORE", "AVX512_CORE_VNNI")
    return torch.cpu._is_avx512_bf16_supported() and not forbidden


def memory_format(network: nn.Module, device: torch.device) -> torch.memory_format:
    """Return the memory layout in which a network computes fastest: channels last, for images or clips.

    Networks with a strided 1x1 convolution of fewer than 16 channels do not use it on the CPU, since oneDNN then writes
    outside of its memory (seen with torch 2.15 and two threads).
    """
    convolutions = [module for module in network.modules() if isinstance(module, (nn.Conv2d, nn.Conv3d))]
    if any(isinstance(convolution, nn.Conv3d) for convolution in convolutions):
        return torch.channels_last_3d
    harmful = any(
        convolution.in_channels < 16 and convolution.kernel_size == (1, 1) and max(convolution.stride) > 1
        for convolution in convolutions
    )
    return torch.contiguous_format if harmful and device.type == "cpu" else torch.channels_last


def peak_memory_mb(device: torch.device) -> float:
    """Return the peak memory of this process in MB: on the GPU if one is used, else resident memory."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device) / 1e6
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 1e6 if sys.platform == "darwin" else peak * 1024 / 1e6


def device_name(device: torch.device) -> str:
    """Return the name of the device for the record."""
    return torch.cuda.get_device_name(device) if device.type == "cuda" else "cpu"
