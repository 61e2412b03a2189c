"""The table of any predict function, on images whose class is their brightness."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest

from dst_robustness.corruptions import BENCHMARK_CORRUPTIONS, corrupt_images
from dst_robustness.evaluation import (
    calibration_error,
    corruption_table,
    gain,
    mean_corruption_error,
    robust_accuracy,
)
from dst_robustness.evaluation.answers import read_answers

LABELS = np.array([0, 1, 0, 1, 1, 0, 1])
IMAGES = np.where(LABELS[:, None, None, None] == 1, 170, 85) + np.zeros((1, 32, 32, 3))
IMAGES = (IMAGES + np.arange(32)[:, None]).astype(np.uint8)


def bright(images: np.ndarray) -> np.ndarray:
    """Class 1 for images brighter than the middle: probabilities [N, 2]."""
    share = np.clip(images.mean((1, 2, 3)) / 255, 0.01, 0.99)
    return np.stack([1 - share, share], 1)


def table(predict: Callable[[np.ndarray], Any] = bright, **options: Any) -> Any:
    return corruption_table(
        predict, IMAGES, LABELS, **{"family": "cifar", "corruptions": ["brightness", "contrast"], **options}
    )


def test_each_row_is_what_predict_answers_to_those_images() -> None:
    """Protects the numbers: each cell equals predict on the images that corrupt_images makes, clean ones first."""
    found = table(batch_size=3)
    assert list(found.columns) == ["corruption", "category", "severity", "accuracy", "ece", "nll"]
    assert list(found["corruption"]) == ["clean"] + ["brightness"] * 5 + ["contrast"] * 5
    assert list(found["severity"]) == [0, *range(1, 6), *range(1, 6)]
    assert list(found["category"]) == ["clean"] + ["weather"] * 5 + ["digital"] * 5
    for row in found.iloc[1:].itertuples():
        probabilities = bright(corrupt_images(IMAGES, row.corruption, row.severity, family="cifar"))
        assert row.accuracy == np.mean(probabilities.argmax(1) == LABELS)
        assert row.nll == pytest.approx(-np.log(probabilities[np.arange(7), LABELS]).mean())
    assert robust_accuracy(found) == pytest.approx(found["accuracy"].iloc[1:].mean())
    assert calibration_error(found) == pytest.approx(found["ece"].iloc[1:].mean())


def test_batches_and_threads_change_nothing() -> None:
    """Protects comparisons: the corrupted images do not depend on how many are made at once."""
    whole = table(corruptions=["gaussian_noise"], batch_size=7, threads=1)
    parts = table(corruptions=["gaussian_noise"], batch_size=2, threads=3)
    assert whole.equals(parts)


def as_torch(values: np.ndarray) -> Any:
    return pytest.importorskip("torch").from_numpy(values).requires_grad_()


def as_bfloat16(values: np.ndarray) -> Any:
    torch = pytest.importorskip("torch")
    return torch.from_numpy(values).to(torch.bfloat16)


ANSWERS = {
    "probabilities": bright,
    "logits": lambda images: np.log(bright(images)) + 3,
    "torch": lambda images: as_torch(bright(images)),
    "bfloat16": lambda images: as_bfloat16(np.log(bright(images))),
    "lists": lambda images: bright(images).tolist(),
    "classes": lambda images: bright(images).argmax(1),
    "floats that are classes": lambda images: bright(images).argmax(1).astype(np.float32),
    "a list of classes": lambda images: [int(c) for c in bright(images).argmax(1)],
}


@pytest.mark.parametrize("kind", ANSWERS)
def test_answers_of_every_kind_give_the_same_accuracies(kind: str) -> None:
    """Protects users of other libraries: what counts is the class with the highest score."""
    found = table(ANSWERS[kind])
    assert list(found["accuracy"]) == list(table()["accuracy"])
    if "class" in kind:
        assert found[["ece", "nll"]].isna().all(axis=None)
        with pytest.raises(ValueError, match="needs probabilities or logits"):
            calibration_error(found)
    else:
        np.testing.assert_allclose(found["nll"], table()["nll"], rtol=0.02)


def test_one_call_gives_mce_and_a_gain_with_its_interval() -> None:
    """A network against itself has mCE 100 and a gain of exactly zero; one that is always wrong loses all."""
    right, wrong = table(), table(lambda images: 1 - bright(images).argmax(1))
    assert mean_corruption_error(wrong, wrong) == 100
    same = gain(right, right)
    assert (same.value, same.low, same.high) == (0, 0, 0)
    lost = gain(wrong, right, resamples=200)
    assert lost.value == pytest.approx(robust_accuracy(wrong) - robust_accuracy(right))
    assert lost.low <= lost.value <= lost.high < 0
    assert "over test images" in str(lost)
    both = gain([right, wrong], [right, right], resamples=200)
    assert both.value == pytest.approx(lost.value / 2)
    fifteen = table(corruptions="benchmark")
    assert set(fifteen["corruption"]) == {"clean", *BENCHMARK_CORRUPTIONS}
    assert 0 < mean_corruption_error(fifteen) < 100
    with pytest.raises(ValueError, match="same corruptions"):
        mean_corruption_error(right, fifteen)
    with pytest.raises(ValueError, match="different corruptions"):
        gain(right, fifteen)
    other = corruption_table(bright, IMAGES, 1 - LABELS, family="cifar", corruptions=["brightness", "contrast"])
    with pytest.raises(ValueError, match="different images or labels"):
        gain(right, other)
    with pytest.raises(ValueError, match="lacks its answers by image"):
        gain(right, _from_csv(right))


def _from_csv(stored: pd.DataFrame) -> pd.DataFrame:
    return pd.read_csv(io.StringIO(stored.to_csv(index=False)))


def test_a_table_can_be_worked_with_as_any_table() -> None:
    """The scores of images do not disturb pandas, and stay when rows are chosen."""
    found = table()
    both = pd.concat([found.assign(network="a"), found.assign(network="b")])
    assert len(both) == 22
    assert gain(found.copy(), found[found["severity"] >= 0]).value == 0


def test_images_are_read_in_slices_and_left_alone() -> None:
    """Protects memory and the caller: a data set on disk is never read whole, and predict may write into its batch."""

    class OnDisk:
        shape, dtype = IMAGES.shape, IMAGES.dtype
        longest = 0

        def __len__(self) -> int:
            return len(IMAGES)

        def __getitem__(self, rows: slice) -> np.ndarray:
            self.longest = max(self.longest, len(IMAGES[rows]))
            return IMAGES[rows]

    def overwrites(images: np.ndarray) -> np.ndarray:
        answers = bright(images)
        images[:] = 0
        return answers

    before = IMAGES.copy()
    stored = OnDisk()
    found = corruption_table(overwrites, stored, LABELS, family="cifar", corruptions=["brightness"], batch_size=2)
    assert stored.longest == 2
    assert np.array_equal(IMAGES, before)
    assert list(found["accuracy"]) == list(table(corruptions=["brightness"])["accuracy"])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"images": IMAGES / 255}, r"images are float64; expected uint8 .*\(images \* 255\)"),
        ({"images": IMAGES.astype(np.float32)}, r"images are float32; expected uint8 \[N, H, W, 3\], RGB, 0 to 255$"),
        ({"images": IMAGES.transpose(0, 3, 1, 2)}, r"channels first; .*images.transpose\(0, 2, 3, 1\)"),
        ({"images": IMAGES[..., 0]}, r"images are \[7, 32, 32\]"),
        ({"images": IMAGES[:0], "labels": LABELS[:0]}, r"at least one"),
        ({"labels": LABELS[:5]}, r"labels are \[5\] for 7 images"),
        ({"labels": np.eye(2)[LABELS]}, r"labels are \[7, 2\] for 7 images; expected one class an image"),
        ({"labels": LABELS - 1}, r"label -1 of image 0 is below 0"),
        ({"labels": LABELS + 0.5}, r"labels are float64; expected whole numbers"),
        ({"labels": LABELS * 9}, r"scores of 2 classes, but there are labels up to 9"),
        ({"labels": ["a"] * 7}, r"labels is <U1|labels are"),
        ({"family": "cifra"}, r"unknown family 'cifra'. Did you mean 'cifar'"),
        ({"corruptions": ["brightnes"]}, r"Did you mean 'brightness'"),
        ({"corruptions": "benchmarks"}, r"Did you mean 'benchmark'"),
        ({"severities": [0, 1]}, r"severity 0 is not one of"),
        ({"severities": []}, r"severities is \[\]; expected at least one"),
        ({"severities": 3}, r"severities is 3; expected at least one, as \[1, 2"),
        ({"batch_size": 0}, r"batch_size is 0; allowed: whole numbers from 1 on"),
        ({"threads": 0}, r"threads is 0"),
        ({"jpeg_quality": 101}, r"jpeg_quality is 101; allowed: whole numbers from 1 to 100"),
        ({"labels": LABELS * 1e300}, r"labels are float64; expected whole numbers"),
        ({"labels": None}, r"labels is NoneType; expected numbers"),
    ],
)
def test_bad_input_is_named_before_predict_is_called(change: dict, message: str) -> None:
    """Protects from a table of the wrong thing: each message says what is expected."""
    arguments = {"images": IMAGES, "labels": LABELS, "family": "cifar", "corruptions": ["brightness"], **change}
    with pytest.raises(ValueError, match=message):
        corruption_table(bright, **arguments)


@pytest.mark.parametrize(
    ("returned", "message"),
    [
        (np.zeros(3), r"predict returned \[3\] for 2 images"),
        (np.zeros((2, 3, 4)), r"predict returned \[2, 3, 4\] for 2 images"),
        (np.zeros((2, 1)), r"scores of 1 classes, but there are labels up to 1"),
        (np.full((2, 2), np.nan), r"4 values that are NaN or infinite"),
        (np.array([0.4, 0.6]), r"not whole numbers; expected classes"),
        ({"logits": np.zeros((2, 2))}, r"is a dict of several items"),
        ((np.zeros((2, 2)), np.zeros(3)), r"is a tuple of several items"),
        ([[0.0], [0.0, 1.0]], r"not an array"),
        (np.array([0, -1]), r"predict returned class -1; expected classes from 0 on"),
        (None, r"is NoneType; expected numbers"),
        (["cat", "dog"], r"is <U3; expected numbers"),
    ],
)
def test_answers_that_cannot_be_read_are_named(returned: Any, message: str) -> None:
    """Protects from silent nonsense: another length, another number of classes, NaN, a network's raw output."""
    with pytest.raises(ValueError, match=message):
        read_answers(returned, np.array([0, 1]))


