"""Every model by name: its size, its output, its seed, its errors."""

from __future__ import annotations

import pytest
import torch
import torchvision

from dst_robustness.models import IMAGE_MODELS, MODELS, VIDEO_MODELS, build_model
from dst_robustness.models.wide_resnet import wide_resnet

# name, classes, image size, weights that a mask may cover (matrices and convolution kernels), all parameters
SIZES = [
    ("resnet8", 10, 32, 77_360, 78_042),
    ("resnet18", 100, 32, 11_210_432, 11_220_132),
    ("resnet34", 100, 32, 21_311_168, 21_328_292),
    ("resnet50", 1000, 224, 25_502_912, 25_557_032),  # torchvision: 25,557,032
    ("wrn22_2", 10, 32, 1_076_912, 1_079_642),
    ("vgg16", 10, 32, 14_715_584, 14_724_042),
    ("efficientnet_b0", 200, 64, 4_212_192, 4_263_748),
    ("efficientnet_b0", 1000, 224, 5_236_192, 5_288_548),  # torchvision: 5,288,548
    ("deit_tiny", 1000, 224, 5_647_872, 5_717_416),  # timm: 5.7 million
    ("deit_base", 1000, 224, 86_292_480, 86_567_656),  # timm: 86.6 million
    ("r3d_tiny", 8, 32, 56_840, 57_184),
    (
        "r3d18",
        400,
        112,
        33_399_104,
        33_371_472 + (7 - 3) * 3 * 7 * 7 * 64,
    ),  # torchvision, its stem is three frames long
    ("r3d50", 400, 112, 46_965_056, 47_018_576),
    ("i3d", 400, 224, 12_682_304, 12_697_264),  # the PyTorch port with the published Kinetics weights
    ("r2plus1d_18", 400, 112, 31_479_575, 31_505_325),  # torchvision: 31,505,325
]
EMBEDDINGS = {"pos_embed", "cls_token"}


def sizes(model: torch.nn.Module) -> tuple[int, int]:
    counts = {name: (p.numel(), p.ndim) for name, p in model.named_parameters()}
    weights = sum(count for name, (count, ndim) in counts.items() if ndim >= 2 and name not in EMBEDDINGS)
    return weights, sum(count for count, _ in counts.values())


@pytest.mark.parametrize(("name", "num_classes", "image_size", "weights", "parameters"), SIZES)
def test_a_model_has_the_published_number_of_parameters(name, num_classes, image_size, weights, parameters):
    """Protects the architecture: the counts are those of the papers' reference implementations."""
    with torch.device("meta"):
        assert sizes(build_model(name, num_classes, image_size=image_size)) == (weights, parameters)


@pytest.mark.parametrize(
    ("name", "width", "parameters"), [("resnet18", 1 / 8, (175_192, 176_402)), ("vgg16", 1 / 4, (921_008, 923_130))]
)
def test_a_narrow_model_has_fewer_channels_in_every_hidden_layer(name, width, parameters):
    """Protects the scenario's width: the counts are those of the narrow networks of earlier studies."""
    with torch.device("meta"):
        assert sizes(build_model(name, 10, width=width)) == parameters


def test_wide_resnets_have_the_size_of_their_paper():
    """Protects the family by its best-known member: WRN-28-10 has 36.5 million parameters (table 4 of the paper)."""
    with torch.device("meta"):
        assert sizes(wide_resnet(28, 10, 10, 1.0))[1] == 36_479_194


@pytest.mark.parametrize("name", ["resnet18", "resnet50"])
def test_a_residual_network_computes_what_torchvision_computes(name):
    """Protects the written-out residual networks: torchvision takes their weights and gives the same logits."""
    ours = build_model(name, 5, image_size=224).eval()
    theirs = torchvision.models.get_model(name, num_classes=5).eval()
    theirs.load_state_dict(ours.state_dict())
    images = torch.randn(1, 3, 64, 64)
    with torch.no_grad():
        torch.testing.assert_close(ours(images), theirs(images))


def test_r2plus1d_computes_what_torchvision_computes():
    """Protects the video network assembled from torchvision's blocks: same names, same logits."""
    ours = build_model("r2plus1d_18", 5).eval()
    theirs = torchvision.models.video.r2plus1d_18(num_classes=5).eval()
    theirs.load_state_dict(ours.state_dict())
    clips = torch.randn(1, 3, 4, 16, 16)
    with torch.no_grad():
        torch.testing.assert_close(ours(clips), theirs(clips))


def test_resnet50_in_three_dimensions_has_the_size_of_its_blocks_elsewhere():
    """Protects r3d50 by torchvision's bottleneck blocks, stem aside: seven frames here, three there."""
    video = torchvision.models.video.resnet
    with torch.device("meta"):
        theirs = video.VideoResNet(video.Bottleneck, [video.Conv3DSimple] * 4, [3, 4, 6, 3], video.BasicStem)
        assert sizes(build_model("r3d50", 400))[1] == sizes(theirs)[1] + (7 - 3) * 3 * 7 * 7 * 64


@pytest.mark.parametrize("name", ["resnet8", "wrn22_2", "efficientnet_b0", "deit_tiny", "r3d_tiny"])
def test_a_seed_decides_the_weights(name):
    """Protects the pairing of runs by seed: the weights come from torch's global generator and nothing else."""
    weights = []
    for seed in (1, 1, 2):
        torch.manual_seed(seed)
        weights.append(torch.nn.utils.parameters_to_vector(build_model(name, 10).parameters()))
    assert torch.equal(weights[0], weights[1])
    assert not torch.equal(weights[0], weights[2])


def test_images_and_clips_are_told_apart():
    assert set(MODELS) == set(IMAGE_MODELS) | set(VIDEO_MODELS)
    assert not set(IMAGE_MODELS) & set(VIDEO_MODELS)


@pytest.mark.parametrize("name", MODELS)
def test_every_model_maps_a_batch_to_logits(name):
    """Protects the contract of build_model: [N, 3, (T,) H, W] in, [N, classes] out, on small and large images."""
    for image_size in (32, 224):
        with torch.device("meta"):
            model = build_model(name, 7, image_size=image_size).eval()
            frames = (8,) if name in VIDEO_MODELS else ()
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
        ("deit_tiny", 10, {"image_size": 36}, "multiple of 8"),
    ],
)
def test_bad_input_is_named(name, num_classes, options, message):
    """Protects users from a stack trace deep in torch: the message says what is wrong and what is allowed."""
    with pytest.raises(ValueError, match=message):
        build_model(name, num_classes, **options)


def test_small_images_keep_their_resolution_in_the_stem():
    """Protects accuracy at 32 pixels: the last map of EfficientNet is 2x2, that of ResNet-18 4x4."""
    with torch.device("meta"):
        images = torch.empty(1, 3, 32, 32)
        efficientnet, resnet = build_model("efficientnet_b0", 10), build_model("resnet18", 10)
        assert efficientnet.features(images).shape[-2:] == (2, 2)
        assert resnet[: list(dict(resnet.named_children())).index("avgpool")](images).shape[-2:] == (4, 4)
