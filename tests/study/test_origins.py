"""Where each value of a study comes from."""

from dst_robustness.study.origins import origin

LOWER = {"training": {"epochs": 1, "momentum": 0.5}, "scenarios": [{"dataset": "digits", "training": {"epochs": 2}}]}
LAYERS = [("lower", LOWER), ("upper", {"training": {"epochs": 3}})]


def test_the_layer_on_top_is_named_also_before_a_scenario_below() -> None:
    """It is the one whose value holds."""
    assert origin(("training", "epochs"), LAYERS) == "upper"
    assert origin(("scenarios", 0, "training", "epochs"), LAYERS) == "upper"
    assert origin(("scenarios", 0, "training", "epochs"), LAYERS[:1]) == "lower"
    assert origin(("scenarios", 0, "training", "momentum"), LAYERS) == "lower"
    assert origin(("scenarios", 0, "training", "batch_size"), LAYERS) == "default"


def test_scenarios_that_are_replaced_are_the_origin_of_nothing() -> None:
    """The epochs of the scenario below are gone; those of the whole study hold."""
    layers = [("lower", LOWER), ("upper", {"scenarios": [{"dataset": "cifar10"}]})]
    assert origin(("scenarios", 0, "dataset"), layers) == "upper"
    assert origin(("scenarios", 0, "training", "epochs"), layers) == "lower"
    assert origin(("scenarios", 0, "model"), layers) == "default"
