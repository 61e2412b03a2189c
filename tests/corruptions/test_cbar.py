"""The corruptions of C-bar, and what holds for all beyond the nineteen: names, determinism, sizes, order of damage."""

import itertools
import math

import numpy as np
import pytest
from scipy import ndimage

from dst_robustness.corruptions import (
    C_BAR_CORRUPTIONS,
    CONSTANTS,
    IMAGE_CORRUPTIONS,
    KNOWN_CORRUPTIONS,
    SEVERITIES,
    THREE_DCC_CORRUPTIONS,
    corrupt_images,
)
from dst_robustness.corruptions.cbar import occlusion, perlin, refraction, sparkles, spectral, warps
from dst_robustness.corruptions.random import stream_keys

FURTHER = [*C_BAR_CORRUPTIONS, *THREE_DCC_CORRUPTIONS]
CELLS = [(family, name) for family, table in CONSTANTS.items() for name in table if name in FURTHER]


def flat(value: int, count: int = 1, side: int = 32) -> np.ndarray:
    return np.full((count, side, side, 3), value, dtype=np.uint8)


def test_each_published_set_has_its_ten():
    """Five are in both sets of C-bar; none has the name of one of the nineteen; 64 pixels have no C-bar."""
    ten = {family: set(table) & set(C_BAR_CORRUPTIONS) for family, table in CONSTANTS.items()}
    assert {family: len(names) for family, names in ten.items()} == {"cifar": 10, "tiny_imagenet": 0, "imagenet": 10}
    assert len(ten["cifar"] & ten["imagenet"]) == 5
    assert len(KNOWN_CORRUPTIONS) == len(IMAGE_CORRUPTIONS) + 15 + 3
    assert {name for name, c in KNOWN_CORRUPTIONS.items() if c.category == "c_bar"} == set(C_BAR_CORRUPTIONS)
    assert all(len(CONSTANTS[family][name]) == len(SEVERITIES) for family, name in CELLS)
    with pytest.raises(ValueError, match=r"'lines' has no constants for family 'imagenet'\. Allowed: cifar"):
        corrupt_images(flat(0), "lines", 1, family="imagenet")


@pytest.mark.parametrize(("family", "name"), CELLS)
def test_any_batch_split_and_thread_count_gives_the_same_bytes(images, family, name):
    """Image i depends on (seed, name, severity, index) alone, and the input stays as it is."""
    before = images.copy()
    whole = corrupt_images(images, name, 4, family=family, seed=7, first_index=90)
    first = corrupt_images(images[:4], name, 4, family=family, seed=7, first_index=90, threads=3)
    rest = corrupt_images(images[4:], name, 4, family=family, seed=7, first_index=94)
    np.testing.assert_array_equal(np.concatenate([first, rest]), whole)
    np.testing.assert_array_equal(images, before)


def test_the_seed_changes_what_is_random_and_nothing_else(images):
    """Two of the eighteen are deterministic; the same image twice is corrupted in two ways by the others."""
    same = set()
    for family, name in CELLS:
        if np.array_equal(*(corrupt_images(images, name, 5, family=family, seed=seed) for seed in (0, 1))):
            same.add(name)
        twice = corrupt_images(images[[0, 0]], name, 5, family=family)
        assert np.array_equal(*twice) == (name in same)
    assert same == {"circular_motion_blur", "color_quant"}


@pytest.mark.parametrize("shape", [(1, 1), (2, 3), (1, 40), (33, 7), (70, 45)])
@pytest.mark.parametrize(("family", "name"), CELLS)
def test_any_size_works(family, name, shape):
    """Odd, non-square, one pixel, larger than the family's."""
    pictures = np.random.default_rng(0).integers(0, 256, (2, *shape, 3), dtype=np.uint8)
    for severity in (1, 5):
        result = corrupt_images(pictures, name, severity, family=family)
        assert result.shape == pictures.shape
        assert result.dtype == np.uint8


@pytest.mark.parametrize(("family", "name"), CELLS)
def test_severity_orders_the_damage(images, family, name):
    """On average over many images."""
    many = np.tile(images, (20, 1, 1, 1))
    damage = []
    for severity in (1, 3, 5):
        changed = corrupt_images(many, name, severity, family=family)
        damage.append(((changed.astype(float) - many) ** 2).mean())
    assert 0 < damage[0] < damage[1] < damage[2]


BLACK_STAYS = (
    "blue_noise_sample ripple pinch_and_twirl circular_motion_blur transverse_chromatic_abberation color_quant"
)
WHITE_STAYS = "sparkles inverse_sparkles pinch_and_twirl transverse_chromatic_abberation"


