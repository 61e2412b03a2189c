"""Intervals for means over seeds and test images: a hierarchical bootstrap that is also right with few seeds.

The samples of one estimate are x[s, i] for seed s and test image i. They say how often run s recognised the image, or
how much more often than the dense run of the same seed. All seeds see the same images, so

    x[s, i] = mean + seed[s] + image[i] + both[s, i],

and the variance of the mean over S seeds and N images has three parts. Each resample draws seeds with replacement and,
independently, images with replacement. Three corrections make the intervals cover the true value:

- The variance of S resampled seeds is too small by (S - 1) / S. Their deviations are stretched by the inverse root
  (Rao & Wu 1988).
- Both levels contain the part ``both``. The image level is shrunk so that it counts once (Owen 2007 shows the excess).
- The spread of two to five seeds is itself uncertain. Student's quantile replaces the normal one, in proportion to the
  seeds' share of the variance (Cochran's rule for the Behrens-Fisher problem; ``critical_values``).

In simulated studies of two, three and five seeds, the 95% intervals covered the true gain in 93-96% with these
corrections and in 73-99% without (benchmarks/interval_coverage.py). With one seed only images are resampled, and the
interval speaks of that one training.

The interval of two seeds that disagree may contain impossible values. So estimates have limits: an accuracy lies in
[0, 1], and a gain cannot lead out of that range (``possible_gains``). Cutting off impossible values costs no coverage,
as the same script shows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy import optimize, special

RESAMPLES = 10_000
LEVEL = 0.95
EXPONENT = 1.25
CHUNK_DRAWS = 2_000_000


def critical_values(tail: np.ndarray | float, share: np.ndarray | float, degrees: np.ndarray | float) -> np.ndarray:
    """Return the quantiles, with probability ``tail`` above them, of means whose variance comes partly from seeds.

    Cochran's rule weighs Student's and the normal quantile by their shares of the variance. For 95% intervals the
    weight is raised to the power 1.25. For any true share, the plain rule covers 93.9-97.8% with two seeds and
    95.0-97.1% with three. With the power it covers 93.0-97.1% and 94.7-96.5%.

    Levels that are corrected for many comparisons lie farther out, and there this interval is too short. Few seeds
    often show far less spread than they have: with three seeds the rule errs up to 3.5 times as often as the 0.1% that
    it should. There the exponent is 0.5 + normal / student, so the weight falls more slowly the farther apart the two
    quantiles are. Two to ten seeds then err at most 1.07 times as often as they should, down to 0.002%
    (benchmarks/interval_coverage.py --exact).

    Args:
        tail: probability, at most a half. The three arguments broadcast.
        share: share of the variance that comes from seeds.
        degrees: degrees of freedom of the seeds' variance; 0 for one seed, whose quantile is the normal one.
    """
    normal = -special.ndtri(tail)  # far faster than scipy.stats, and needed for every p-value
    degrees = np.asarray(degrees, dtype=float)
    student = np.where(degrees > 0, -special.stdtrit(np.where(degrees > 0, degrees, 1), tail), normal)
    power = np.where(np.asarray(tail) >= (1 - LEVEL) / 2 - 1e-12, EXPONENT, strict_exponent(student, normal))
    return blend(share, student, normal, power)


def strict_exponent(student: np.ndarray | float, normal: np.ndarray | float) -> np.ndarray:
    """Return the exponent of the seeds' share for quantiles far out."""
    ratio = np.divide(normal, student, out=np.ones(np.shape(student)), where=np.asarray(student) != 0)
    return np.minimum(EXPONENT, 0.5 + ratio)


def blend(share: np.ndarray | float, student: np.ndarray, normal: np.ndarray, power: np.ndarray) -> np.ndarray:
    """Return the quantile between Student's and the normal one for this share of the seeds."""
    weight = share**power
    return weight * student + (1 - weight) * normal


def seed_share(seed_error: np.ndarray | float, image_error: np.ndarray | float) -> np.ndarray:
    """Return the share of the variance that comes from seeds; 0 if there is no variance."""
    total = np.square(seed_error) + np.square(image_error)
    return np.divide(np.square(seed_error), total, out=np.zeros(np.shape(total)), where=np.asarray(total) > 0)


