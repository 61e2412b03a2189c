"""One word in the configuration adds all controls of a method, at its sparsities."""

from __future__ import annotations

from dst_robustness.study.configuration import read_study
from dst_robustness.study.grid import read_scenarios


def only_scenario(**changes):
    study = {"scenarios": [{"dataset": "digits", "model": "resnet8"}], "sparsities": [0.1, 0.5], "seeds": [0]}
    (scenario,) = read_scenarios(read_study({**study, **changes})).values()
    return scenario


def test_a_ladder_adds_controls_at_the_sparsities_of_its_method() -> None:
    """RigL is trained at one sparsity, and static was listed at both already."""
    scenario = only_scenario(methods=["dense", "static", "rigl"], sparsities_of={"rigl": [0.5]}, ladder=["rigl"])
    assert {method: scenario.sparsities_for(method) for method in scenario.methods} == {
        "dense": (0.0,),
        "static": (0.1, 0.5),
        "rigl": (0.5,),
        "dense_small": (0.5,),
        "rigl_shuffled": (0.5,),
        "rigl_frozen": (0.5,),
    }
    frozen = scenario.run("rigl_frozen", 0.5, 0)
    assert frozen.base_method == "dst_frozen"
    assert scenario.sources(frozen) == [scenario.run("rigl", 0.5, 0)]


def test_a_control_that_is_listed_already_is_not_made_twice() -> None:
    """The user's own name for the frozen masks of RigL is the rung."""
    scenario = only_scenario(
        methods=["dense", "rigl", "mine"],
        variants={"mine": {"method": "dst_frozen", "source": "rigl"}},
        ladder=["rigl"],
    )
    assert "mine" in scenario.methods
    assert "rigl_frozen" not in scenario.methods


def test_a_dense_variant_has_training_options_of_its_own() -> None:
    """Its other options are the scenario's, its sparsity is 0, and it may be the baseline."""
    scenario = only_scenario(
        methods=["dense", "dense_l2", "set"],
        variants={"dense_l2": {"method": "dense", "training": {"weight_decay": 0.01}}},
        training={"epochs": 7},
        baseline="dense_l2",
    )
    assert scenario.sparsities_for("dense_l2") == (0.0,)
    assert scenario.runs[0].method == "dense_l2"
    own = scenario.training_of("dense_l2")
    assert (own.weight_decay, own.epochs) == (0.01, 7)
    assert scenario.recipe("dense_l2")["training"]["weight_decay"] == 0.01
    assert scenario.training_of("dense").weight_decay == 0.0005
