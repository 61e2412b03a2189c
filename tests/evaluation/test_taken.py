"""A network of elsewhere becomes the files of a run, and answers as it did where it was trained."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from dst_robustness.sets.attributes import SetAttributes
from dst_robustness.sets.predictions import Predictions
from dst_robustness.sets.storage import create_hdf5, write_samples
from dst_robustness.study.run import Run

torch = pytest.importorskip("torch")

from safetensors.torch import save_file  # noqa: E402

from dst_robustness.analysis.summary import summarise  # noqa: E402
from dst_robustness.evaluation.kept import evaluate_run  # noqa: E402
from dst_robustness.evaluation.metrics import write_metrics  # noqa: E402
from dst_robustness.evaluation.taken import take_network  # noqa: E402
from dst_robustness.models import build_model  # noqa: E402

SCALE = {"mean": [0.4, 0.5, 0.6], "std": [0.2, 0.3, 0.4]}


@pytest.fixture
def test_split(tmp_path: Path) -> Path:
    """Twelve images of three classes, and one corrupted copy of them."""
    images = np.random.default_rng(0).integers(0, 256, (12, 16, 16, 3), dtype=np.uint8)
    about = SetAttributes(classes=("a", "b", "c"), mean=(0.1,) * 3, std=(0.9,) * 3, image_size=16)
    with create_hdf5(tmp_path / "test.h5", **about.stored()) as file:
        write_samples(file, [images], np.arange(12) % 3)
    with create_hdf5(tmp_path / "fog.h5") as file:
        for severity in range(1, 6):
            write_samples(file.create_group(str(severity)), [255 - images], np.arange(12) % 3)
    return tmp_path / "test.h5"


def taken(weights: Path, test_split: Path, name: str, seed: int = 0, **scale: list[float]) -> Path:
    run = Run("ours", "tiny", "resnet8", name, 0.0, seed)
    folder = test_split.parent / run.folder
    folder.mkdir(parents=True)
    take_network(weights, test_split, folder, run, **{"mean": None, "std": None, **scale})
    files = (folder / "model.pt", folder / "run.json", test_split, [test_split.with_name("fog.h5")])
    evaluate_run(*files, folder / "predictions.h5", precision="float32")
    write_metrics(folder / "predictions.h5", folder / "metrics.csv")
    return folder


def network(seed: int = 0) -> torch.nn.Module:
    torch.manual_seed(seed)
    return build_model("resnet8", 3, image_size=16).eval()


def test_the_network_answers_as_it_did(tmp_path: Path, test_split: Path) -> None:
    """Its own mean and std count, not those of the data set; a header of safetensors may hold them."""
    theirs = network()
    torch.save({"state_dict": {f"module.{k}": v for k, v in theirs.state_dict().items()}}, tmp_path / "theirs.pt")
    header = {name: json.dumps(value) for name, value in SCALE.items()} | {"model": "resnet8"}
    save_file(theirs.state_dict(), tmp_path / "ours.safetensors", header)
    folders = [
        taken(tmp_path / "theirs.pt", test_split, "theirs", **SCALE),
        taken(tmp_path / "ours.safetensors", test_split, "ours"),
    ]
    images = np.random.default_rng(0).integers(0, 256, (12, 16, 16, 3), dtype=np.uint8)
    mean, std = (torch.tensor(SCALE[name])[:, None, None] for name in ("mean", "std"))
    with torch.inference_mode():
        logits = theirs((torch.from_numpy(images).permute(0, 3, 1, 2) / 255 - mean) / std)
    for folder in folders:
        found = Predictions.load(folder / "predictions.h5")
        assert found.predicted[0].tolist() == logits.argmax(1).tolist()
        np.testing.assert_allclose(found.confidence[0], logits.softmax(1).amax(1), rtol=1e-4)
    said = json.loads((folders[0] / "run.json").read_text())
    assert said["label"] == "theirs"
    assert not said["dst"]


def test_networks_are_compared_with_the_one_their_scenario_is_named_after(tmp_path: Path, test_split: Path) -> None:
    """The baseline is no dense training; one checkpoint each gives an interval over images, and a note that says so."""
    for number, name in enumerate(("ours", "theirs")):
        torch.save(network(number).state_dict(), tmp_path / f"{name}.pt")
    folders = [taken(tmp_path / f"{name}.pt", test_split, name, **SCALE) for name in ("ours", "theirs")]
    rows = summarise(folders, resamples=100).rows.set_index("method")
    assert rows.loc["ours", "verdict"] == "baseline"
    assert rows.loc["ours", "mce"] == 100
    difference = rows.loc["theirs", "robust_accuracy"] - rows.loc["ours", "robust_accuracy"]
    assert rows.loc["theirs", "gain"] == pytest.approx(difference)
    assert rows.loc["theirs", "gain_low"] <= difference <= rows.loc["theirs", "gain_high"]
    assert "speaks of these networks, not of a method" in rows.loc["theirs", "note"]


def test_several_checkpoints_are_paired_by_seed(tmp_path: Path, test_split: Path) -> None:
    """A recipe with two trainings is compared seed by seed, as runs are."""
    folders = []
    for number, (name, seed) in enumerate([("ours", 0), ("ours", 1), ("theirs", 0), ("theirs", 1)]):
        torch.save(network(number).state_dict(), tmp_path / f"{number}.pt")
        folders.append(taken(tmp_path / f"{number}.pt", test_split, name, seed, **SCALE))
    rows = summarise(folders, resamples=100).rows.set_index("method")
    assert rows.loc["theirs", "seeds"] == 2
    assert "one seed" not in rows.loc["theirs", "note"]


def test_what_a_file_does_not_say_is_asked_for(tmp_path: Path, test_split: Path) -> None:
    """Mean and std are never guessed, and classes in another order are refused."""
    torch.save(network().state_dict(), tmp_path / "theirs.pt")
    with pytest.raises(ValueError, match=r"does not say the mean of its training pixels; give `mean: \[r, g, b\]`"):
        taken(tmp_path / "theirs.pt", test_split, "theirs")
    with pytest.raises(ValueError, match=r"theirs.pt: std is \[60.0, 60.0, 60.0\]; expected .* pixels in \[0, 1\]"):
        taken(tmp_path / "theirs.pt", test_split, "silly", **SCALE | {"std": [60.0] * 3})
    for name, classes, told in (
        ("turned", ["b", "a", "c"], "class 0 is 'b' there and 'a' here"),
        ("others", ["a", "aa", "b"], "class 1 is 'aa' there and 'b' here"),  # the number of b is that of c here
    ):
        header = {"classes": json.dumps(classes), "model": "resnet8"}
        save_file(network().state_dict(), tmp_path / f"{name}.safetensors", header)
        with pytest.raises(ValueError, match=told):
            taken(tmp_path / f"{name}.safetensors", test_split, name, **SCALE)


def test_other_names_of_classes_are_told(tmp_path: Path, test_split: Path, caplog) -> None:
    """Nobody knows whether an A is an a, or whether it is the third class here."""
    header = {"classes": json.dumps(["a", "B", "C"]), "model": "resnet8"}
    save_file(network().state_dict(), tmp_path / "theirs.safetensors", header)
    taken(tmp_path / "theirs.safetensors", test_split, "theirs", **SCALE)
    assert "has other names for 2 classes, 'B' for 'b': they are taken for the same in this order" in caplog.text


def test_a_network_without_weights_that_could_be_masked_is_tested(tmp_path: Path, test_split: Path) -> None:
    """A frozen one, or one of buffers only: masks and FLOPs are for the tables, not a condition."""
    (tmp_path / "nets.py").write_text(
        "from torch import nn, ones\n"
        "class Own(nn.Module):\n"
        "    def __init__(self, num_classes):\n"
        "        super().__init__()\n"
        "        self.register_buffer('levels', ones(num_classes))\n"
        "    def forward(self, x):\n"
        "        return x.mean((1, 2, 3))[:, None] * self.levels\n"
    )
    torch.save({"levels": torch.tensor([3.0, 2.0, 1.0])}, tmp_path / "own.pt")
    run = Run("own", "tiny", f"{tmp_path}/nets.py:Own", "own", 0.0, 0)
    take_network(tmp_path / "own.pt", test_split, tmp_path, run, **SCALE)
    said = json.loads((tmp_path / "run.json").read_text())
    assert (said["parameters"], said["inference_flops_ratio"]) == (0, 1.0)
