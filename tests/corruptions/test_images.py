"""What holds for all nineteen corruptions: names, determinism, odd sizes, extreme images, bad input."""

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dst_robustness.corruptions import (
    BENCHMARK_CORRUPTIONS,
    FAMILIES,
    IMAGE_CORRUPTIONS,
    SEVERITIES,
    corrupt_images,
)

NAMES = list(IMAGE_CORRUPTIONS)
UNCHANGED_IF_FLAT = (
    "defocus_blur",
    "motion_blur",
    "zoom_blur",
    "contrast",
    "elastic_transform",
    "pixelate",
    "gaussian_blur",
)


def test_the_registry_is_that_of_the_benchmark():
    """Nineteen in the published order; the first fifteen are scored."""
    assert len(NAMES) == 19
    assert tuple(NAMES[:15]) == BENCHMARK_CORRUPTIONS
    assert NAMES[15:] == ["speckle_noise", "gaussian_blur", "spatter", "saturate"]
    assert all(name == corruption.name for name, corruption in IMAGE_CORRUPTIONS.items())


def test_every_family_has_five_severities_of_every_corruption():
    """No cell of the 19 x 5 x 3 is missing."""
    for table in FAMILIES.values():
        assert set(table) == set(NAMES)
        assert all(len(severities) == len(SEVERITIES) for severities in table.values())


@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(cut=st.integers(0, 6), threads=st.integers(1, 4), severity=st.integers(1, 5), start=st.integers(0, 10**6))
def test_any_batch_split_and_thread_count_gives_the_same_bytes(images, name, cut, threads, severity, start):
    """Image i depends on (seed, name, severity, index) alone."""
    whole = corrupt_images(images, name, severity, family="cifar", seed=7, first_index=start)
    first = corrupt_images(images[:cut], name, severity, family="cifar", seed=7, first_index=start, threads=threads)
    rest = corrupt_images(images[cut:], name, severity, family="cifar", seed=7, first_index=start + cut)
    np.testing.assert_array_equal(np.concatenate([first, rest]), whole)


@pytest.mark.parametrize("name", NAMES)
def test_order_of_calls_and_the_input_array_do_not_matter(images, name):
    """One image alone, from the end to the start, out of a strided read-only view; the input stays as it is."""
    view = np.repeat(images, 2, axis=2)[:, :, ::2]
    view.setflags(write=False)
    whole = corrupt_images(view, name, 3, family="tiny_imagenet", seed=1)
    for i in (5, 0):
        alone = corrupt_images(view[i : i + 1], name, 3, family="tiny_imagenet", seed=1, first_index=i)
        np.testing.assert_array_equal(alone[0], whole[i])
    np.testing.assert_array_equal(view, images)


def test_the_seed_changes_what_is_random_and_nothing_else(images):
    """Eight corruptions are deterministic, eleven are not."""
    same = {
        name
        for name in NAMES
        if np.array_equal(*(corrupt_images(images, name, 5, family="cifar", seed=seed) for seed in (0, 1)))
    }
    deterministic = "defocus_blur zoom_blur brightness contrast pixelate jpeg_compression gaussian_blur saturate"
    assert same == set(deterministic.split())


@pytest.mark.parametrize("shape", [(1, 1), (2, 3), (1, 40), (33, 7), (70, 45)])
@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("name", NAMES)
def test_any_size_works(name, family, shape):
    """Odd, non-square, one pixel, larger than the family's."""
    images = np.random.default_rng(0).integers(0, 256, (2, *shape, 3), dtype=np.uint8)
    for severity in (1, 3, 5):
        result = corrupt_images(images, name, severity, family=family)
        assert result.shape == images.shape
        assert result.dtype == np.uint8


@pytest.mark.parametrize("value", [0, 1, 128, 254, 255])
@pytest.mark.parametrize("name", UNCHANGED_IF_FLAT)
def test_a_flat_image_stays_flat(name, value):
    """Neither rounding nor an edge darkens it."""
    images = np.full((1, 32, 32, 3), value, dtype=np.uint8)
    for family in FAMILIES:
        for severity in SEVERITIES:
            if (name, family) == ("defocus_blur", "imagenet") and severity > 3:
                continue  # these two published kernels sum to more than 1, see test_blur.py
            np.testing.assert_array_equal(corrupt_images(images, name, severity, family=family), images)


@pytest.mark.parametrize("name", NAMES)
def test_black_and_white_do_not_wrap_around(name):
    """White does not turn black by overflow, nor black white: means stay on their side."""
    for value, bound in ((0, 0.85), (255, 0.35)):
        images = np.full((2, 64, 64, 3), value, dtype=np.uint8)
        for severity in SEVERITIES:
            mean = corrupt_images(images, name, severity, family="tiny_imagenet").mean() / 255
            assert mean <= bound if value == 0 else mean >= bound


def test_an_empty_batch_stays_empty(images):
    """The result has the same shape."""
    assert corrupt_images(images[:0], "snow", 1, family="cifar").shape == (0, 32, 32, 3)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"images": np.zeros((1, 8, 8, 3), np.float32)}, "must be a uint8 array, not float32"),
        ({"images": np.zeros((8, 8, 3), np.uint8)}, r"must be \[N, H, W, 3\]"),
        ({"images": np.zeros((1, 8, 8, 1), np.uint8)}, r"must be \[N, H, W, 3\]"),
        ({"images": np.zeros((1, 0, 8, 3), np.uint8)}, "at least 1"),
        ({"images": [[1]]}, "not list"),
        ({"name": "snwo"}, "Did you mean 'snow'"),
        ({"severity": 0}, "severity 0 is not one of 1, 2, 3, 4, 5"),
        ({"severity": 6}, "severity 6"),
        ({"severity": 2.5}, "severity 2.5"),
        ({"family": "cifer"}, "Did you mean 'cifar'"),
        ({"seed": -1}, "seed -1"),
        ({"first_index": -1}, "first_index -1"),
        ({"threads": 0}, "threads must be at least 1"),
    ],
)
def test_bad_input_is_a_value_error_that_says_what_is_allowed(change, message):
    """One clear line, not a crash in compiled code."""
    good = {"images": np.zeros((1, 8, 8, 3), np.uint8), "name": "snow", "severity": 1, "family": "cifar"}
    with pytest.raises(ValueError, match=message):
        corrupt_images(**(good | change))
