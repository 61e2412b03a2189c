"""The networks of a scenario one by one: the numbers of each, before anything is averaged over seeds."""

from __future__ import annotations

import numpy as np
import pandas as pd

from dst_robustness.analysis.loading import COSTS, ERRORS, LoadedRun, ScenarioRuns
from dst_robustness.analysis.robustness import error_metrics, run_metrics
from dst_robustness.analysis.runs import RUN

# What the last line of a history says, by its name there.
LAST_EPOCH = {"accuracy": "training_accuracy", "validation_accuracy": "validation_accuracy"}


def network_table(runs: ScenarioRuns, cells: pd.DataFrame) -> pd.DataFrame:
    """Return one row per network, with the index ``RUN``.

    Its columns are accuracies and calibration, corruption errors against the baseline's network of the same seed,
    costs, and the accuracies of the last epoch of training. What is not known is NaN.

    Args:
        runs: the runs of one scenario.
        cells: the cells of all runs, each with the name of its run.
    """
    loaded = runs.loaded
    names = pd.MultiIndex.from_frame(pd.DataFrame([item.run.names for item in loaded]))
    others = [runs.runs.get(runs.reference(item.row), {}).get(item.run.seed) for item in loaded]  # type: ignore[arg-type]
    own = [tuple((other or item).run.names.values()) for other, item in zip(others, loaded, strict=True)]
    references = pd.MultiIndex.from_tuples(own, names=RUN)
    errors = error_metrics(cells, RUN, references, alexnet=loaded[0].run.dataset.startswith("imagenet"))
    # A run without a reference was compared with itself.
    alone = [other is None and item.run.method != runs.baseline for other, item in zip(others, loaded, strict=True)]
    errors.loc[names[alone], list(ERRORS)] = np.nan
    costs = pd.DataFrame([{name: item.description.get(name) for name in COSTS} for item in loaded], names, dtype=float)
    ends = pd.DataFrame([_end_of_training(item) for item in loaded], names, list(LAST_EPOCH.values()), dtype=float)
    return pd.concat([run_metrics(cells, RUN), errors, costs, ends], axis=1)


def _end_of_training(item: LoadedRun) -> dict[str, float]:
    history = item.run.history
    if history is None or history.empty:
        return {}
    return {new: history[old].iloc[-1] for old, new in LAST_EPOCH.items() if old in history}