def test_a_predict_that_fails_names_its_batch() -> None:
    """A failure in the middle says where, and keeps the cause."""

    calls = iter(range(5))

    def fails_at_the_fifth(images: np.ndarray) -> np.ndarray:
        if next(calls) == 4:
            raise MemoryError("no room")
        return bright(images)

    with pytest.raises(RuntimeError, match=r"failed on contrast, severity 1, images 3 to 5: MemoryError: no room"):
        table(fails_at_the_fifth, corruptions=["contrast"], batch_size=3)
    with pytest.raises(ValueError, match=r"\[1\] for 3 images.*\(on the clean images, images 0 to 2\)"):
        table(lambda images: [0], batch_size=3)


@pytest.mark.parametrize(
    ("options", "said"),
    [({"seed": 5}, "seed is 0 and 5"), ({"jpeg_quality": 50}, "jpeg_quality is None and 50"),
     ({"family": "imagenet"}, "family is cifar and imagenet"),
     ({"images": IMAGES[::-1]}, "different images or labels")],
)  # fmt: skip
def test_only_tables_of_the_same_pixels_are_compared(options: dict, said: str) -> None:
    """An interval that is paired by image would be wrong without a word; labels alone may be equal by chance."""
    given = {"images": IMAGES, "family": "cifar", "corruptions": ["fog"], "severities": [1]}
    one, other = (
        corruption_table(lambda batch: np.zeros(len(batch)), labels=[0] * len(IMAGES), **choice)
        for choice in (given, given | options)
    )
    for compare in (gain, mean_corruption_error):
        with pytest.raises(ValueError, match=said):
            compare(one, other)
