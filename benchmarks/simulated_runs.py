"""Runs with a known gain in the layout of real ones: what tests and benchmarks check statistics and figures with.

Answers follow a probit model. Run s of a method recognises image i in cell c when

    ability + seed[s] + image[i] + taste[method, i] + both[s, i] + cell[c] + residual[s, i, c] > 0,

every term but ability and cell normal with mean 0; so the expected accuracy of a cell is known in closed form.
"""

from __future__ import annotations

import json
import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy import stats

from dst_robustness.evaluation.metrics import write_metrics
from dst_robustness.jobs.files import write_text
from dst_robustness.sets.predictions import CLEAN, Predictions
from dst_robustness.sparsity import METHODS

CLEAN_BONUS = 1.5


@dataclass(frozen=True)
class Spread:
    """Standard deviations of the terms of the model; the residual's is 1."""

    seed: float = 0.03
    image: float = 1.2
    taste: float = 0.2
    both: float = 0.5

    @property
    def total(self) -> float:
        """Standard deviation of the sum, residual included."""
        return float(np.sqrt(1 + self.seed**2 + self.image**2 + self.taste**2 + self.both**2))


def cell_offsets(corruptions: int, severities: int = 5) -> np.ndarray:
    """Return the offsets of corruption x severity cells: harder with severity, and unlike each other. Float [C]."""
    severity = np.linspace(0.8, -0.8, severities)
    return (np.linspace(0.4, -0.4, corruptions)[:, None] + severity).ravel()


def expected_accuracy(ability: float, offsets: np.ndarray, spread: Spread) -> float:
    """Return the robust accuracy that a method of this ability has on average over all seeds and images."""
    return float(stats.norm.cdf((ability + offsets) / spread.total).mean())


def ability_for(accuracy: float, offsets: np.ndarray, spread: Spread) -> float:
    """Return the ability whose expected robust accuracy is this one."""
    low, high = -20.0, 20.0
    while high - low > 1e-12:
        middle = (low + high) / 2
        low, high = (middle, high) if expected_accuracy(middle, offsets, spread) < accuracy else (low, middle)
    return (low + high) / 2


def simulate_correct(
    abilities: np.ndarray, images: np.ndarray, offsets: np.ndarray, spread: Spread, generator: np.random.Generator
) -> np.ndarray:
    """Return whether runs of one method recognise images in cells, bool [S, C, N].

    Args:
        abilities: of each run, the deviation of its seed included, float [S].
        images: how easy each image is for everyone, float [N].
    """
    seeds, count = len(abilities), len(images)
    shared = images + generator.normal(0, spread.taste, count)
    latent = shared + generator.normal(0, spread.both, (seeds, count))
    latent += abilities[:, None]
    residual = generator.standard_normal((seeds, len(offsets), count), dtype=np.float32)
    return residual + latent[:, None, :].astype(np.float32) + offsets[:, None].astype(np.float32) > 0


def write_run(
    folder: str | Path,
    correct: np.ndarray,
    corruptions: list[str],
    severities: list[int],
    *,
    dataset: str = "simulated",
    model: str = "probit",
    classes: int = 10,
) -> None:
    """Write the predictions and the description of one run from its answers [C, N] on these cells."""
    generator = np.random.default_rng(0)
    count = correct.shape[1]
    labels = generator.integers(classes, size=count)
    predicted = np.where(correct, labels, (labels + 1) % classes).astype(np.int32)
    confidence = np.where(correct, 0.9, 0.6).astype(np.float32)
    nll = np.where(correct, -np.log(0.9), -np.log(0.4 / (classes - 1))).astype(np.float32)
    predictions = Predictions(labels, corruptions, np.array(severities), predicted, confidence, nll)
    predictions.save(Path(folder) / "predictions.h5")
    write_metrics(Path(folder) / "predictions.h5", Path(folder) / "metrics.csv")
    write_text(Path(folder) / "run.json", json.dumps(_description(Path(folder), dataset, model)) + "\n")
    write_text(Path(folder) / "history.csv", _history(correct[0].mean()))
    write_text(Path(folder) / "topology.csv", _topology(Path(folder)))


def _description(folder: Path, dataset: str, model: str) -> dict[str, object]:
    scenario, method, sparsity, seed = folder.parts[-4:]
    density = 1 - float(sparsity)
    return {
        "scenario": scenario, "dataset": dataset, "model": model, "method": method, "sparsity": float(sparsity),
        "dst": is_dst(method), "seed": int(seed.removeprefix("seed")),
        "parameters": 1_000_000, "nonzero_parameters": int(1_000_000 * density),
        "inference_flops": 1e9 * density, "inference_flops_ratio": density, "training_flops_ratio": density,
        "train_seconds": 100.0, "images_per_second": 1000.0, "peak_memory_mb": 500.0, "itop_rate": 0.9,
        "device": "simulated",
    }  # fmt: skip


