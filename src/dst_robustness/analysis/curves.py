"""Learning curves and changes of the topology during training, averaged over seeds."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pandas as pd

from dst_robustness.analysis.runs import ROW, StoredRun

TOPOLOGY_COLUMNS = [*ROW, "step", "density", "itop_rate"]
# A long training has thousands of topology updates. This many are kept, since a figure cannot show more.
MOST_UPDATES = 200


def training_curves(runs: Iterable[StoredRun]) -> pd.DataFrame:
    """Return the histories of runs by epoch, averaged over seeds."""
    histories = [history.assign(**run.names) for run in runs if (history := run.history()) is not None]
    if not histories:
        return pd.DataFrame(columns=[*ROW, "epoch"])
    means = pd.concat(histories).groupby([*ROW, "epoch"], sort=False).mean(numeric_only=True)
    return means.drop(columns="seed").reset_index()


def topology_curves(runs: Iterable[StoredRun]) -> pd.DataFrame:
    """Return density and ITOP rate after the topology updates of runs, averaged over seeds; ``TOPOLOGY_COLUMNS``.

    The ITOP rate is the share of the maskable weights that have been active so far (Liu et al. 2021). At most 200
    updates of a run are kept, evenly spread from the first to the last. Runs whose masks never change have no rows.
    """
    updates = [_updates(run, table) for run in runs if (table := run.topology()) is not None and len(table)]
    if not updates:
        return pd.DataFrame(columns=TOPOLOGY_COLUMNS)
    means = pd.concat(updates).groupby([*ROW, "step"], sort=False)[["density", "itop_rate"]].mean()
    return means.reset_index()[TOPOLOGY_COLUMNS]


def _updates(run: StoredRun, table: pd.DataFrame) -> pd.DataFrame:
    kept = np.unique(np.linspace(0, len(table) - 1, MOST_UPDATES).round().astype(int))
    return table.iloc[kept].assign(**run.names)
