"""Which code is part of a step's parameters."""

from dst_robustness.study.code import corruption_code, corruption_constants, evaluation_code, training_code


def test_a_step_depends_on_the_code_that_it_runs_and_on_no_other() -> None:
    """Another method, model or augmentation is other code; the evaluation does not know of methods."""
    rigl = training_code("resnet8", "rigl", "crop")
    assert rigl == training_code("resnet8", "rigl", "crop")
    assert rigl != training_code("resnet8", "snip", "crop")
    assert rigl != training_code("resnet8", "rigl", "crop+augmix")
    assert rigl[0] == training_code("vgg16", "rigl", "crop")[0]
    assert rigl[1] != training_code("vgg16", "rigl", "crop")[1]
    assert evaluation_code("resnet8") != evaluation_code("vgg16")


def test_a_corruption_depends_on_its_own_file_and_constants() -> None:
    """Another row in a table of constants remakes nothing."""
    assert corruption_code("fog", "images") == corruption_code("snow", "images")  # both in weather.py
    assert corruption_code("fog", "images") != corruption_code("contrast", "images")
    assert corruption_code("packet_loss", "clips") != corruption_code("fog", "clips")
    assert corruption_constants("fog", "images") != corruption_constants("snow", "images")