def is_dst(method: str) -> bool:
    """Whether a registered method is dynamic sparse training; a name of one's own is not."""
    return method in METHODS and METHODS[method].dst


def _history(accuracy: float, epochs: int = 10) -> str:
    header = (
        "epoch,step,loss,accuracy,validation_loss,validation_accuracy,learning_rate,density,seconds,images_per_second"
    )
    learnt = accuracy * (1 - np.exp(-np.arange(1, epochs + 1) / 3))
    lines = [f"{i + 1},{100 * (i + 1)},{1 - x},{x},{1 - x},{0.95 * x},0.1,1,10,1000" for i, x in enumerate(learnt)]
    return "\n".join([header, *lines]) + "\n"


def _topology(folder: Path, updates: int = 8) -> str:
    """Return the topology updates of a dynamic method: ever more weights have been active, up to 90%; else none."""
    method, sparsity = folder.parts[-3], float(folder.parts[-2])
    explored = 0.9 - max(0.0, sparsity - 0.1) * np.exp(-np.arange(1, updates + 1) / 3)
    lines = [f"{100 * (i + 1)},{1 - sparsity},50,50,5,{x}" for i, x in enumerate(explored)]
    return "\n".join(["step,density,dropped,grown,regrown,itop_rate", *(lines if is_dst(method) else [])]) + "\n"


def simulated_cells(corruptions: list[str], severities: int = 5) -> tuple[list[str], list[int], np.ndarray]:
    """Return names, severities and offsets of the clean cell and of every corruption x severity."""
    names = [CLEAN, *(name for name in corruptions for _ in range(severities))]
    levels = [0, *(level for _ in corruptions for level in range(1, severities + 1))]
    return names, levels, np.concatenate([[CLEAN_BONUS], cell_offsets(len(corruptions), severities)])


def simulate_study(
    results: str | Path,
    *,
    gains: dict[str, float],
    sparsities: list[float],
    seeds: int,
    images: int,
    corruptions: list[str],
    dense_accuracy: float = 0.5,
    dataset: str = "simulated",
    model: str = "probit",
    spread: Spread = Spread(),
) -> list[Path]:
    """Write the runs of one scenario and return their folders: dense, and each method with its gain at all sparsities.

    The expected gain in robust accuracy of a method is ``gains[method]``, falling in proportion to sparsity above 0.5.
    """
    names, severities, offsets = simulated_cells(corruptions)
    generator = np.random.default_rng(zlib.crc32(f"{dataset} {model}".encode()))
    easiness = generator.normal(0, spread.image, images)
    rows = [("dense", 0.0), *((method, sparsity) for method in gains for sparsity in sparsities)]
    folders = []
    for method, sparsity in rows:
        target = dense_accuracy + gains.get(method, 0.0) * min(1.0, 2 * (1 - sparsity))
        ability = ability_for(target, offsets[1:], spread)
        abilities = ability + generator.normal(0, spread.seed, seeds)
        correct = simulate_correct(abilities, easiness, offsets, spread, generator)
        for seed in range(seeds):
            folder = Path(results) / "runs" / f"{dataset}_{model}" / method / f"{sparsity:g}" / f"seed{seed}"
            write_run(folder, correct[seed], names, severities, dataset=dataset, model=model)
            folders.append(folder)
    return folders


def simulate_networks(
    results: str | Path, accuracies: dict[str, float], *, images: int, corruptions: list[str], seeds: int = 1
) -> list[Path]:
    """Write the runs of networks that were trained elsewhere and return their folders.

    Args:
        accuracies: expected robust accuracy of each network, the baseline first.
    """
    baseline, *others = accuracies
    folders = simulate_study(
        results,
        gains={name: accuracies[name] - accuracies[baseline] for name in others},
        sparsities=[0.0],
        seeds=seeds,
        images=images,
        corruptions=corruptions,
        dense_accuracy=accuracies[baseline],
        dataset=baseline,
    )
    written = []
    for folder in folders:
        method, _, seed = folder.parts[-3:]
        name = baseline if method == "dense" else method
        written.append(Path(results) / "runs" / baseline / name / "0" / seed)
        written[-1].parent.mkdir(parents=True, exist_ok=True)
        folder.rename(written[-1])
        described = json.loads((written[-1] / "run.json").read_text(encoding="utf-8"))
        named = {"scenario": baseline, "dataset": "simulated", "method": name, "dst": False, "weights_sha256": "0" * 64}
        unknown = (
            "training_flops_ratio",
            "train_seconds",
            "images_per_second",
            "peak_memory_mb",
            "itop_rate",
            "device",
        )
        described = {key: value for key, value in (described | named).items() if key not in unknown}
        write_text(written[-1] / "run.json", json.dumps(described) + "\n")
        for table in ("history.csv", "topology.csv"):
            header = (written[-1] / table).read_text(encoding="utf-8").splitlines()[0]
            write_text(written[-1] / table, header + "\n")
    return written
