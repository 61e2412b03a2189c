"""Answers are kept by corruption, and asked again exactly where something that decides them is another."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from dst_robustness.sets.predictions import Predictions
from dst_robustness.sets.storage import Samples, create_hdf5, write_samples

pytest.importorskip("torch")

from dst_robustness.evaluation import evaluate
from dst_robustness.evaluation.kept import evaluate_run


def write_set(path: Path, value: int, labels: tuple[int, ...] = (0, 1), severities: tuple[int, ...] = ()) -> None:
    """Write two images of one pixel; a corrupted one is brighter by its severity."""
    with create_hdf5(path) as file:
        for severity in severities or (0,):
            pixels = np.full((2, 1, 1, 3), value + severity, np.uint8)
            write_samples(file.create_group(str(severity)) if severities else file, [pixels], np.array(labels))


class Study:
    """A network that answers 1 where a pixel is brighter than 100, and what it was asked."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.asked, self.options = folder, [], {"precision": "float32", "code": ["a"]}
        self.fails_at = 0
        (folder / "model.pt").write_text("weights")
        (folder / "run.json").write_text("{}")
        write_set(folder / "test.h5", 10)
        for name, value in (("fog", 99), ("snow", 200), ("frost", 50)):
            write_set(folder / f"{name}.h5", value, severities=(1, 2, 3, 4, 5))

    def tester(self, *_: object):
        def test(samples: Samples, clips: int):
            self.asked.append(int(samples[0:1].max()))
            if len(self.asked) == self.fails_at:
                raise RuntimeError("killed")
            answers = (samples[0:2].max(axis=(1, 2, 3)) > 100).astype(np.int32)
            return answers, answers.astype(np.float32), np.zeros(2, np.float32)

        return test

    def evaluate(self, *corruptions: str) -> tuple[list[int], Predictions]:
        """Return the brightness of each set that the network was asked about, and the predictions."""
        self.asked = []
        files = [self.folder / name for name in ("model.pt", "run.json", "test.h5")]
        target = self.folder / "predictions.h5"
        target.unlink(missing_ok=True)  # as Snakemake does
        evaluate_run(*files, [self.folder / f"{name}.h5" for name in corruptions], target, **self.options)
        return self.asked, Predictions.load(target)


FOG, SNOW = [100, 101, 102, 103, 104], [201, 202, 203, 204, 205]


@pytest.fixture
def study(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Study:
    """A network that was tested on fog and snow."""
    study = Study(tmp_path)
    monkeypatch.setattr(evaluate, "tester", study.tester)
    assert study.evaluate("fog", "snow")[0] == [10, *FOG, *SNOW]
    return study


def test_only_a_corruption_that_is_new_is_tested(study: Study) -> None:
    """Added, removed, added again: the predictions are those that are asked for, in their order."""
    asked, found = study.evaluate("fog", "snow", "frost")
    assert asked == [51, 52, 53, 54, 55]
    assert found.corruptions == ["clean", *["fog"] * 5, *["snow"] * 5, *["frost"] * 5]
    assert found.severities.tolist() == [0, *[1, 2, 3, 4, 5] * 3]
    assert found.predicted[:, 0].tolist() == [0, 0, 1, 1, 1, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 0]
    assert len(set(found.sums)) == 16
    asked, found = study.evaluate("snow")
    assert (asked, found.corruptions) == ([], ["clean", *["snow"] * 5])
    asked, found = study.evaluate("frost", "fog")
    assert (asked, found.predicted[:, 1].tolist()) == ([], [0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1])


@pytest.mark.parametrize("change", ["model.pt", "run.json", "precision", "code"])
def test_another_network_is_tested_on_all(study: Study, change: str) -> None:
    """Weights, what builds the network, arithmetic, code."""
    if change in study.options:
        study.options[change] = "another"
    else:
        (study.folder / change).write_text("another")
    assert study.evaluate("fog", "snow")[0] == [10, *FOG, *SNOW]


def test_other_samples_are_tested_alone(study: Study) -> None:
    """A corrupted set that was made anew with other constants."""
    write_set(study.folder / "snow.h5", 150, severities=(1, 2, 3, 4, 5))
    assert study.evaluate("fog", "snow")[0] == [151, 152, 153, 154, 155]


def test_other_labels_are_noticed(study: Study) -> None:
    """They decide the likelihoods; of one set alone they are an error."""
    write_set(study.folder / "snow.h5", 200, (1, 0), severities=(1, 2, 3, 4, 5))
    with pytest.raises(ValueError, match=r"snow\.h5 has other labels than"):
        study.evaluate("snow")
    write_set(study.folder / "test.h5", 10, (1, 0))
    assert study.evaluate("snow")[0] == [10, *SNOW]


def test_an_evaluation_that_was_killed_goes_on(study: Study) -> None:
    """What was tested before is kept."""
    (study.folder / "model.pt").write_text("another")
    study.fails_at = 8  # the second severity of snow
    with pytest.raises(RuntimeError, match="killed"):
        study.evaluate("fog", "snow")
    study.fails_at = 0
    assert study.evaluate("fog", "snow")[0] == SNOW


def test_damaged_answers_are_asked_again(study: Study) -> None:
    """A cut file is not an error: the network is there."""
    kept = study.folder / "answers/fog.h5"
    kept.write_bytes(kept.read_bytes()[:1000])
    assert study.evaluate("fog", "snow")[0] == FOG


def test_a_set_that_does_not_say_what_it_holds_is_always_tested(study: Study) -> None:
    """Nobody knows whether its samples are still the same."""
    import h5py

    with h5py.File(study.folder / "fog.h5", "a") as file:
        del file["3"].attrs["samples_sha256"]
    for _ in range(2):
        assert study.evaluate("fog", "snow")[0] == FOG
