"""Networks of libraries and of a user's file, by their strings."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest
import torch

from dst_robustness.models import build_model
from dst_robustness.models.foreign import library_arguments
from dst_robustness.models.sources import find_source, networks_of

OWN = """
import torch
from beside import CHANNELS

def build(num_classes, image_size):
    return torch.nn.Sequential(torch.nn.Conv2d(3, CHANNELS, 3), torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten(),
                               torch.nn.Linear(CHANNELS, num_classes))

def with_width(num_classes, width):
    return torch.nn.Sequential(torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten(),
                               torch.nn.Linear(3, int(8 * width)), torch.nn.Linear(int(8 * width), num_classes))

class Pair(torch.nn.Module):
    def __init__(self, num_classes):
        super().__init__()
        self.inner = build(num_classes, 32)
    def forward(self, x):
        return self.inner(x), x

class PairInTraining(Pair):
    def forward(self, x):
        return super().forward(x) if self.training else self.inner(x)

def clips(num_classes, frames):
    return torch.nn.Sequential(torch.nn.Conv3d(3, 4, (frames, 3, 3)), torch.nn.AdaptiveAvgPool3d(1), torch.nn.Flatten(),
                               torch.nn.Linear(4, num_classes))

def hidden(num_classes):
    return torch.nn.Sequential(torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten())

def lazy(num_classes):
    return torch.nn.Sequential(torch.nn.LazyConv2d(4, 3), torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten(),
                               torch.nn.LazyLinear(num_classes))

def as_in_transformers(num_classes):
    class Wrapped(torch.nn.Module):
        def forward(self, pixel_values):
            return {"logits": pixel_values.mean((2, 3)), "loss": None}
    return Wrapped()

def nothing(num_classes):
    return None

def fails(num_classes):
    return 1 / 0

def no_classes(n):
    return None

def counts_pixels(num_classes):
    class Counts(torch.nn.Module):
        def forward(self, x):
            return torch.zeros(len(x), num_classes) + float(x.mean())
    return Counts()
"""


@pytest.fixture
def own(tmp_path: Path) -> Path:
    (tmp_path / "beside.py").write_text("CHANNELS = 4\n")
    (tmp_path / "nets.py").write_text(OWN)
    return tmp_path / "nets.py"


def test_the_names_read_from_the_sources_are_those_that_the_libraries_list() -> None:
    """Protects the reading of names: no network of either library is missing or too many."""
    import timm
    import torchvision

    assert set(networks_of("timm")) == set(timm.list_models())
    assert set(networks_of("torchvision")) == set(torchvision.models.list_models())


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("timm:convnext_tyni", r"Did you mean 'timm:convnext_tiny'"),
        ("torchvision:resnext50", r"Did you mean .*'torchvision:resnext50_32x4d'|Did you mean"),
        ("convnext_tiny", r"'timm:convnext_tiny' or 'torchvision:convnext_tiny'"),
        ("resnet81", r"Did you mean 'resnet8'"),
        ("jax:resnet50", r"unknown model 'jax:resnet50'.*timm:NAME, torchvision:NAME, FILE.py:FUNCTION"),
        ("timm:resnet50.a1_in1k", r"never downloaded here; write 'timm:resnet50'"),
        ("torchvision:fasterrcnn_resnet50_fpn", r"returns boxes"),
        ("torchvision:fcn_resnet50", r"a class for each pixel"),
        ("torchvision:quantized_resnet18", r"computes with integers"),
        ("absent.py:build", r"there is no file .*absent.py"),
    ],
)
def test_a_string_that_leads_nowhere_is_answered_with_what_exists(name: str, message: str) -> None:
    """Protects users of three namespaces: the nearest names, or why a network cannot be used."""
    with pytest.raises(ValueError, match=message):
        find_source(name)


def test_functions_of_a_file_are_checked_before_it_is_run(own: Path) -> None:
    """A wrong function or a file that is not Python is found when the configuration is read."""
    with pytest.raises(ValueError, match=r"defines no 'biuld'. Did you mean 'build'"):
        find_source("nets.py:biuld", own.parent)
    own.with_name("bad.py").write_text("def build(:\n")
    with pytest.raises(ValueError, match=r"bad.py is not valid Python"):
        find_source("bad.py:build", own.parent)


def test_the_code_of_a_file_follows_what_it_does(own: Path) -> None:
    """A comment or a docstring reruns nothing; a change of the file, or of a file beside it that it imports, does."""
    code = find_source(f"{own}:build").code
    own.write_text(own.read_text() + "# a comment\n")
    assert find_source(f"{own}:build").code == code
    own.with_name("beside.py").write_text("CHANNELS = 5\n")
    assert find_source(f"{own}:build").code != code
    assert find_source("timm:resnet18").code is None
    assert set(find_source("timm:resnet18").version) == {"timm"}


@pytest.mark.parametrize(
    ("function", "options", "message"),
    [
        ("Pair", {}, r"returns tuple of 2 in testing"),
        ("PairInTraining", {}, r"returns tuple of 2 in training"),
        ("as_in_transformers", {}, r"returns dict with logits, loss in testing; it must return one tensor"),
        ("hidden", {}, r"returns \[2, 3\] for two samples of 7 classes"),
        ("nothing", {}, r"returned NoneType, not a torch.nn.Module"),
        ("fails", {}, r"ZeroDivisionError: division by zero \(.*nets.py, line \d+\)"),
        ("no_classes", {}, r"no_classes\(n\) must take num_classes"),
        ("build", {"width": 0.5}, r"takes no `width`, which width 0.5 and the control dense_small need"),
        ("build", {"frames": 4}, r"does not take clips of 4 frames of 32x32 pixels"),
        ("clips", {"frames": None}, r"TypeError|does not take"),
    ],
)
def test_a_network_of_a_file_that_does_not_fit_is_one_line(
    own: Path, function: str, options: dict, message: str
) -> None:
    """Protects from errors in the middle of a training: what a network answers is asked when it is built."""
    with pytest.raises(ValueError, match=message) as found:
        build_model(f"{own}:{function}", 7, **options)
    assert "\n" not in str(found.value)


def test_a_file_that_ends_the_program_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A training script reads the command line when it is imported, finds ours, and ends without a word of the file."""
    script = tmp_path / "script.py"
    script.write_text(
        "import argparse\nparser = argparse.ArgumentParser()\nparser.parse_args()\ndef build(num_classes): ...\n"
    )
    monkeypatch.setattr("sys.argv", ["train", "--of-another-program"])
    with pytest.raises(ValueError, match=r"SystemExit: 2 \(.*script.py, line 3\)$"):
        build_model(f"{script}:build", 7)


