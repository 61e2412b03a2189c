"""The stored runs that an analysis reads: their names, whether they are complete, and their predictions."""

from __future__ import annotations

import zlib
from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from dst_robustness.analysis.run_files import (
    read_description,
    read_history,
    read_metrics,
    read_table,
    read_topology,
)
from dst_robustness.jobs.files import atomic_path
from dst_robustness.jobs.shown import cells_without_formulas
from dst_robustness.sets.predictions import CLEAN, read_answers

BASELINE = "dense"
# The columns that name a run, or the row of a method, in all tables.
SCENARIO = ["scenario", "dataset", "model"]
ROW = [*SCENARIO, "method", "sparsity"]
RUN = [*ROW, "seed"]
# A long training has thousands of topology updates. This many are kept, since a figure cannot show more.
MOST_UPDATES = 200
FILES = ("predictions.h5", "metrics.csv", "run.json")


@dataclass(frozen=True, order=True)
class StoredRun:
    """One run, named by its folder ``.../{scenario}/{method}/{sparsity}/seed{seed}``.

    Data set and model come from its run.json; if there is none, they are empty.
    """

    scenario: str
    dataset: str
    model: str
    method: str
    sparsity: float
    seed: int
    folder: Path

    @classmethod
    def at(cls, folder: str | Path) -> StoredRun:
        """Return the run of a folder, which need not exist. Raises ValueError if this is not the folder of a run."""
        folder = Path(folder)
        try:
            scenario, method, sparsity, seed = folder.parts[-4:]
            names = float(sparsity), int(seed.removeprefix("seed"))
        except ValueError:
            wanted = "{scenario}/{method}/{sparsity}/seed{seed}"
            raise ValueError(f"{folder} is not the folder of a run; expected .../{wanted}") from None
        described = _read_json(folder / "run.json")
        dataset, model = (str(described.get(name, "")) for name in ("dataset", "model"))
        return cls(scenario, dataset, model, method, *names, folder)

    def __str__(self) -> str:
        return f"{self.scenario} {self.method} {self.sparsity:g} seed {self.seed}"

    @property
    def names(self) -> dict[str, Any]:
        """The columns ``RUN`` of the tables."""
        return {name: getattr(self, name) for name in RUN}

    @property
    def missing_file(self) -> str | None:
        """The first file that the run still lacks, or None if it is complete."""
        return next((name for name in FILES if not (self.folder / name).is_file()), None)

    @property
    def why_incomplete(self) -> str:
        """What the table of missing runs says about a run that lacks a file."""
        diverged = (self.folder / "diverged.csv").is_file()
        return "diverged: see diverged.csv in its folder" if diverged else f"no {self.missing_file}"

    def description(self) -> dict[str, Any]:
        """Return the content of run.json: parameters, costs, versions."""
        return read_description(self.folder / "run.json")

    def metrics(self) -> pd.DataFrame:
        """Return metrics.csv: corruption, category, severity, accuracy, ece, nll."""
        return read_metrics(self.folder / "metrics.csv")

    @cached_property
    def history(self) -> pd.DataFrame | None:
        """history.csv, one row per epoch, or None if the run has none."""
        path = self.folder / "history.csv"
        return read_history(path) if path.is_file() else None

    @cached_property
    def topology(self) -> pd.DataFrame | None:
        """Step, density and itop_rate of topology.csv, or None if the run has none.

        One row per update. Of more than ``MOST_UPDATES`` so many are kept, evenly spread from the first to the last.
        """
        path = self.folder / "topology.csv"
        if not path.is_file():
            return None
        table = read_topology(path)
        kept = np.linspace(0, len(table) - 1, MOST_UPDATES).round().astype(int) if len(table) else []
        return table.iloc[np.unique(kept).astype(int)]


def _read_json(path: Path) -> dict[str, Any]:
    """Return the content of a JSON file; an empty dictionary if it is missing or damaged."""
    try:
        return read_description(path)
    except (OSError, ValueError):
        return {}