def standard_errors(sample: np.ndarray) -> tuple[float, float]:
    """Return the standard errors that seeds and images add to the mean of samples [S, N].

    The standard deviations of ``hierarchical_bootstrap`` approach these values as the number of resamples grows.
    """
    seeds, images = sample.shape
    of_seeds = sample.mean(axis=1, dtype=np.float64).std(ddof=1) / np.sqrt(seeds) if seeds > 1 else 0.0
    of_images = sample.mean(axis=0, dtype=np.float64).std() / np.sqrt(images)
    return float(of_seeds), float(of_images * np.sqrt(_image_share(sample)))


def mean_interval(sample: np.ndarray, level: float = LEVEL) -> tuple[float, float, float]:
    """Return the mean of samples [S, N] and its interval, without resampling: see ``standard_errors``.

    With one seed the interval is over images only.
    """
    of_seeds, of_images = standard_errors(sample)
    quantile = critical_values((1 - level) / 2, seed_share(of_seeds, of_images), len(sample) - 1)
    value, half = float(sample.mean(dtype=np.float64)), float(quantile * np.hypot(of_seeds, of_images))
    return value, value - half, value + half


@dataclass(frozen=True)
class Estimate:
    """A mean, with its deviations over the resamples.

    Attributes:
        value: the mean.
        seed_deviations: deviations of the mean over resampled seeds, float [B]; zeros with one seed.
        image_deviations: deviations of the mean over resampled images, float [B].
        seeds: number of seeds.
        degrees: degrees of freedom of the seeds' variance; 0 with one seed.
        limits: lowest and highest possible value; intervals end there.
    """

    value: float
    seed_deviations: np.ndarray
    image_deviations: np.ndarray
    seeds: int
    degrees: float
    limits: tuple[float, float] = (-np.inf, np.inf)

    def within(self, low: float, high: float) -> Estimate:
        """Return this estimate with limits that its quantity cannot exceed."""
        return replace(self, limits=(low, high))

    @property
    def standard_error(self) -> float:
        """Standard deviation of the resampled means."""
        return float(np.hypot(self.seed_deviations.std(), self.image_deviations.std()))

    def _seed_share(self) -> float:
        return float(seed_share(self.seed_deviations.std(), self.image_deviations.std()))

    def interval(self, level: float = LEVEL) -> tuple[float, float]:
        """Return the interval, cut off at ``limits``.

        With one seed it consists of percentiles of the resampled means, else it is value +- quantile x error.
        """
        if self.degrees <= 0:
            below, above = np.quantile(self.image_deviations, [(1 - level) / 2, (1 + level) / 2])
        else:
            above = float(critical_values((1 - level) / 2, self._seed_share(), self.degrees)) * self.standard_error
            below = -above
        low, high = np.clip([self.value + below, self.value + above], *self.limits)
        return float(low), float(high)

    def p_value(self) -> float:
        """Return the two-sided p-value of a mean of zero: the level at which the interval just touches zero."""
        return min(1.0, 2 * min(self.p_above(0.0), self.p_above(0.0, -1)))

    def p_equivalent(self, margin: float) -> float:
        """Return the p-value of a mean at or beyond +-margin: the larger of two one-sided tests (Schuirmann 1987)."""
        return max(self.p_above(-margin), self.p_above(margin, -1))

    def p_above(self, bound: float, side: int = 1) -> float:
        """Return the one-sided p-value against a mean of at most ``bound``; with ``side`` -1, of at least ``bound``."""
        distance, error = side * (self.value - bound), self.standard_error
        if error == 0 or distance == 0:
            return 0.0 if distance > 0 else 0.5 if distance == 0 else 1.0
        if self.degrees <= 0:
            beyond = np.mean(distance + side * self.image_deviations <= 0)
            return float((beyond * len(self.image_deviations) + 1) / (len(self.image_deviations) + 1))
        ratio, share = abs(distance) / error, self._seed_share()
        reach = lambda tail: critical_values(tail, share, self.degrees) - ratio  # noqa: E731
        smallest = 1e-12
        tail = smallest if reach(smallest) < 0 else optimize.brentq(reach, smallest, 0.5)
        return float(tail if distance > 0 else 1 - tail)


def possible_gains(dense: Estimate) -> tuple[float, float]:
    """Return the limits of a gain over dense: added to an accuracy in dense's interval, it must stay in [0, 1].

    The true gain can only lie beyond if dense's accuracy is outside its own interval and the sum is near 0 or 1.
    """
    low, high = dense.within(0, 1).interval()
    return -high, 1 - low


