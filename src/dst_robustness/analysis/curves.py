"""Learning curves and changes of the topology during training, averaged over seeds."""

from __future__ import annotations

from collections.abc import Iterable

import pandas as pd

from dst_robustness.analysis.runs import ROW, StoredRun

TOPOLOGY_COLUMNS = [*ROW, "step", "density", "itop_rate"]


def training_curves(runs: Iterable[StoredRun]) -> pd.DataFrame:
    """Return the histories of runs by epoch, averaged over seeds. Networks that were trained elsewhere have none."""
    tables = [(run, run.history) for run in runs]
    histories = [table.assign(**run.names) for run, table in tables if table is not None and len(table)]
    if not histories:
        return pd.DataFrame(columns=[*ROW, "epoch"])
    means = pd.concat(histories).groupby([*ROW, "epoch"], sort=False).mean(numeric_only=True)
    return means.drop(columns="seed").reset_index()


def topology_curves(runs: Iterable[StoredRun]) -> pd.DataFrame:
    """Return density and ITOP rate after the topology updates of runs, averaged over seeds; ``TOPOLOGY_COLUMNS``.

    The ITOP rate is the share of the maskable weights that have been active so far (Liu et al. 2021). Runs whose masks
    never change have no rows.
    """
    tables = [(run, run.topology) for run in runs]
    updates = [table.assign(**run.names) for run, table in tables if table is not None and len(table)]
    if not updates:
        return pd.DataFrame(columns=TOPOLOGY_COLUMNS)
    means = pd.concat(updates).groupby([*ROW, "step"], sort=False)[["density", "itop_rate"]].mean()
    return means.reset_index()[TOPOLOGY_COLUMNS]
