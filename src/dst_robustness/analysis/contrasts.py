"""Under which corruptions a gain occurs: noise or blur, high or low frequencies.

The hypothesis says that DST relies less on high frequencies. That predicts larger gains under noise than under blur.
Weight decay predicts the opposite. A contrast is a weighted sum of the accuracies under each corruption. It is computed
for each image, so that it can be paired as gains are.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

NOISE, BLUR = "noise", "blur"


def noise_minus_blur(corruptions: Sequence[str], categories: Mapping[str, str]) -> np.ndarray | None:
    """Return the weight of each corruption in the mean under noise minus the mean under blur.

    None if there is no noise or no blur.
    """
    of = np.array([categories[name] for name in corruptions])
    noise, blur = of == NOISE, of == BLUR
    if not noise.any() or not blur.any():
        return None
    return noise / noise.sum() - blur / blur.sum()


def frequency_slope(corruptions: Sequence[str], shares: Mapping[str, float]) -> np.ndarray | None:
    """Return the weight of each corruption in the least-squares slope over its share of high-frequency energy.

    The slope is how much a gain rises from a share of 0 to a share of 1. None if a share is unknown or all are equal.
    """
    values = np.array([shares.get(name, np.nan) for name in corruptions], dtype=float)
    centred = values - values.mean()
    total = np.square(centred).sum()
    return centred / total if total > 1e-12 else None


def mean_shares(frequency: pd.DataFrame | None, dataset: str) -> dict[str, float]:
    """Return the share of high-frequency energy of each corruption of a data set, as a mean over severities.

    Args:
        frequency: frequency.csv; if it is None, the result is empty.
        dataset: name of the data set.
    """
    if frequency is None:
        return {}
    own = frequency[frequency["dataset"] == dataset]
    return own.groupby("corruption")["high_frequency_share"].mean().to_dict()