@dataclass(frozen=True)
class ImageScores:
    """How one run did on each test image.

    Attributes:
        cells: (corruption, severity) of each corrupted cell, in the order of the file.
        scores: share of corrupted cells in which the image was recognised, float32 [N]; the mean is robust accuracy.
        corruptions: the names, in the order of the file.
        by_corruption: the same share for each corruption, over its severities, float32 [corruptions, N].
        clean: whether each image was recognised without corruption, float32 [N]; None if there was no clean test set.
        test_set: checksum of all samples and labels. Runs that share it saw the same images in the same order.
        at_chance: whether it recognised no more images than one answer to all of them would.
    """

    cells: tuple[tuple[str, int], ...]
    scores: np.ndarray
    corruptions: tuple[str, ...]
    by_corruption: np.ndarray
    clean: np.ndarray | None
    test_set: int
    at_chance: bool


def image_scores(predictions: str | Path) -> ImageScores:
    """Read the scores of a run from its predictions. Raises DamagedFileError if something is missing.

    The probabilities, which are most of the file, are not read.
    """
    labels, names, severities, predicted, sums = read_answers(predictions)
    correct = predicted == labels
    cells = tuple((name, int(s)) for name, s in zip(names, severities, strict=True) if name != CLEAN)
    if not cells:
        raise ValueError(f"{predictions} holds no corrupted test set; evaluate the run on at least one corruption")
    places = {name: [i for i, other in enumerate(names) if other == name] for name in dict.fromkeys(names)}
    clean = places.pop(CLEAN, None)
    by_corruption = np.stack([correct[of].mean(axis=0, dtype=np.float32) for of in places.values()])
    weights = np.array([len(of) for of in places.values()], np.float32) / len(cells)
    scores = weights @ by_corruption
    recognised = correct[clean[0]].astype(np.float32) if clean else None
    return ImageScores(
        cells=cells,
        scores=scores,
        corruptions=tuple(places),
        by_corruption=by_corruption,
        clean=recognised,
        test_set=zlib.crc32("".join(sums).encode() + labels.tobytes()),
        at_chance=is_at_chance(scores if recognised is None else recognised, labels),
    )


def is_at_chance(recognised: np.ndarray, labels: np.ndarray) -> bool:
    """Return whether images are recognised no more often than by the best single answer to all, up to two errors.

    Args:
        recognised: whether each image was recognised, or in which share of cells, [N].
        labels: the labels, int [N]. Where all are the same there is no chance to compare with.
    """
    best = np.unique(labels, return_counts=True)[1].max() / len(labels)
    return bool(best < 1 and recognised.mean() <= best + 2 * np.sqrt(best * (1 - best) / len(labels)))


def complete_runs(folders: Iterable[str | Path]) -> tuple[list[StoredRun], list[tuple[StoredRun, str]]]:
    """Split the expected runs into those that are complete and those that are not, with the reason."""
    runs = sorted(StoredRun.at(folder) for folder in folders)
    known = {run.scenario: {"dataset": run.dataset, "model": run.model} for run in runs if run.dataset}
    runs = [run if run.dataset else replace(run, **known.get(run.scenario, {})) for run in runs]
    missing = [(run, run.why_incomplete) for run in runs if run.missing_file]
    return [run for run in runs if not run.missing_file], missing


def collect_tables(folders: Iterable[str | Path], name: str, target: str | Path) -> None:
    """Join the CSV files of one name from the folders of runs into one table, each row with the name of its run.

    Runs without such a file are left out.
    """
    runs = [run for run in map(StoredRun.at, folders) if (run.folder / name).is_file()]
    tables = [read_table(run.folder / name).assign(**run.names) for run in runs]
    table = pd.concat(tables) if tables else pd.DataFrame(columns=RUN)
    table = cells_without_formulas(table[RUN + [column for column in table if column not in RUN]])
    with atomic_path(target) as partial:
        table.to_csv(partial, index=False)


def made_with(folders: Iterable[str | Path]) -> dict[str, str]:
    """Return the devices and the versions with which the stored runs were made, for the report."""
    runs, _ = complete_runs(folders)
    descriptions = [run.description() for run in runs]
    found: dict[str, set[str]] = {"seeds": {str(run.seed) for run in runs}, "device": set()}
    for description in descriptions:
        found["device"].add(str(description.get("device", "unknown")))
        for package, version in description.get("versions", {}).items():
            found.setdefault(package, set()).add(str(version))
    return {"runs": str(len(runs))} | {name: ", ".join(sorted(values)) for name, values in found.items()}
