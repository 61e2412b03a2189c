"""How often the 95% interval of the gain contains the true gain, in simulated studies where it is known.

Compares the intervals of the package with a plain hierarchical bootstrap: seeds and images drawn with replacement,
the 2.5% and 97.5% percentiles of the means; and with its own intervals before they are cut off at the gains that the
interval of dense leaves possible. Prints one line per number of seeds and source of chance.

    python benchmarks/interval_coverage.py --studies 1000
"""

from __future__ import annotations

import argparse

import numpy as np
from scipy import stats
from simulated_runs import Spread, ability_for, cell_offsets, expected_accuracy, simulate_correct

from dst_robustness.analysis.attribution import STEPS, attribute
from dst_robustness.analysis.bootstrap import critical_values, hierarchical_bootstrap, possible_gains

DENSE, GAIN, RESAMPLES = 0.5, 0.01, 1000
REGIMES = {
    "seeds dominate": Spread(seed=0.15),
    "both matter": Spread(seed=0.04),
    "images dominate": Spread(seed=0.005),
    "seeds disagree": Spread(seed=1.5),
}


def simulate_scores(
    seeds: int, images: int, spread: Spread, generator: np.random.Generator
) -> tuple[np.ndarray, np.ndarray, float]:
    """Return the scores [S, N] of dense and of the method, and the gain of these networks on all possible images."""
    offsets = cell_offsets(15)
    easiness = generator.normal(0, spread.image, images)
    within = Spread(0.0, spread.image, spread.taste, spread.both)
    scores, reached = [], []
    for accuracy in (DENSE, DENSE + GAIN):
        abilities = ability_for(accuracy, offsets, spread) + generator.normal(0, spread.seed, seeds)
        correct = simulate_correct(abilities, easiness, offsets, spread, generator)
        scores.append(correct.mean(axis=1, dtype=np.float32))
        reached.append(np.mean([expected_accuracy(ability, offsets, within) for ability in abilities]))
    return scores[0], scores[1], reached[1] - reached[0]


def plain_interval(gains: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """Return the percentile interval of a hierarchical bootstrap without any correction."""
    seeds, images = gains.shape
    seed_weights = generator.multinomial(seeds, np.full(seeds, 1 / seeds), size=RESAMPLES)
    image_weights = generator.multinomial(images, np.full(images, 1 / images), size=RESAMPLES)
    means = np.einsum("bs,bs->b", image_weights @ gains.T.astype(np.float64), seed_weights) / (seeds * images)
    return np.quantile(means, [0.025, 0.975])


def error_ratio(seeds: int, tail: float, *, cochran: bool) -> tuple[float, float]:
    """Return the least and the greatest chance of an error, over all shares of the seeds in the variance, by ``tail``.

    The means are normal, the images' variance is known, and the seeds' is estimated: the chance is integrated over its
    chi-square distribution, with small values in detail.
    """
    degrees = seeds - 1
    below = np.concatenate([[0], np.logspace(-12, -3, 2000), np.linspace(1e-3, 1, 8000)[1:]])
    chance, middle = np.diff(below), (below[1:] + below[:-1]) / 2
    estimated = stats.chi2.ppf(middle, degrees) / degrees
    student, normal = stats.t.isf(tail, degrees), stats.norm.isf(tail)
    errors = []
    for share in np.linspace(0.001, 0.999, 100):
        variance = share / (1 - share)
        seen = variance * estimated / (variance * estimated + 1)
        quantile = seen * student + (1 - seen) * normal if cochran else critical_values(tail, seen, degrees)
        half = np.sqrt(variance * estimated + 1) * quantile
        errors.append(chance @ stats.norm.sf(half / np.sqrt(variance + 1)))
    return min(errors) / tail, max(errors) / tail


def print_exact(seeds: list[int]) -> None:
    """Print how many times as often as they should Cochran's rule and the package's err, at rising strictness."""
    for count in seeds:
        for tail in (0.025, 0.005, 0.0005, 0.00001):
            for name, cochran in (("Cochran's rule", True), ("here", False)):
                low, high = error_ratio(count, tail, cochran=cochran)
                print(f"{count:5d} seeds  two-sided {200 * tail:.3f}%  {name:15s}  {low:.2f} to {high:.2f} times")


def print_ladder(studies: int, images: int) -> None:
    """Print how often the intervals of a ladder's steps contain the true ones, five seeds a rung."""
    truth, spread, seeds = np.array([-0.01, 0.02, 0.0, 0.01, 0.005]), Spread(seed=0.04), 5
    offsets, generator, covered = cell_offsets(5), np.random.default_rng(0), np.zeros(len(truth))
    abilities = [ability_for(DENSE + gain, offsets, spread) for gain in (0.0, *truth.cumsum())]
    for _ in range(studies):
        easiness = generator.normal(0, spread.image, images)
        rungs = []
        for ability in abilities:
            runs = ability + generator.normal(0, spread.seed, seeds)
            correct = simulate_correct(runs, easiness, offsets, spread, generator)
            rungs.append(dict(enumerate(correct.mean(axis=1, dtype=np.float32))))
        covered += [step.low <= true <= step.high for step, true in zip(attribute(rungs), truth, strict=True)]
    for name, share in zip(STEPS, covered / studies, strict=True):
        print(f"{name:12s} {100 * share:.1f}%")


def main() -> None:
    """Print the coverage of both kinds of interval for each number of seeds and regime."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--studies", type=int, default=1000)
    parser.add_argument("--images", type=int, default=200)
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3, 5])
    parser.add_argument(
        "--exact", action="store_true", help="integrate over normal means instead of simulating studies"
    )
    parser.add_argument("--ladder", action="store_true", help="the steps that a gain is taken apart into")
    arguments = parser.parse_args()
    if arguments.ladder:
        return print_ladder(arguments.studies, arguments.images)
    if arguments.exact:
        return print_exact([count for count in arguments.seeds if count > 1])
    print(f"{arguments.studies} studies of {arguments.images} images x 75, gain {100 * GAIN:g} points, nominal 95%")
    print("seeds  regime            here   uncut   plain   half width of each (points)")
    for seeds in arguments.seeds:
        for regime, spread in REGIMES.items():
            generator = np.random.default_rng(seeds)
            hits, widths = np.zeros(3), np.zeros(3)
            for _ in range(arguments.studies):
                dense, method, of_networks = simulate_scores(seeds, arguments.images, spread, generator)
                baseline, gain = hierarchical_bootstrap([dense, method - dense], resamples=RESAMPLES)
                cut = gain.within(*possible_gains(baseline)).interval()
                for index, (low, high) in enumerate((cut, gain.interval(), plain_interval(method - dense, generator))):
                    hits[index] += low <= (of_networks if seeds == 1 else GAIN) <= high
                    widths[index] += (high - low) / 2
            covered = "  ".join(f"{value:5.1f}%" for value in 100 * hits / arguments.studies)
            half = " / ".join(f"{value:.2f}" for value in 100 * widths / arguments.studies)
            print(f"{seeds:5d}  {regime:15s}  {covered}   {half}", flush=True)


if __name__ == "__main__":
    main()
