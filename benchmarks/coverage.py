"""How often the 95% interval of the gain contains the true gain, in simulated studies where it is known.

Compares the intervals of the package with a plain hierarchical bootstrap: seeds and images drawn with replacement,
the 2.5% and 97.5% percentiles of the means. Prints one line per number of seeds and source of chance.

    python benchmarks/coverage.py --studies 1000
"""

from __future__ import annotations

import argparse

import numpy as np

from dst_robustness.analysis.bootstrap import hierarchical_bootstrap
from dst_robustness.analysis.simulation import Spread, ability_for, cell_offsets, expected_accuracy, simulate_correct

DENSE, GAIN, RESAMPLES = 0.5, 0.01, 1000
REGIMES = {
    "seeds dominate": Spread(seed=0.15),
    "both matter": Spread(seed=0.04),
    "images dominate": Spread(seed=0.005),
}


def simulate_gains(
    seeds: int, images: int, spread: Spread, generator: np.random.Generator
) -> tuple[np.ndarray, float, float]:
    """Return gains [S, N], the true gain of the method, and that of these trained networks on all possible images."""
    offsets = cell_offsets(15)
    easiness = generator.normal(0, spread.image, images)
    within = Spread(0.0, spread.image, spread.taste, spread.both)
    scores, reached = [], []
    for accuracy in (DENSE, DENSE + GAIN):
        abilities = ability_for(accuracy, offsets, spread) + generator.normal(0, spread.seed, seeds)
        correct = simulate_correct(abilities, easiness, offsets, spread, generator)
        scores.append(correct.mean(axis=1, dtype=np.float32))
        reached.append(np.mean([expected_accuracy(ability, offsets, within) for ability in abilities]))
    return scores[1] - scores[0], GAIN, reached[1] - reached[0]


def plain_interval(gains: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """Return the percentile interval of a hierarchical bootstrap without any correction."""
    seeds, images = gains.shape
    seed_weights = generator.multinomial(seeds, np.full(seeds, 1 / seeds), size=RESAMPLES)
    image_weights = generator.multinomial(images, np.full(images, 1 / images), size=RESAMPLES)
    means = np.einsum("bs,bs->b", image_weights @ gains.T.astype(np.float64), seed_weights) / (seeds * images)
    return np.quantile(means, [0.025, 0.975])


def main() -> None:
    """Print the coverage of both kinds of interval for each number of seeds and regime."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--studies", type=int, default=1000)
    parser.add_argument("--images", type=int, default=200)
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3, 5])
    arguments = parser.parse_args()
    print(f"{arguments.studies} studies of {arguments.images} images x 75, gain {100 * GAIN:g} points, nominal 95%")
    print("seeds  regime           here    plain   half width here / plain (points)")
    for seeds in arguments.seeds:
        for regime, spread in REGIMES.items():
            generator = np.random.default_rng(seeds)
            hits, widths = np.zeros(2), np.zeros(2)
            for _ in range(arguments.studies):
                gains, truth, of_networks = simulate_gains(seeds, arguments.images, spread, generator)
                own = hierarchical_bootstrap([gains], resamples=RESAMPLES)[0].interval()
                for index, (low, high) in enumerate((own, plain_interval(gains, generator))):
                    target = of_networks if seeds == 1 else truth
                    hits[index] += low <= target <= high
                    widths[index] += (high - low) / 2
            here, plain = 100 * hits / arguments.studies
            half = 100 * widths / arguments.studies
            print(f"{seeds:5d}  {regime:15s}  {here:5.1f}%  {plain:5.1f}%  {half[0]:6.2f} / {half[1]:.2f}", flush=True)


if __name__ == "__main__":
    main()
