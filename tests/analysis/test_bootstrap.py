import numpy as np
import pytest
from scipy import stats

from dst_robustness.analysis.bootstrap import (
    Estimate,
    average,
    critical_values,
    hierarchical_bootstrap,
    possible_gains,
    resampled_means,
    standard_errors,
)


def test_image_resampling_has_the_spread_of_the_mean():
    """The standard deviation of a mean over N images drawn with replacement is sd / sqrt(N)."""
    values = np.array([[0.0, 1.0], [1.0, 1.0], [0.0, 1.0], [1.0, 1.0]])
    means = resampled_means(values, 20_000, np.random.default_rng(0))
    assert means[:, 0].std() == pytest.approx(0.5 / 2, rel=0.02)
    assert means[:, 0].mean() == pytest.approx(0.5, abs=0.01)
    assert (means[:, 1] == 1).all()


def test_image_resampling_in_pieces_keeps_the_images_of_all_columns_together(monkeypatch):
    """Methods are compared on the same resampled images: a copy of a column gets the same means."""
    monkeypatch.setattr("dst_robustness.analysis.bootstrap.CHUNK_DRAWS", 30)
    column = np.random.default_rng(1).random(10)
    means = resampled_means(np.stack([column, column], axis=1), 50, np.random.default_rng(0))
    assert (means[:, 0] == means[:, 1]).all()
    assert len(np.unique(means[:, 0])) > 40


def test_seeds_alone_give_students_interval():
    """Without any variation between images the interval is the t-interval of the seeds' means: 2 +- 4.303 / sqrt(3)."""
    samples = np.array([[1.0] * 50, [2.0] * 50, [3.0] * 50])
    (estimate,) = hierarchical_bootstrap([samples], resamples=20_000)
    half = stats.t.ppf(0.975, 2) / np.sqrt(3)
    assert estimate.interval() == pytest.approx((2 - half, 2 + half), abs=0.05)
    assert estimate.p_value() == pytest.approx(stats.ttest_1samp([1, 2, 3], 0).pvalue, rel=0.05)


def test_images_alone_give_the_normal_interval():
    """Seeds that agree on every image leave only the images as a source of chance."""
    images = np.random.default_rng(0).normal(0.1, 1, 400)
    (estimate,) = hierarchical_bootstrap([np.stack([images, images, images])])
    half = 1.96 * images.std() / 20
    assert estimate.interval() == pytest.approx((images.mean() - half, images.mean() + half), rel=0.05)


def test_variation_of_seed_and_image_together_counts_once():
    """Pure noise in [S, N] has the standard error sd / sqrt(S N), though both levels of the bootstrap contain it."""
    errors = []
    for trial in range(40):
        noise = np.random.default_rng(trial).normal(0, 1, (5, 400))
        errors.append(hierarchical_bootstrap([noise], resamples=400)[0].standard_error ** 2)
    assert np.mean(errors) == pytest.approx(1 / 2000, rel=0.25)


def test_one_seed_means_percentiles_over_images():
    """With one seed the interval is the plain percentile bootstrap over images and no seed enters."""
    images = np.random.default_rng(0).random((1, 200))
    (estimate,) = hierarchical_bootstrap([images])
    assert estimate.degrees == 0
    assert not estimate.seed_deviations.any()
    assert estimate.interval() == tuple(estimate.value + np.quantile(estimate.image_deviations, [0.025, 0.975]))


def test_intervals_end_where_nothing_is_possible():
    """Two seeds at 40% and 80% say little of dense, but not that an accuracy is negative or a gain above 100 points."""
    dense, gain = hierarchical_bootstrap([np.array([[0.4] * 9, [0.8] * 9]), np.array([[0.3] * 9, [-0.2] * 9])])
    assert dense.interval()[0] < 0 < 1 < dense.interval()[1]
    assert possible_gains(dense) == (-1, 1)
    assert gain.within(*possible_gains(dense)).interval() == (-1, 1)
    assert gain.within(-1, 1).value == pytest.approx(0.05)
    assert average([gain.within(-1, 1), gain.within(-0.5, 0.5)]).limits == (-0.75, 0.75)


def test_dense_at_seventy_percent_leaves_room_for_thirty_points():
    """Seeds and images that agree: no run can be better than all right or worse than all wrong."""
    (dense,) = hierarchical_bootstrap([np.full((3, 10), 0.7)])
    assert possible_gains(dense) == pytest.approx((-0.7, 0.3))


