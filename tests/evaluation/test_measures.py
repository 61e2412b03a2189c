"""What is refused rather than compared: tables of other severities, parts of tables, intervals that do not exist."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from dst_robustness.evaluation import corruption_table, gain, mean_corruption_error

IMAGES = np.random.default_rng(0).integers(0, 256, (6, 32, 32, 3), dtype=np.uint8)


def table(**options: Any) -> Any:
    given = {"family": "cifar", "corruptions": ["brightness", "contrast"], "severities": [1, 5], **options}
    return corruption_table(lambda images: np.zeros(len(images)), IMAGES, np.arange(6) % 2, **given)


def test_a_gain_over_a_part_of_a_table_is_refused() -> None:
    """The answers by image are of the whole table, so the gain would be too, whatever rows were chosen."""
    whole = table()
    for part in (whole[whole["severity"] == 5], whole[whole["corruption"] == "contrast"]):
        for pair in ((part, part), (whole, part), ([whole, part], [whole, whole])):
            with pytest.raises(ValueError, match="holds 2 of the 4 corruptions and severities"):
                gain(*pair)
    assert gain(whole[::-1], whole[whole["corruption"] != "clean"]).value == 0


def test_mce_is_of_the_same_severities() -> None:
    """An error at severity 5 beside a mean over severities 1 and 5 is no ratio of like to like."""
    whole = table()
    strong = whole[whole["severity"] != 1]
    assert mean_corruption_error(strong, strong) == 100
    with pytest.raises(ValueError, match=r"same severities.*brightness has \[5\], and \[1, 5\] of the baseline"):
        mean_corruption_error(strong, whole)
    with pytest.raises(ValueError, match=r"has \[3\], and \[1, 2, 3, 4, 5\] of AlexNet"):
        mean_corruption_error(table(corruptions="benchmark", severities=[3]))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"level": 95}, "level is 95; allowed: above 0 and below 1, as 0.95"),
        ({"level": 1}, "level is 1; allowed"),
        ({"resamples": 0}, "resamples is 0; allowed: whole numbers from 1 on"),
    ],
)
def test_an_interval_that_does_not_exist_is_refused(options: dict, message: str) -> None:
    """With several trainings a level in percent gave an interval from NaN to NaN."""
    one = table()
    with pytest.raises(ValueError, match=message):
        gain([one, one], [one, one], **options)


def test_trainings_without_a_partner_are_refused() -> None:
    """They are paired one by one."""
    one = table()
    with pytest.raises(ValueError, match="2 tables and 1 of the baseline"):
        gain([one, one], [one])