def test_a_file_gives_networks_for_images_and_clips_narrow_ones_and_such_that_need_numbers(own: Path) -> None:
    """Functions are given those of num_classes, image_size, width and frames that they name."""
    assert build_model(f"{own}:build", 7)(torch.zeros(2, 3, 16, 16)).shape == (2, 7)
    assert build_model(f"{own}:with_width", 7, width=0.5)[2].out_features == 4
    assert build_model(f"{own}:clips", 7, frames=4)(torch.zeros(2, 3, 4, 8, 8)).shape == (2, 7)
    assert build_model(f"{own}:lazy", 7)[0].weight.shape == (4, 3, 3, 3)
    assert build_model(f"{own}:counts_pixels", 7)(torch.zeros(2, 3, 8, 8)).shape == (2, 7)


@pytest.mark.parametrize(
    ("name", "options", "arguments"),
    [
        ("timm:test_vit", {}, {"img_size": 32, "patch_size": 4}),
        ("timm:resnet10t", {"width": 0.25}, {"channels": (16, 32, 64, 128)}),
        ("torchvision:mobilenet_v2", {"width": 0.25}, {"width_mult": 0.25}),
        ("torchvision:squeezenet1_1", {}, {}),
    ],
)
def test_a_library_is_given_the_arguments_that_it_has(name: str, options: dict, arguments: dict) -> None:
    """Size, patches and width go as far as the library allows, and what it was given rebuilds the network elsewhere."""
    torch.manual_seed(1)
    network = build_model(name, 7, **options)
    assert library_arguments(network) == arguments
    torch.manual_seed(1)
    library, _, entry = name.partition(":")
    if library == "timm":
        import timm

        again = timm.create_model(entry, num_classes=7, **arguments)
    else:
        import torchvision

        again = torchvision.models.get_model(entry, weights=None, num_classes=7, **arguments)
    for (key, value), (other, same) in zip(network.state_dict().items(), again.state_dict().items(), strict=True):
        assert key == other
        assert torch.equal(value, same)
    torch.manual_seed(2)
    rebuilt = build_model(name, 7, arguments=arguments)
    assert [p.shape for p in rebuilt.parameters()] == [p.shape for p in network.parameters()]


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("torchvision:inception_v3", {}, r"does not take images of 32x32 pixels"),
        ("torchvision:mvit_v2_s", {"frames": 8}, r"does not take clips of 8 frames of 32x32 pixels"),
        ("timm:resnet10t", {"frames": 8}, r"is a network for images; it does not take clips"),
        ("torchvision:shufflenet_v2_x0_5", {"width": 0.5}, r"has no argument for its width.*dense_small needs `width`"),
    ],
)
def test_what_a_library_does_not_allow_is_one_line(name: str, options: dict, message: str) -> None:
    """Fixed sizes, clips for a network of images, and widths that a library has no argument for."""
    with pytest.raises(ValueError, match=message) as found:
        build_model(name, 7, **options)
    assert "\n" not in str(found.value)


def test_a_stem_for_large_images_is_said(caplog: pytest.LogCaptureFixture) -> None:
    """A network that keeps little of a small image is built as the library has it, with one line."""
    with caplog.at_level(logging.WARNING):
        build_model("timm:resnet10t", 7)
    assert "no argument for one for 32 pixels" in caplog.text