def test_black_and_white_do_not_wrap_around():
    """What cannot change black or white leaves it exactly; noise around an end keeps to its side."""
    for family, name in CELLS:
        for severity in SEVERITIES:
            black, white = (corrupt_images(flat(v, 2), name, severity, family=family) for v in (0, 255))
            assert black.max() == 0 or name not in BLACK_STAYS
            assert white.min() == 255 or name not in WHITE_STAYS
            if name not in ("inverse_sparkles", "perlin_noise", "low_light"):  # white, bright, and without a range
                assert black.mean() < 128 <= white.mean()


@pytest.mark.parametrize("value", [1, 128, 254])
@pytest.mark.parametrize("name", ["pinch_and_twirl", "transverse_chromatic_abberation"])
def test_a_flat_image_stays_flat(name, value):
    """Weights that sum to 1 must not lose a grey level to a rounding error."""
    for severity in SEVERITIES:
        np.testing.assert_array_equal(corrupt_images(flat(value), name, severity, family="cifar"), flat(value))


def test_a_board_that_is_not_turned_covers_every_other_square():
    """Four squares of two pixels: those on the diagonal are of the covered colour."""
    board = np.zeros((4, 4, 3), dtype=np.uint8)
    occlusion.cut_out(board, np.uint64(1), 0.0, 2.0, 1.0)
    g = 128
    np.testing.assert_array_equal(board[..., 0], [[g, g, 0, 0], [g, g, 0, 0], [0, 0, g, g], [0, 0, g, g]])
    untouched = np.zeros((4, 4, 3), dtype=np.uint8)
    occlusion.cut_out(untouched, np.uint64(1), 0.3, 2.0, 0.0)
    assert not untouched.any()


def test_half_of_the_chosen_share_is_covered():
    """Severity 5 of ImageNet covers 60% of one of two colours."""
    covered = corrupt_images(flat(0, 400), "checkerboard_cutout", 5, family="imagenet")
    assert set(np.unique(covered)) == {0, 128}
    assert (covered == 128).mean() == pytest.approx(0.3, abs=0.02)


def test_lines_by_hand():
    """Along a row nothing is smoothed; a diagonal leaves 1 - 1 / sqrt(2) of itself on either side."""
    image = np.zeros((3, 3, 3), dtype=np.uint8)
    occlusion.draw_line(image, 1, -1, 1, 5)
    np.testing.assert_array_equal(image[..., 2], [[0, 0, 0], [128, 128, 128], [0, 0, 0]])
    image[:] = 0
    occlusion.draw_line(image, 0, 0, 2, 2)
    np.testing.assert_array_equal(image[..., 0], [[128, 37, 0], [37, 128, 37], [0, 37, 128]])


def test_lines_are_those_of_scikit_image():
    """In all directions."""
    draw = pytest.importorskip("skimage.draw")
    for ends in itertools.product((2, 9, 15), (1, 8, 14), (3, 9, 12), (0, 8, 15)):
        ours = np.zeros((16, 16, 3), dtype=np.uint8)
        occlusion.draw_line(ours, *ends)
        rows, columns, values = draw.line_aa(*ends)
        theirs = np.zeros((16, 16))
        theirs[rows, columns] = values * 128
        np.testing.assert_array_equal(ours[..., 1], np.floor(theirs + 1e-3))


def test_lines_are_counted_by_the_side():
    """Severity 1 of 32 pixels is one line: at most about 3 x 32 pixels change, whatever its direction."""
    changed = corrupt_images(flat(0, 50), "lines", 1, family="cifar")[..., 0] > 0
    assert 10 < changed.sum(axis=(1, 2)).mean() < 96


def test_between_pixels_is_linear_and_outside_is_black():
    """By hand on two by two pixels."""
    image = np.zeros((2, 2, 3), dtype=np.uint8)
    image[..., 0] = [[0, 100], [200, 50]]
    for y, x, value in ((0.5, 0.5, 87.5), (1, 0, 200), (0, 1.5, 50), (-0.25, 1, 75), (-2, 0, 0), (1, 2, 0)):
        assert warps.sample(image, y, x, 0) == value


def test_a_whirlpool_turns_its_middle_by_the_angle():
    """Half a turn without a pinch, next to the centre; outside the circle nothing moves."""
    image = np.arange(144, dtype=np.uint8).reshape(12, 12)[..., None].repeat(3, axis=2)
    result = image.copy()
    warps.twirl(image, 0, 0, 12, 0.0, 0.0, result)
    np.testing.assert_array_equal(result, image)
    warps.twirl(image, 0, 0, 12, math.pi / (1 - 1 / 6) ** 2, 0.0, result)
    assert (result[6, 7, 0], result[7, 6, 0]) == (image[6, 5, 0], image[5, 6, 0])  # at 1 of the radius 6: half a turn
    for corner in itertools.product((0, 11), (0, 11)):
        assert result[corner][0] == image[corner][0]


