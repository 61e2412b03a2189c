"""Event files for TensorBoard, of a training as it goes."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path


class Events:
    """Rows of the history as scalars over the optimiser steps, under the names of their columns.

    A training that is resumed goes on in another file of the folder, and what an interrupted one wrote beyond its
    checkpoint is hidden.

    Args:
        folder: of this training alone; what an earlier one left there is deleted.
        steps: optimiser steps that are done.
    """

    def __init__(self, folder: Path, steps: int) -> None:
        from torch.utils.tensorboard import SummaryWriter  # not above: it costs a second

        if not steps:
            shutil.rmtree(folder, ignore_errors=True)
        self.writer = SummaryWriter(str(folder), purge_step=steps + 1)

    def add(self, row: Mapping[str, float]) -> None:
        """Write a row of the history out."""
        for name, value in row.items():
            if name not in ("epoch", "step"):
                self.writer.add_scalar(name, value, int(row["step"]))
        self.writer.flush()
