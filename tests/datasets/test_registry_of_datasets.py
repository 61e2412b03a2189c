"""The list of data sets: complete, cheap to ask, with facts that can be used."""

import pytest

from dst_robustness.datasets import DATASETS
from dst_robustness.datasets.checksums import parse_checksum

IMAGE_SETS = ("digits", "cifar10", "cifar100", "tiny_imagenet", "imagenet", "image_folder", "shapes")
CORRUPTED = ("cifar10_c", "cifar100_c", "tiny_imagenet_c", "imagenet_c", "imagenet_c_bar", "imagenet_3dcc")


SHIFTED = ("cifar10_1", "cifar10_2", "imagenet_v2", "imagenet_a", "imagenet_r", "imagenet_sketch")


@pytest.mark.parametrize("name", [*IMAGE_SETS, *CORRUPTED, *SHIFTED])
def test_a_spec_bears_its_name_and_usable_facts(name):
    spec = DATASETS[name]
    assert spec.name == name
    assert spec.kind == "images"
    assert spec.licence
    for file in spec.files:
        assert file.bytes is None or file.bytes > 0
        if file.checksum is not None:
            parse_checksum(file.checksum)
        assert all(address.startswith(("https://", "http://")) for address in file.addresses)
        assert file.addresses or spec.instructions


@pytest.mark.parametrize("name", CORRUPTED)
def test_a_corrupted_set_tells_of_what_it_is_made(name):
    spec = DATASETS[name]
    assert spec.unpack
    assert spec.image_size == DATASETS[spec.corrupted_from].image_size


@pytest.mark.parametrize(
    ("name", "family", "jpeg", "resize"),
    [
        ("digits", "cifar", False, 32),
        ("cifar100", "cifar", False, 32),
        ("tiny_imagenet", "tiny_imagenet", True, 64),
        ("imagenet", "imagenet", True, 256),
    ],
)
def test_size_decides_constants_storage_and_margin(name, family, jpeg, resize):
    spec = DATASETS[name]
    assert (spec.family, spec.jpeg, spec.resize) == (family, jpeg, resize)


def test_class_names_are_complete():
    assert len(DATASETS["cifar10"].classes) == 10
    assert len(set(DATASETS["cifar100"].classes)) == 100
    assert list(DATASETS["cifar100"].classes) == sorted(DATASETS["cifar100"].classes)


def test_an_unknown_name_is_answered_with_the_nearest():
    with pytest.raises(ValueError, match=r"unknown data set 'cifar_10'\. Did you mean 'cifar10'\?"):
        DATASETS["cifar_10"]