def test_ripples_move_by_the_amplitude():
    """On a ramp, a grey level a pixel: severity 5 of 32 pixels moves by up to 0.64 pixels."""
    ramp = np.broadcast_to(np.arange(32, dtype=np.uint8)[:, None, None] * 4, (40, 32, 32, 3))
    moved = corrupt_images(ramp, "ripple", 5, family="cifar")[:, 2:-2, 2:-2].astype(int) - ramp[:, 2:-2, 2:-2]
    assert -3 <= moved.min() <= -2  # 4 * 0.64 = 2.56, with the fraction cut off
    assert moved.max() == 2


def test_a_plane_wave_has_one_frequency_and_its_amplitude():
    """Severity 2 of ImageNet has amplitude 29.4; all channels are alike."""
    waves = corrupt_images(flat(128, 200), "single_frequency_greyscale", 2, family="imagenet").astype(float) - 128
    assert (waves[..., 0] == waves[..., 2]).all()
    assert -31 < waves.min() < -28
    assert 28 < waves.max() <= 29
    assert waves.std() == pytest.approx(29.4 / math.sqrt(2), rel=0.05)


def test_rings_are_a_sawtooth():
    """All levels from -A / 2 to A / 2 are equally frequent; severity 1 has A = 38.4."""
    rings = corrupt_images(flat(128, 200), "cocentric_sine_waves", 1, family="imagenet").astype(float) - 127.5
    assert -20 < rings.min() < rings.max() < 20
    assert rings.std() == pytest.approx(38.4 / math.sqrt(12), rel=0.05)


def test_plasma_stays_within_its_amplitude():
    """Severity 5: 64 grey levels about 1 - 64 / 255 of the image, channels differ."""
    plasma = corrupt_images(flat(128, 50), "plasma_noise", 5, family="imagenet")
    middle = (1 - 64 / 255) * 128
    assert middle - 65 < plasma.min() < middle - 60
    assert middle + 60 < plasma.max() < middle + 64
    assert (plasma[..., 0] != plasma[..., 1]).mean() > 0.9


def power(amplitude: np.ndarray, count: int = 200) -> np.ndarray:
    """Return the mean power of noise by frequency, zero in the corner; the noise has unit variance about its mean."""
    noises = [spectral.coloured_noise(amplitude, key, 0) for key in stream_keys(0, "x", 1, 0, count)]
    assert all(noise.std() == pytest.approx(1) for noise in noises)
    return np.mean([np.abs(np.fft.fft2(noise)) ** 2 for noise in noises], axis=0)


def test_noise_has_the_spectrum_of_its_colour():
    """Blue amplitude rises with frequency, brownish falls with its square (plus one)."""
    frequency = spectral.frequency(32, 32)
    assert (frequency[16, 16], frequency[16, 20], frequency[4, 0]) == (0, 4, 20)
    blue, brown = power(frequency), power(1 / (frequency**2 + 1))
    ring_4, ring_12 = ((np.abs(np.fft.ifftshift(frequency) - r) < 0.5) for r in (4, 12))
    assert blue[ring_12].mean() / blue[ring_4].mean() == pytest.approx(9, rel=0.15)
    assert brown[ring_4].mean() / brown[ring_12].mean() == pytest.approx((145 / 17) ** 2, rel=0.2)


def test_blue_noise_blackens_the_tail_and_brownish_noise_spreads_as_published():
    """Severity 5 of CIFAR: below -1.24 standard deviations; severity 1: a standard deviation of 16 levels."""
    sampled = corrupt_images(flat(200, 100), "blue_noise_sample", 5, family="cifar")
    assert set(np.unique(sampled)) == {0, 200}
    assert (sampled == 0).mean() == pytest.approx(0.1075, abs=0.01)
    brown = corrupt_images(flat(128, 100), "brownish_noise", 1, family="cifar").astype(float)
    assert brown.std(axis=(1, 2)).mean() == pytest.approx(16, rel=0.02)
    assert brown.mean(axis=(1, 2)).std() > 5  # frequency zero is random, too


def test_a_star_by_hand():
    """Rays of length 4: full light in the middle, 3/4 on a ray at its end, 3/16 at twice that, all between two rays."""
    lengths = np.full(100, 4.0)
    assert sparkles.ray_strength(0.0, 0.0, lengths, 1.0) == 1
    assert sparkles.ray_strength(4.0, 0.0, lengths, 1.0) == pytest.approx(0.75, abs=1e-4)
    assert sparkles.ray_strength(8.0, 0.0, lengths, 1.0) == pytest.approx(0.75 / 4, abs=1e-4)
    between = math.pi / 100
    y, x = 8 * math.cos(between), 8 * math.sin(between)
    assert sparkles.ray_strength(y, x, lengths, 0.5) == pytest.approx(0.5, abs=1e-4)