def average(estimates: Sequence[Estimate]) -> Estimate:
    """Return the estimate of the unweighted mean of several quantities whose seeds are independent.

    Image deviations of the same resample are added, so quantities measured on one test set stay correlated.
    """
    if not estimates:
        raise ValueError("no estimates to average")
    variances = np.array([estimate.seed_deviations.var() for estimate in estimates])
    degrees = np.array([estimate.degrees for estimate in estimates])
    with_seeds = (degrees > 0) & (variances > 0)
    shares = variances[with_seeds] ** 2 / degrees[with_seeds]
    return Estimate(
        value=float(np.mean([estimate.value for estimate in estimates])),
        seed_deviations=np.mean([estimate.seed_deviations for estimate in estimates], axis=0),
        image_deviations=np.mean([estimate.image_deviations for estimate in estimates], axis=0),
        seeds=min(estimate.seeds for estimate in estimates),
        degrees=float(variances.sum() ** 2 / shares.sum()) if with_seeds.any() else 0.0,
        limits=tuple(np.mean([estimate.limits for estimate in estimates], axis=0)),
    )


def hierarchical_bootstrap(
    samples: Sequence[np.ndarray], *, resamples: int = RESAMPLES, images_seed: int = 0, seeds_seed: int = 0
) -> list[Estimate]:
    """Return the mean of each array of samples, with its deviations over the resamples.

    Args:
        samples: float [S, N] each: S seeds, which may differ between arrays, on the same N test images.
        images_seed: calls with the same value and N resample the same images, so that their results stay paired.
        seeds_seed: must differ between calls whose runs are independent.
    """
    samples = [np.atleast_2d(sample) for sample in samples]
    if len({sample.shape[1] for sample in samples}) > 1:
        raise ValueError(f"samples on different numbers of images: {sorted({s.shape[1] for s in samples})}")
    over_seeds = np.stack([sample.mean(axis=0, dtype=np.float64) for sample in samples], axis=1)
    generator = np.random.default_rng(images_seed)
    image_deviations = resampled_means(over_seeds - over_seeds.mean(axis=0), resamples, generator)
    estimates = []
    for index, sample in enumerate(samples):
        generator = np.random.default_rng([seeds_seed, index])
        estimates.append(
            Estimate(
                value=float(sample.mean(dtype=np.float64)),
                seed_deviations=_seed_deviations(sample.mean(axis=1, dtype=np.float64), resamples, generator),
                image_deviations=image_deviations[:, index] * np.sqrt(_image_share(sample)),
                seeds=len(sample),
                degrees=len(sample) - 1,
            )
        )
    return estimates


def resampled_means(values: np.ndarray, resamples: int, generator: np.random.Generator) -> np.ndarray:
    """Return the means of values [N, K] over images drawn with replacement, [resamples, K], in bounded memory."""
    count = len(values)
    values = values.astype(np.float32)
    means = np.empty((resamples, values.shape[1]))
    rows = max(1, CHUNK_DRAWS // count)
    for start in range(0, resamples, rows):
        size = min(rows, resamples - start)
        drawn = generator.integers(count, size=(size, count)) + count * np.arange(size)[:, None]
        weights = np.bincount(drawn.ravel(), minlength=size * count).reshape(size, count)
        means[start : start + size] = weights.astype(np.float32) @ values / count
    return means


def _seed_deviations(seed_means: np.ndarray, resamples: int, generator: np.random.Generator) -> np.ndarray:
    count = len(seed_means)
    if count == 1:
        return np.zeros(resamples)
    centred = seed_means - seed_means.mean()
    drawn = centred[generator.integers(count, size=(resamples, count))].mean(axis=1)
    return drawn * np.sqrt(count / (count - 1))


def _image_share(sample: np.ndarray) -> float:
    """Return the share of the image means' variance that images alone cause, and that the seeds do not contain yet."""
    seeds, images = sample.shape
    total = sample.mean(axis=0, dtype=np.float64).var()
    if seeds == 1 or images == 1 or total == 0:
        return 1.0
    # Two-way analysis of variance: the sum of squares that neither seeds nor images explain, per degree of freedom.
    unexplained = sample.var(axis=1, dtype=np.float64).mean() - total
    both = unexplained / (seeds - 1)
    return float(np.clip(1 - both / total, 0, 1))
