"""Runs, and where their files are."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

from dst_robustness.jobs.files import atomic_path, write_text

NOT_IN_NAMES = re.compile(r"^[^A-Za-z0-9]+|[^A-Za-z0-9_.+-]+")


def default_name(dataset: str, model: str) -> str:
    """Return the default name of a scenario: data set and model."""
    return NOT_IN_NAMES.sub("_", f"{dataset}_{model}")


@dataclass(frozen=True, order=True)
class Run:
    """One point of the grid scenario x method x sparsity x seed. The dense baseline has sparsity 0.

    Attributes:
        dataset: the name of the data set on which the network is tested.
        method: the name in the study: a registered method, or a variant of one.
        variant_of: the registered method of a variant, else None.
        width: factor for the channels of all hidden layers of the network.
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
    """Copy the files of another run's training into a run's folder, and name this run in run.json.

    They are not links, since links would be as old as their origin, and Snakemake would make them anew.
    """
    for file in files:
        if file.name == "run.json":
            described = json.loads(file.read_text(encoding="utf-8")) | asdict(run)
            write_text(folder / file.name, json.dumps(described, indent=2) + "\n")
        else:
            with atomic_path(folder / file.name) as partial:
                shutil.copyfile(file, partial)
