"""Choose samples: stratified, with a fixed seed, and nested (a larger choice contains a smaller one)."""

from __future__ import annotations

import numpy as np


def stratified(labels: np.ndarray, count: int, *, seed: int) -> np.ndarray:
    """Choose ``count`` samples so that every class keeps its share.

    Args:
        labels: class of each sample, int [N].
        count: number of samples to choose, 0-N.
        seed: the same seed and labels give the same choice.

    Returns:
        The rows chosen, int64 [count], ascending.

    Raises:
        ValueError: for a count outside 0-N.
    """
    if not 0 <= count <= len(labels):
        raise ValueError(f"cannot choose {count} of {len(labels)} samples")
    classes, sizes = np.unique(labels, return_counts=True)
    chosen = [
        np.random.default_rng([seed, int(label)]).permutation(np.flatnonzero(labels == label))[:share]
        for label, share in zip(classes, _shares(sizes, count), strict=True)
    ]
    return np.sort(np.concatenate(chosen)) if chosen else np.empty(0, dtype=np.int64)


def _shares(sizes: np.ndarray, count: int) -> np.ndarray:
    """Divide a count over classes in proportion to their sizes, by largest remainder, ties to the first class."""
    exact = sizes * (count / max(1, sizes.sum()))
    shares = np.floor(exact).astype(np.int64)
    largest = np.argsort(shares - exact, kind="stable")
    shares[largest[: count - shares.sum()]] += 1
    return shares


def carve(labels: np.ndarray, fraction: float, *, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Divide samples into the rows that stay and the rows of a stratified fraction, both ascending.

    Raises ValueError for a fraction outside (0, 1), or if either part would be empty.
    """
    if not 0 < fraction < 1:
        raise ValueError(f"validation_fraction is {fraction:g}; allowed: more than 0 and less than 1")
    apart = stratified(labels, round(fraction * len(labels)), seed=seed)
    stay = np.setdiff1d(np.arange(len(labels)), apart)
    if not (len(apart) and len(stay)):
        raise ValueError(f"validation_fraction {fraction:g} of {len(labels)} samples leaves a split empty")
    return stay, apart
