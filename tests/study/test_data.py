"""What a data set of a study is, and which options each step takes of it."""

import pytest
import yaml

from dst_robustness.study.configuration import read_study
from dst_robustness.study.data import ACQUIRE, PREPARE, data_options, data_trained_on, facts, spec_of
from dst_robustness.study.origins import OF_THE_SET, show_origins

OWN = {"type": "image_folder", "path": "/data/own", "train_samples": 100, "image_size": 64}
CONFIG = {"datasets": {"own": OWN}, "scenarios": [{"dataset": "own", "model": "resnet8"}]}


def test_each_step_takes_its_own_options() -> None:
    """A changed address prepares nothing anew."""
    study = read_study(CONFIG)
    assert data_options("own", study, ACQUIRE) == {"path": "/data/own"}
    assert data_options("own", study, PREPARE) == {"train_samples": 100}
    assert data_options("digits", study) == {}


def test_print_config_shows_what_a_data_set_really_is() -> None:
    """The study's values count, the rest are the data set's, and normalisation and constants are shown."""
    text = show_origins(read_study(CONFIG), [("own.yaml", CONFIG)], ["digits", "own"])
    lines = {" ".join(line.split()) for line in text.splitlines()}
    assert "image_size: 64 # own.yaml" in lines
    assert f"image_size: {facts('digits', read_study(CONFIG))['image_size']} # {OF_THE_SET}" in lines
    assert "# own: corrupted with the constants of the family tiny_imagenet, by its size" in lines
    assert any(line.startswith("# digits: images of 32 pixels, normalised with mean 0.3117") for line in lines)
    assert "&" not in text
    assert read_study(yaml.safe_load(text)).datasets["own"].image_size == 64


def test_a_published_set_is_cut_by_the_data_set_that_it_is_made_of() -> None:
    """An option that nothing reads is refused, and the place where it counts is named."""
    study = read_study(
        {"datasets": {"cifar10_c": {"test_samples": 50}}, "scenarios": [{"dataset": "cifar10_c", "model": "resnet8"}]}
    )
    with pytest.raises(ValueError, match=r"cifar10_c is cut to the test split of cifar10; write it under datasets\.c"):
        data_trained_on("cifar10_c", study)


@pytest.mark.parametrize(
    ("dataset", "options", "message"),
    [
        ("digits", {"path": "/data/mnist"}, r"^datasets\.digits\.path: digits is made here and reads no files; for"),
        (
            "mine",
            {"type": "shapes", "addresses": ["https://a.example/b"]},
            r"^datasets\.mine\.addresses: shapes is made",
        ),
        ("own", OWN | {"checksum": f"md5:{32 * '0'}"}, r"^datasets\.own\.checksum: image_folder is read where it is,"),
    ],
)
def test_files_of_a_set_that_does_not_read_them_are_refused(dataset: str, options: dict, message: str) -> None:
    """Who names a folder of digits is not answered with the results of other digits, nor a checksum passed over."""
    study = read_study({**CONFIG, "datasets": {dataset: options}})
    with pytest.raises(ValueError, match=message):
        spec_of(dataset, study)
