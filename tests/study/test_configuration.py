"""Every mistake in a configuration is answered by one line that names the key and what is allowed."""

from pathlib import Path
from typing import Any

import pytest

from dst_robustness.study.configuration import check_configuration

SCHEMA = Path(__file__).parents[2] / "workflow/schemas/config.schema.yaml"


def check(**changes: Any) -> dict[str, Any]:
    return check_configuration({"scenarios": [{"dataset": "digits", "model": "resnet8"}], **changes}, SCHEMA)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"sede": [0]}, "config: unknown key 'sede'. Did you mean 'seeds'? Allowed: results_dir,"),
        (
            {"training": {"epoch": 3}},
            "config: unknown key in training 'epoch'. Did you mean 'epochs'? Allowed: epochs,",
        ),
        ({"training": {"epochs": 0}}, "config: training.epochs is 0; allowed: at least 1"),
        ({"training": {"epochs": "many"}}, "config: training.epochs is 'many'; allowed: integer"),
        ({"sparsities": [0.5, 1]}, "config: sparsities[1] is 1; allowed: at least 0 and less than 1"),
        ({"sparsities": [-0.1]}, "config: sparsities[0] is -0.1; allowed: at least 0 and less than 1"),
        ({"seeds": [0, 1, 0]}, "config: seeds lists 0 more than once"),
        ({"training": {"schedule": "stop"}}, "unknown training.schedule 'stop'. Did you mean 'step'? Allowed: step,"),
        ({"corruptions": "most"}, "config: corruptions is 'most'; allowed: `all`"),
        ({"scenarios": [{"dataset": "digits"}]}, "config: scenarios[0] lacks the key 'model'"),
        ({"scenarios": []}, "config: scenarios: [] should be non-empty"),
    ],
)
def test_a_mistake_is_one_line(changes: dict[str, Any], message: str) -> None:
    """The line says what is wrong, where, and what is allowed."""
    with pytest.raises(ValueError, match="config") as caught:
        check(**changes)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_every_mistake_is_named_at_once() -> None:
    """Nobody should have to run again to learn of the second mistake."""
    with pytest.raises(ValueError, match="config") as caught:
        check(seeds=[0, 0], training={"epochs": 0})
    assert len(str(caught.value).splitlines()) == 2


def test_defaults_reach_every_scenario_and_a_scenario_overrides_them() -> None:
    """What a scenario does not say is the study's, what the study does not say is the schema's."""
    config = check(
        seeds=[7],
        training={"epochs": 3},
        scenarios=[
            {"dataset": "digits", "model": "resnet8"},
            {"dataset": "cifar10", "model": "vgg16", "seeds": [1, 2], "training": {"batch_size": 64}},
        ],
    )
    first, second = config["scenarios"]
    assert (first["seeds"], second["seeds"]) == ([7], [1, 2])
    assert (first["training"]["batch_size"], second["training"]["batch_size"]) == (128, 64)
    assert first["training"]["epochs"] == second["training"]["epochs"] == 3
    assert second["training"]["learning_rate"] == 0.1
    assert config["results_dir"] == "results"


def test_lists_may_come_from_the_command_line() -> None:
    """`--config seeds=[0,1]` arrives as text, or as a list of texts; numbers inside tables as well."""
    assert check(seeds="[0, 1]")["seeds"] == check(seeds=["0", "1"])["seeds"] == [0, 1]
    config = check(training={"epochs": "4"}, smoke="true", datasets={"digits": {"seed": "3", "type": "7"}})
    assert (config["training"]["epochs"], config["smoke"]) == (4, True)
    assert config["datasets"]["digits"] == {"seed": 3, "type": "7"}