def test_gradient_noise_by_hand():
    """It is 0 at the nodes; a single slope of 1 half a cell away counts a quarter of its rise, times 1.5."""
    gradients = np.zeros((3, 3, 2))
    gradients[0, 0] = 1, 0
    assert perlin.gradient_noise(0.5, 0.5, gradients) == pytest.approx(1.5 * 0.25 * 0.5)
    assert perlin.gradient_noise(1.5, 1.5, gradients) == 0
    gradients[:] = np.random.default_rng(0).normal(size=gradients.shape)
    assert perlin.gradient_noise(1.0, 1.0, gradients) == 0


def test_perlin_noise_is_grey_and_bright():
    """Turbulence is at least half: a black image becomes at least 0.5 * 255 times its share, 0.23 at severity 1."""
    noise = corrupt_images(flat(0, 20), "perlin_noise", 1, family="imagenet")
    assert (noise[..., 0] == noise[..., 1]).all()
    assert 29 <= noise.min() < 32
    assert 50 < noise.max() <= 58


def test_refraction_follows_snell():
    """The vector form of the law, for surfaces of any slope; hardly tilted ones do not bend."""
    for down, right in ((0.1, 0.0), (0.3, -0.4), (-2.0, 1.0)):
        normal = np.array([down, right, 1]) / math.sqrt(down**2 + right**2 + 1)
        cosine = normal[2]
        sine = math.sqrt(1 - cosine**2) / refraction.REFRACTION
        tangent = np.array([0, 0, 1]) - cosine * normal
        bent = math.sqrt(1 - sine**2) * normal + sine * tangent / np.linalg.norm(tangent)
        expected = 0 if cosine >= 0.999 else bent[:2]
        np.testing.assert_allclose(refraction.deflection(down, right) * np.array([down, right]), expected, atol=1e-12)
    assert refraction.deflection(0.0, 0.0) == 0


def test_without_an_amount_refraction_changes_nothing(images):
    """Neither depth nor light."""
    keys = stream_keys(0, "x", 1, 0, len(images))
    np.testing.assert_array_equal(refraction.caustic_refraction(images, keys, 0), images)


@pytest.mark.parametrize("severity", SEVERITIES)
def test_circular_blur_is_the_mean_of_scipys_rotations(images, severity):
    """21 of them, weighted by exp(-2 t ** 2)."""
    (amount,) = CONSTANTS["cifar"]["circular_motion_blur"][severity - 1]
    expected, weights = 0.0, 0.0
    for turn in np.linspace(-1, 1, 21):
        turned = ndimage.rotate(images / 255, 1.5 * amount * turn, axes=(2, 1), reshape=False)
        expected, weights = expected + math.exp(-2 * turn**2) * turned, weights + math.exp(-2 * turn**2)
    cut_off = np.clip(255 * expected / weights, 0, 255) - corrupt_images(
        images, "circular_motion_blur", severity, family="cifar"
    )
    assert -0.002 < cut_off.min() <= cut_off.max() < 1


def nearly_equal(first: np.ndarray, second: np.ndarray) -> bool:
    """Whether all but ties are: weights of 1/36 end on half a level in one of 36 cases, and scipy falls either way."""
    apart = np.abs(first.astype(int) - second)
    return apart.max() <= 1 and (apart == 1).mean() < 0.03


@pytest.mark.parametrize("severity", SEVERITIES)
def test_chromatic_aberration_is_scipys_zoom_of_the_channels(images, severity):
    """The channels have the factors 1, 1 + s / 2, 1 + s in some order, and every order occurs."""
    (amount,) = CONSTANTS["cifar"]["transverse_chromatic_abberation"][severity - 1]
    many = np.repeat(images[:1], 60, axis=0)
    results = corrupt_images(many, "transverse_chromatic_abberation", severity, family="cifar")
    enlarged = []
    for factor in (1, 1 + 0.025 * amount, 1 + 0.05 * amount):
        zoomed = np.stack([ndimage.zoom(images[0, ..., c], factor, prefilter=False) for c in range(3)], axis=2)
        edge = (zoomed.shape[0] - 32) // 2
        enlarged.append(zoomed[edge : edge + 32, edge : edge + 32])
    orders = set()
    for result in results:
        fitting = [
            order
            for order in itertools.permutations(range(3))
            if all(nearly_equal(result[..., c], enlarged[k][..., c]) for c, k in enumerate(order))
        ]
        assert len(fitting) == 1
        orders.add(fitting[0])
    assert len(orders) == 6
