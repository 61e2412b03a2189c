"""Every model by name: its size, its output, its seed, its errors."""

from __future__ import annotations

import subprocess
import sys

import pytest
import torch

from dst_robustness.models import IMAGE_MODELS, MODELS, VIDEO_MODELS, build_model

# name, classes, image size, weights that a mask may cover (matrices and convolution kernels), all parameters
SIZES = [
    ("vgg16", 10, 32, 14_715_584, 14_724_042),
    ("resnet18", 100, 32, 11_210_432, 11_220_132),
    ("resnet34", 100, 32, 21_311_168, 21_328_292),
    ("resnet50", 1000, 224, 25_502_912, 25_557_032),
    ("resnet8", 10, 32, 77_360, 78_042),
]


def sizes(model: torch.nn.Module) -> tuple[int, int]:
    parameters = list(model.parameters())
    return sum(p.numel() for p in parameters if p.ndim >= 2), sum(p.numel() for p in parameters)


@pytest.mark.parametrize(("name", "num_classes", "image_size", "weights", "parameters"), SIZES)
def test_a_model_has_the_published_number_of_parameters(name, num_classes, image_size, weights, parameters):
    """Protects the architecture: the counts are those of the papers' reference implementations."""
    with torch.device("meta"):
        assert sizes(build_model(name, num_classes, image_size=image_size)) == (weights, parameters)


@pytest.mark.parametrize("name", ["resnet8", "r3d_tiny"])
def test_a_seed_decides_the_weights(name):
    """Protects the pairing of runs by seed: the weights come from torch's global generator and nothing else."""
    weights = []
    for seed in (1, 1, 2):
        torch.manual_seed(seed)
        weights.append(torch.nn.utils.parameters_to_vector(build_model(name, 10).parameters()))
    assert torch.equal(weights[0], weights[1])
    assert not torch.equal(weights[0], weights[2])


def test_images_and_clips_are_told_apart_without_torch():
    """Protects the start-up time of the workflow: names and kinds need no import of torch."""
    code = (
        "import sys; from dst_robustness.models import MODELS, VIDEO_MODELS; "
        "assert 'r3d_tiny' in VIDEO_MODELS and len(MODELS); assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
    assert set(MODELS) == set(IMAGE_MODELS) | set(VIDEO_MODELS)
    assert not set(IMAGE_MODELS) & set(VIDEO_MODELS)


@pytest.mark.parametrize("name", MODELS)
def test_every_model_maps_a_batch_to_logits(name):
    """Protects the contract of build_model: [N, 3, (T,) H, W] in, [N, classes] out, on small and large images."""
    for image_size in (32, 224):
        with torch.device("meta"):
            model = build_model(name, 7, image_size=image_size).eval()
            frames = (16,) if name in VIDEO_MODELS else ()
            batch = torch.empty(2, 3, *frames, image_size, image_size)
            assert model(batch).shape == (2, 7)


@pytest.mark.parametrize(
    ("name", "num_classes", "options", "message"),
    [
        ("resnet19", 10, {}, "unknown model 'resnet19'. Did you mean 'resnet18'"),
        ("resnet8", 1, {}, "num_classes is 1"),
        ("resnet8", 10, {"image_size": 4}, "image_size is 4"),
        ("resnet8", 10, {"width": 0.0}, "width is 0.0"),
        ("vgg16", 10, {"image_size": 16}, "at least 32 pixels"),
    ],
)
def test_bad_input_is_named(name, num_classes, options, message):
    """Protects users from a stack trace deep in torch: the message says what is wrong and what is allowed."""
    with pytest.raises(ValueError, match=message):
        build_model(name, num_classes, **options)
