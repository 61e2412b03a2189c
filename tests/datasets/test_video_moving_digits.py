"""The class of a moving digit is its motion: frames without their order know nothing of it."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from dst_robustness.datasets import DATASETS, acquire, prepare
from dst_robustness.datasets.decoding import read_clip
from dst_robustness.datasets.digits import all_scans
from dst_robustness.datasets.moving_digits import (
    FRAMES,
    MOTIONS,
    draw_scene,
    render,
    texture,
    write_h264,
    write_videos,
)
from dst_robustness.sets.storage import Samples, open_hdf5

pytestmark = pytest.mark.skipif(find_spec("av") is None, reason="av is not installed")


def clips_of(per_class: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Render clips, uint8 [N, T, H, W, 3], and their classes."""
    scans, _ = all_scans()
    clips, labels = [], []
    for label, order in enumerate(MOTIONS.values()):
        for index in range(per_class):
            generator = np.random.default_rng([seed, label, index])
            clips.append(render(draw_scene(scans[generator.integers(len(scans))], generator), order))
            labels.append(label)
    return np.stack(clips), np.array(labels)


def test_every_motion_visits_every_place_once() -> None:
    """The eight orders are permutations, all different also when started elsewhere on the circle."""
    assert len(MOTIONS) == 8
    steps = set()
    for order in MOTIONS.values():
        assert sorted(order) == list(range(FRAMES))
        steps.add(tuple(np.diff(order) % FRAMES))
    assert len(steps) == 8


def test_decoded_frames_are_the_same_in_every_class(tmp_path: Path) -> None:
    """One scene in all eight motions gives, decoded, the very same frames: not even the compression tells."""
    generator = np.random.default_rng(3)
    scene = draw_scene(all_scans()[0][7], generator)
    found = []
    for name, order in MOTIONS.items():
        write_h264(tmp_path / f"{name}.mp4", render(scene, order))
        clip = read_clip(tmp_path / f"{name}.mp4", frames=FRAMES, size=32)
        by_place = np.empty_like(clip)
        by_place[order] = clip
        found.append(by_place)
    assert len(np.unique(found[0].reshape(FRAMES, -1), axis=0)) == FRAMES
    for other in found[1:]:
        np.testing.assert_array_equal(other, found[0])


def test_order_tells_the_class_and_a_shuffled_clip_does_not() -> None:
    """A linear classifier on where the digit goes from frame to frame succeeds, and is at chance on shuffled frames."""
    features, labels = {}, None
    for kind in ("ordered", "shuffled"):
        parts = []
        for seed in (0, 1):
            clips, labels = clips_of(24, seed)
            if kind == "shuffled":
                generator = np.random.default_rng(seed)
                clips = np.stack([clip[generator.permutation(FRAMES)] for clip in clips])
            parts.append(np.stack([displacements(clip) for clip in clips]))
        features[kind] = parts
    accuracy = {}
    for kind, (train, test) in features.items():
        model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=500)).fit(train, labels)
        accuracy[kind] = model.score(test, labels)
    assert accuracy["ordered"] > 0.5
    assert abs(accuracy["shuffled"] - 1 / 8) < 0.08  # three standard errors of 192 guesses


def displacements(clip: np.ndarray) -> np.ndarray:
    """Return turn and length of the digit's step from frame to frame: centroids of what differs from the median."""
    grey = clip.mean(axis=-1)
    mask = np.abs(grey - np.median(grey, axis=0)) > 25
    rows, columns = np.indices(mask.shape[1:])
    weight = np.maximum(mask.sum(axis=(1, 2)), 1)
    places = np.stack([(mask * rows).sum((1, 2)) / weight, (mask * columns).sum((1, 2)) / weight], axis=1)
    places -= places.mean(axis=0)
    before, after = places[:-1], places[1:]
    turn = before[:, 0] * after[:, 1] - before[:, 1] * after[:, 0]
    along = (before * after).sum(axis=1)
    return np.concatenate([turn, along])


def test_texture_falls_off_as_one_over_frequency() -> None:
    """The amplitude spectrum of the backgrounds has the slope of natural images, -1, within what clipping costs."""
    generator = np.random.default_rng(0)
    spectrum = np.mean([np.abs(np.fft.rfft2(texture(generator)[..., 0])) for _ in range(40)], axis=0)
    frequencies = np.arange(2, 25)
    slope = np.polyfit(np.log(frequencies), np.log(spectrum[0, frequencies]), 1)[0]
    assert -1.15 < slope < -0.85


def test_splits_share_no_scan_and_are_balanced(tmp_path: Path) -> None:
    """The data set goes from acquiring to HDF5, balanced, and the same twice."""
    write_videos(tmp_path / "a", train_clips=9, test_clips=8)
    counts = [len(list((tmp_path / "a" / "train" / name).glob("*.mp4"))) for name in MOTIONS]
    assert sorted(counts) == [1] * 7 + [2]
    write_videos(tmp_path / "b", train_clips=9, test_clips=8)
    for path in sorted((tmp_path / "a").rglob("*.mp4")):
        assert path.read_bytes() == (tmp_path / "b" / path.relative_to(tmp_path / "a")).read_bytes()


def test_prepared_set_has_the_layout_of_the_contract(tmp_path: Path) -> None:
    """``clips`` uint8 [N, 16, 32, 32, 3] with labels in the order of the motions, none left out."""
    spec = DATASETS["moving_digits"]
    assert spec.make is write_videos
    spec = replace(spec, make=partial(write_videos, train_clips=80, test_clips=80))
    acquire(spec, tmp_path / "raw")
    outputs = {name: tmp_path / f"{name}.h5" for name in ("train", "validation", "test")}
    prepare(spec, tmp_path / "raw", outputs, threads=1)
    with open_hdf5(outputs["test"]) as file:
        clips = Samples(file)
        assert file["clips"].shape == (80, 16, 32, 32, 3)
        assert file["clips"].dtype == np.uint8
        assert np.bincount(clips.labels).tolist() == [10] * 8
        pixels = clips[0:80] / 255
    np.testing.assert_allclose(pixels.mean(), spec.mean[0], atol=0.03)
    np.testing.assert_allclose(pixels.std(), spec.std[0], atol=0.03)
    with open_hdf5(outputs["train"]) as train, open_hdf5(outputs["validation"]) as validation:
        assert len(train["labels"]) + len(validation["labels"]) == 80
