"""What a run is, and where its files are."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, order=True)
class Run:
    """One cell of the grid dataset x model x method x sparsity x seed; the dense baseline has sparsity 0."""

    dataset: str
    model: str
    method: str
    sparsity: float
    seed: int

    @property
    def folder(self) -> str:
        """Folder of the run below ``results_dir``."""
        return f"runs/{self.dataset}/{self.model}/{self.method}/{self.sparsity:g}/seed{self.seed}"
