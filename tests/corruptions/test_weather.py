"""Snow, frost, fog, brightness, and where the frost images come from."""

import importlib.util

import numpy as np
import pytest

from dst_robustness.corruptions import FAMILIES, corrupt_images
from dst_robustness.corruptions import frost as frost_module
from dst_robustness.corruptions.frost import PROCEDURAL, FrostPictures, load_frost
from dst_robustness.corruptions.plasma import fill_plasma

# Found, not imported: the package does not import on current libraries.
WHEEL = importlib.util.find_spec("imagecorruptions") is not None


@pytest.fixture
def without_wheel(monkeypatch):
    def missing(name):
        raise frost_module.PackageNotFoundError(name)

    monkeypatch.setattr(frost_module, "distribution", missing)
    load_frost.cache_clear()
    yield
    load_frost.cache_clear()


def test_brightness_scales_the_channels_and_turns_black_to_grey():
    """V = 200 + 0.1 x 255 = 225.5; fractions are cut off."""
    pixel = np.array([200, 100, 0], dtype=np.uint8).reshape(1, 1, 1, 3)
    assert corrupt_images(pixel, "brightness", 2, family="cifar").ravel().tolist() == [225, 112, 0]
    assert corrupt_images(pixel * 0, "brightness", 2, family="cifar").ravel().tolist() == [25, 25, 25]
    assert corrupt_images(pixel, "brightness", 5, family="imagenet").ravel().tolist() == [255, 127, 0]


def test_plasma_repeats_at_its_borders_and_is_rescaled_to_a_mean_of_a_half():
    """Mean about 0.50 and spread 0.15 to 0.18 over many maps, as measured on the published code."""
    means, spreads = [], []
    cloud = np.empty((32, 32), dtype=np.float32)
    for key in range(300):
        fill_plasma(np.uint64(key), 2.0, cloud)
        scaled = (cloud - cloud.min()) / (cloud.max() - cloud.min())
        means.append(scaled.mean())
        spreads.append(scaled.std())
    assert np.mean(means) == pytest.approx(0.5, abs=0.02)
    assert 0.14 < np.mean(spreads) < 0.2
    across = np.abs(cloud[:, 0] - cloud[:, -1]).mean() / np.abs(np.diff(cloud, axis=1)).mean()
    assert across < 2


def test_fog_on_white_is_the_map_alone():
    """y = (1 + c map) / (1 + c): nowhere below 1 / (1 + c), brightest value kept."""
    white = np.full((4, 32, 32, 3), 255, dtype=np.uint8)
    strength = FAMILIES["cifar"]["fog"][2][0]
    result = corrupt_images(white, "fog", 3, family="cifar")
    assert result.min() == int(255 / (1 + strength))
    assert result.max() == 255
    assert (result[..., 0] == result[..., 2]).all()
    assert not corrupt_images(white * 0, "fog", 5, family="cifar").any()


def test_snow_whitens_and_falls_twice_turned_by_half_a_turn():
    """On black: 0.2 x 127.5 x (1 - keep) everywhere, plus flakes that are point-symmetric."""
    black = np.zeros((3, 64, 64, 3), dtype=np.uint8)
    keep = FAMILIES["imagenet"]["snow"][0][-1]
    result = corrupt_images(black, "snow", 1, family="imagenet")
    assert result.min() == int(127.5 * (1 - keep))
    np.testing.assert_array_equal(result, result[:, ::-1, ::-1])
    assert result.std() > 1


def test_frost_is_the_weighted_sum_with_a_crop_of_a_picture():
    """A flat image: floor(0.75 x 100 + 0.45 x 200) at severity 5."""
    pictures = FrostPictures("test", (np.full((300, 400, 3), 200, np.uint8),))
    images = np.full((2, 32, 32, 3), 100, dtype=np.uint8)
    assert (corrupt_images(images, "frost", 5, family="cifar", frost_pictures=pictures) == 165).all()
    assert (corrupt_images(images + 155, "frost", 5, family="cifar", frost_pictures=pictures) == 255).all()


def test_all_five_frost_pictures_are_drawn_equally_often():
    """Flat images tell which one was drawn."""
    pictures = FrostPictures("test", tuple(np.full((50, 50, 3), 20 * i, np.uint8) for i in range(5)))
    black = np.zeros((2000, 2, 2, 3), dtype=np.uint8)
    result = corrupt_images(black, "frost", 1, family="imagenet", frost_pictures=pictures)[:, 0, 0, 0]
    counts = np.bincount(result // 8, minlength=5)
    assert len(counts) == 5
    assert np.abs(counts - 400).max() < 5 * np.sqrt(400)


@pytest.mark.skipif(not WHEEL, reason="the wheel that carries the pictures is not installed")
def test_the_frost_pictures_of_the_wheel_are_the_benchmarks():
    """Five files with their sha256; the second and the third show the same."""
    pictures = load_frost()
    assert pictures.source == "imagecorruptions wheel"
    assert [p.shape[:2] for p in pictures.pictures] == [(600, 900), (315, 560), (315, 560), (350, 527), (495, 660)]
    np.testing.assert_array_equal(pictures.pictures[1], pictures.pictures[2])
    np.testing.assert_allclose([p.mean() for p in pictures.pictures], [130.8, 206.9, 206.9, 152, 123.5], atol=0.2)


def test_a_folder_comes_first_and_a_wrong_picture_in_it_is_refused(tmp_path):
    """No silent fall-back once a folder is given."""
    with pytest.raises(ValueError, match=r"no frost image .*frost1\.png"):
        load_frost(tmp_path)
    for name in frost_module.FROST_FILES:
        (tmp_path / name).write_bytes(b"not it")
    with pytest.raises(ValueError, match="is not the benchmark's frost image: sha256"):
        load_frost(tmp_path)


def test_without_pictures_a_texture_says_that_it_is_one(without_wheel):
    """Bright, with contrast, and its source cannot be mistaken."""
    pictures = load_frost()
    assert pictures.source == PROCEDURAL
    assert len(pictures.pictures) == 5
    assert all(100 < p.mean() < 220 and p.std() > 10 for p in pictures.pictures)