def test_p_value_agrees_with_the_interval():
    """The interval at level 1 - p just touches zero."""
    samples = np.random.default_rng(3).normal(0.1, 1, (4, 500)) + np.array([[0.0], [0.1], [0.05], [0.02]])
    (estimate,) = hierarchical_bootstrap([samples])
    assert estimate.interval(1 - estimate.p_value())[0] == pytest.approx(0, abs=1e-6)


def test_quantile_moves_from_normal_to_student_with_the_share_of_the_seeds():
    """No seeds: 1.96; seeds only, three of them: 4.30."""
    assert critical_values(0.025, 0.0, 2) == pytest.approx(1.960, abs=1e-3)
    assert critical_values(0.025, 1.0, 2) == pytest.approx(4.303, abs=1e-3)
    assert critical_values(0.025, 0.7, 0) == pytest.approx(1.960, abs=1e-3)


def test_far_out_few_seeds_count_for_more():
    """Nine tenths of the variance from three seeds: 0.1% errs far too often with the weight that suits 5%."""
    tail, generator = 0.0005, np.random.default_rng(0)
    seeds = 9 * generator.chisquare(2, 400_000) / 2
    means = generator.normal(0, np.sqrt(10), 400_000)
    error, share = np.sqrt(seeds + 1), seeds / (seeds + 1)
    far = np.mean(means > critical_values(tail, share, 2) * error)
    weight = share**1.25
    plain = np.mean(means > (weight * stats.t.isf(tail, 2) + (1 - weight) * stats.norm.isf(tail)) * error)
    assert far < tail < plain / 2


def test_standard_errors_are_those_of_the_bootstrap():
    """Looks use the closed form, tables the resamples: the same variance, but for the noise of resampling."""
    samples = np.random.default_rng(3).normal(0.1, 1, (4, 500)) + np.array([[0.0], [0.1], [0.05], [0.02]])
    (estimate,) = hierarchical_bootstrap([samples])
    deviations = (estimate.seed_deviations.std(), estimate.image_deviations.std())
    assert standard_errors(samples) == pytest.approx(deviations, rel=0.03)


def test_p_values_of_one_side_and_of_equivalence():
    """Value 0.1, normal error 0.1: one error above 0, ten below 1.1; two errors inside -0.1, none inside +0.1."""
    deviations = stats.norm.ppf((np.arange(10_000) + 0.5) / 10_000)
    estimate = Estimate(0.1, np.zeros(10_000), 0.1 * deviations, seeds=3, degrees=2)
    assert estimate.p_above(0.0) == pytest.approx(stats.norm.sf(1), rel=0.01)
    assert estimate.p_above(1.1, -1) < 1e-10
    assert estimate.p_value() == pytest.approx(2 * stats.norm.sf(1), rel=0.01)
    assert estimate.p_equivalent(0.1) == 0.5
    assert estimate.p_equivalent(0.4) == pytest.approx(stats.norm.sf(3), rel=0.01)


def test_average_of_independent_estimates():
    """Two independent means with error 1 average to an error of 1 / sqrt(2), with the degrees of freedom of both."""
    generator = np.random.default_rng(0)
    one, two = (
        Estimate(value, generator.normal(0, 1, 20_000), np.zeros(20_000), seeds=3, degrees=2) for value in (1.0, 2.0)
    )
    both = average([one, two])
    assert both.value == 1.5
    assert both.standard_error == pytest.approx(np.sqrt(0.5), rel=0.02)
    assert both.degrees == pytest.approx(4, rel=0.02)


def test_samples_on_different_images_are_refused():
    """Runs on different test sets cannot be compared image by image."""
    with pytest.raises(ValueError, match="different numbers of images"):
        hierarchical_bootstrap([np.zeros((2, 10)), np.zeros((2, 11))])


@pytest.mark.parametrize(("seeds", "seed_spread"), [(1, 0.0), (2, 0.1), (3, 0.03), (5, 0.03), (5, 0.1)])
def test_intervals_cover_the_true_mean(seeds, seed_spread):
    """95% intervals of 1000 simulated studies contain the truth in 93% to 97%, within what 1000 studies can tell."""
    generator = np.random.default_rng(7)
    covered = 0
    for _ in range(1000):
        samples = generator.normal(0, 1, 100) + generator.normal(0, 0.7, (seeds, 100))
        samples += generator.normal(0, seed_spread, (seeds, 1))
        # One seed: the truth is what this one training would reach on all images; its own deviation is part of it.
        low, high = hierarchical_bootstrap([samples], resamples=300)[0].interval()
        covered += low <= 0 <= high
    assert 0.915 <= covered / 1000 <= 0.985
