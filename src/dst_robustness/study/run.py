"""What a run is, and where its files are."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

from dst_robustness.jobs.files import atomic_path, write_text


@dataclass(frozen=True, order=True)
class Run:
    """One cell of the grid scenario x method x sparsity x seed; the dense baseline has sparsity 0.

    Attributes:
        dataset: the name of the data set that the network is tested on.
        method: the name that the study lists: a registered method, or a variant of one.
        variant_of: the registered method behind a variant, else None.
        width: factor for the channels of all hidden layers of the model.
    """

    scenario: str
    dataset: str
    model: str
    method: str
    sparsity: float
    seed: int
    variant_of: str | None = None
    width: float = 1.0

    @property
    def base_method(self) -> str:
        """The registered method."""
        return self.variant_of or self.method

    @property
    def folder(self) -> str:
        """Folder of the run below ``results_dir``."""
        return f"runs/{self.scenario}/{self.method}/{self.sparsity:g}/seed{self.seed}"


def share_network(files: Iterable[Path], folder: Path, run: Run) -> None:
    """Copy the files that another run's training left into a run's folder; run.json then names this run.

    They are no links: those would be as old as their origin, and made anew.
    """
    for file in files:
        if file.name == "run.json":
            described = json.loads(file.read_text(encoding="utf-8")) | asdict(run)
            write_text(folder / file.name, json.dumps(described, indent=2) + "\n")
        else:
            with atomic_path(folder / file.name) as partial:
                shutil.copyfile(file, partial)
