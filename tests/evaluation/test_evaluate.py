"""From a network and test sets to predictions, on numbers that can be checked by hand."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from dst_robustness.sets.predictions import Predictions
from dst_robustness.sets.storage import Samples, create_hdf5, open_hdf5, write_samples

torch = pytest.importorskip("torch")

from dst_robustness.evaluation import evaluate  # noqa: E402
from dst_robustness.evaluation.frequency_of_run import Pictures  # noqa: E402
from dst_robustness.evaluation.kept import evaluate_run  # noqa: E402
from dst_robustness.models import build_model  # noqa: E402


class ReadsProbabilities(torch.nn.Module):
    """Answers with the class probabilities that the first two channels of a pixel hold, in percent."""

    def forward(self, samples: torch.Tensor) -> torch.Tensor:
        return samples[:, :2, 0, 0].mul(255 / 100).log()


class Pixels:
    """Samples of one pixel in memory, read as ``storage.Samples`` are."""

    def __init__(self, percent: list[int], labels: list[int]) -> None:
        first = np.array(percent, dtype=np.uint8)
        self.pixels = np.stack([first, 100 - first, first], -1)[:, None, None]
        self.labels = np.array(labels)
        self.sample_shape = (1, 1, 3)

    def batches(self, size: int) -> Iterator[np.ndarray]:
        for start in range(0, len(self.pixels), size):
            yield self.pixels[start : start + size]


@pytest.mark.parametrize("batch_size", [1, 2, 5, 512])
def test_a_video_is_given_the_mean_probability_of_its_clips(monkeypatch: pytest.MonkeyPatch, batch_size: int) -> None:
    """Means of (90, 20), (40, 30) and (60, 80) percent; one sure clip outvotes an unsure one, whatever the batches."""
    monkeypatch.setattr(evaluate, "batch_size", lambda device: batch_size)
    clips = Pixels([90, 20, 40, 30, 60, 80], [1, 1, 1, 1, 0, 0])
    mean, std = torch.zeros(3), torch.ones(3)
    predicted, confidence, nll = evaluate.predict(ReadsProbabilities(), clips, mean, std, "float32", 2)
    assert predicted.tolist() == [0, 1, 0]
    np.testing.assert_allclose(confidence, [0.55, 0.65, 0.70], atol=1e-6)
    np.testing.assert_allclose(nll, [-math.log(0.45), -math.log(0.65), -math.log(0.70)], atol=1e-6)


def test_predictions_of_videos_have_one_answer_each(tmp_path: Path) -> None:
    """The test split says how many clips a video has; clean and corrupted sets are averaged alike."""
    torch.manual_seed(0)
    network = build_model("r3d_tiny", 3, image_size=16)
    torch.save(network.state_dict(), tmp_path / "model.pt")
    described = {"model": "r3d_tiny", "num_classes": 3, "image_size": 16, "width": 1.0}
    (tmp_path / "run.json").write_text(json.dumps(described))
    clips = np.random.default_rng(0).integers(0, 256, (4, 4, 16, 16, 3), dtype=np.uint8)
    labels = np.array([2, 2, 1, 1])
    with create_hdf5(tmp_path / "test.h5", mean=[0.5] * 3, std=[0.25] * 3, clips_per_video=2) as file:
        write_samples(file, [clips], labels)
    with create_hdf5(tmp_path / "reversed.h5") as file:
        for severity in range(1, 6):
            write_samples(file.create_group(str(severity)), [clips[:, ::-1]], labels)
    files = [tmp_path / name for name in ("model.pt", "run.json", "test.h5")]
    evaluate_run(*files, [tmp_path / "reversed.h5"], tmp_path / "predictions.h5", precision="float32")
    found = Predictions.load(tmp_path / "predictions.h5")
    assert found.labels.tolist() == [2, 1]
    assert found.predicted.shape == found.confidence.shape == found.nll.shape == (6, 2)
    with open_hdf5(tmp_path / "test.h5") as file, torch.inference_mode():
        pixels = torch.from_numpy(Samples(file)[0:4]).movedim(-1, 1).float() / 255
        answers = network.eval()((pixels - 0.5) / 0.25).softmax(1).view(2, 2, 3).mean(1)
    np.testing.assert_allclose(found.confidence[0], answers.amax(1), rtol=1e-4)
    np.testing.assert_allclose(found.nll[0], [-math.log(answers[0, 2]), -math.log(answers[1, 1])], rtol=1e-4)


def test_images_in_memory_are_answered_as_those_of_a_set(tmp_path: Path) -> None:
    """Both have their batch norms folded and the same batches, so that probabilities are equal to the last bit."""
    torch.manual_seed(0)
    network = build_model("resnet8", 3, image_size=16, width=0.25)
    for module in network.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.running_var.uniform_(0.2, 3)
    torch.save(network.state_dict(), tmp_path / "model.pt")
    described = {"model": "resnet8", "num_classes": 3, "image_size": 16, "width": 0.25}
    (tmp_path / "run.json").write_text(json.dumps(described))
    images = np.random.default_rng(0).integers(
        0, 256, (evaluate.batch_size(torch.device("cpu")) + 3, 16, 16, 3), np.uint8
    )
    mean, std = [0.5] * 3, [0.25] * 3
    found = evaluate.predictor(network, mean, std, "float32", (3, 16, 16))(images)
    stored = evaluate.load_network(tmp_path / "model.pt", tmp_path / "run.json", "float32")
    scale = torch.tensor(mean), torch.tensor(std)
    predicted, confidence, _ = evaluate.predict(stored, Pictures(images), *scale, "float32")
    assert found.argmax(1).tolist() == predicted.tolist()
    assert np.array_equal(found.max(1), confidence)
