"""Every mistake in a configuration is answered by one line that names the key and what is allowed."""

from pathlib import Path
from typing import Any

import pytest

from dst_robustness.study.configuration import name_of, read_layer, read_study
from dst_robustness.study.options import Study

DIGITS = {"scenarios": [{"dataset": "digits", "model": "resnet8"}]}


def check(**changes: Any) -> Study:
    return read_study({**DIGITS, **changes})


def refused(**changes: Any) -> str:
    with pytest.raises(ValueError, match="config") as caught:
        check(**changes)
    return str(caught.value)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"sede": [0]}, "config: unknown key 'sede'. Did you mean 'seeds'? Allowed: methods,"),
        (
            {"training": {"epoch": 3}},
            "config: unknown key in training 'epoch'. Did you mean 'epochs'? Allowed: train_samples, epochs,",
        ),
        ({"training": {"epochs": 0}}, "config: training.epochs is 0; allowed: integer, at least 1"),
        ({"training": {"epochs": "many"}}, "config: training.epochs is 'many'; allowed: integer"),
        ({"training": {"epochs": True}}, "config: training.epochs is True; allowed: integer"),
        ({"training": {"epochs": 1.5}}, "config: training.epochs is 1.5; allowed: integer"),
        ({"training": {"learning_rate": float("nan")}}, "config: training.learning_rate is nan; allowed: number, more"),
        ({"training": None}, "config: training is None; allowed: table"),
        ({"sparsities": [0.5, 1]}, "config: sparsities[1] is 1; allowed: number, at least 0 and less than 1"),
        ({"sparsities": [-0.1]}, "config: sparsities[0] is -0.1; allowed: number, at least 0 and less than 1"),
        ({"sparsities": [30]}, "sparsities[0] is 30; allowed: number, at least 0 and less than 1. Did you mean 0.3?"),
        ({"sparsities_of": {"rigl": [30]}}, "sparsities_of.rigl[0] is 30; allowed: number, at least 0 and less than 1"),
        ({"seeds": 2}, "Did you mean seeds: [0, 1]?"),
        ({"seeds": 20240601}, "Did you mean seeds: [20240601]?"),
        ({"methods": "rigl"}, "Did you mean methods: [rigl]?"),
        ({"seeds": [0, 1, 0]}, "config: seeds lists 0 more than once"),
        ({"corruptions": ["fog", "fog"]}, "config: corruptions lists 'fog' more than once"),
        ({"seeds": [2**63]}, "config: seeds[0] is 9223372036854775808; allowed: integer, at least 0 and at most 922"),
        ({"training": {"schedule": "stop"}}, "unknown training.schedule 'stop'. Did you mean 'step'? Allowed: step,"),
        ({"corruptions": "most"}, "config: corruptions is 'most'; allowed: all, benchmark,"),
        ({"corruptions": ["fog", 3]}, "config: corruptions is ['fog', 3]; allowed: all, benchmark,"),
        ({"scenarios": [{"dataset": "digits"}]}, "config: scenarios[0] lacks the key 'model'"),
        ({"scenarios": []}, "config: the study lists neither `scenarios` to train nor `networks` to test"),
        ({"scenarios": ["digits"]}, "config: scenarios[0] is 'digits'; allowed: table"),
        ({"variants": {"v": {"method": "rigl", "drop_fractoin": 1}}}, "variants.v 'drop_fractoin'. Did you mean 'drop"),
        ({"variants": {"v": {"method": "rigl", "drop_fraction": 30}}}, "variants.v.drop_fraction is 30; allowed: numb"),
        ({"datasets": {"own": {"checksum": "md5:1"}}}, "config: datasets.own.checksum is 'md5:1'; allowed: text ^(md5"),
        ({"datasets": {3: {}}}, "config: datasets: the name is 3; allowed: text; write it in quotes"),
        ({"datasets": {True: {}}}, "config: datasets: the name is True; allowed: text; write it in quotes"),  # `on:`
        ({"results_dir": "$NO_SUCH_NAME/results"}, "but there is no $NO_SUCH_NAME on this machine"),
        ({"results_dir": "~no_such_user/results"}, "but there is no ~no_such_user on this machine"),
        ({"resources_dir": "a{b}"}, "config: resources_dir is 'a{b}'; allowed: a folder of its own, without braces"),
    ],
)
def test_a_mistake_is_one_line(changes: dict[str, Any], message: str) -> None:
    """The line says what is wrong, where, what is allowed, and what may have been meant."""
    with pytest.raises(ValueError, match="config") as caught:
        check(**changes)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_list_that_would_be_refused_is_not_suggested() -> None:
    """The three channels' mean is no list of one, and a range of seeds no entry of a list."""
    assert "Did you mean seeds: [0, 2]?" in refused(seeds="0, 2")
    assert "Did you mean" not in refused(seeds="0-2") + refused(seeds="range(3)") + refused(sparsities="half")
    with pytest.raises(ValueError, match=r"networks\[0\]\.mean is 0\.5; allowed: list of 3 \(each: .*at most 1\)$"):
        check(networks=[{"name": "a", "dataset": "digits", "model": "resnet8", "weights": "a.pt", "mean": 0.5}])


@pytest.mark.parametrize("name", ["a{b}", "[a]", "-a", ".a", "a/b", "a\nb", "a b", "", "a" * 101])
def test_a_name_that_no_file_can_have_is_refused(name: str) -> None:
    """Names of data sets and variants become parts of paths, of wildcards and of command lines."""
    for group, entry in (("datasets", {"type": "image_folder"}), ("variants", {"method": "rigl"})):
        with pytest.raises(ValueError, match=f"^config: {group}: the name .* is not allowed: a name has letters"):
            check(**{group: {name: entry}})


@pytest.mark.parametrize("name", ["007", "1e3", "2.5", "NA", "nan", "NULL", "None", "inf", "True"])
def test_a_name_that_tables_lose_is_refused(name: str) -> None:
    """All networks were trained, and then the tables with it could not be read."""
    for changes in ({"variants": {name: {"method": "set"}}}, {"scenarios": [DIGITS["scenarios"][0] | {"name": name}]}):
        with pytest.raises(
            ValueError, match=rf"'{name}' is not allowed: tables with it are read as if it were no text"
        ):
            check(**changes)
    assert check(name=name, variants={f"{name}_": {"method": "set"}}).name == name  # in no table


def test_every_mistake_is_named_at_once() -> None:
    """Nobody should have to run again to learn of the second mistake."""
    with pytest.raises(ValueError, match="config") as caught:
        check(seeds=[0, 0], training={"epochs": 0})
    assert len(str(caught.value).splitlines()) == 2


def test_defaults_reach_every_scenario_and_a_scenario_overrides_them() -> None:
    """What a scenario does not say is the study's, what the study does not say is the default of the option."""
    study = check(
        seeds=[7],
        training={"epochs": 3},
        scenarios=[
            {"dataset": "digits", "model": "resnet8"},
            {"dataset": "cifar10", "model": "vgg16", "seeds": [1, 2], "training": {"batch_size": 64}},
        ],
    )
    first, second = study.scenarios
    assert (first.seeds, second.seeds) == ([7], [1, 2])
    assert (first.training.batch_size, second.training.batch_size) == (128, 64)
    assert first.training.epochs == second.training.epochs == 3
    assert second.training.learning_rate == 0.1


def test_each_study_has_a_results_folder_of_its_own() -> None:
    """By the name of its file, unless it says another or a folder; the last of several files is not enough."""
    name = name_of(["config/cifar10.yaml", "mine.yaml"])
    assert name == "cifar10+mine"
    assert read_study(DIGITS, name=name).results_dir == "results/cifar10+mine"
    assert read_study({**DIGITS, "name": "short"}, name=name).results_dir == "results/short"
    assert read_study({**DIGITS, "results_dir": "results"}, name=name).results_dir == "results"
    assert name_of(["/studies/what a name!.yaml"]) == "what_a_name_"


def test_a_later_layer_counts_before_the_scenarios_of_an_earlier_one() -> None:
    """``--config training={epochs: 7}`` must not be lost where a preset's scenarios have a training of their own."""
    scenario = {**DIGITS["scenarios"][0], "seeds": [5], "training": {"epochs": 2, "batch_size": 16}}
    preset = {"training": {"momentum": 0.5}, "scenarios": [scenario, DIGITS["scenarios"][0]]}
    study = read_study(preset, {"training": {"epochs": "7"}, "seeds": ["1"]})
    assert [one.training.epochs for one in study.scenarios] == [7, 7]
    assert [one.training.batch_size for one in study.scenarios] == [16, 128]
    assert [one.training.momentum for one in study.scenarios] == [0.5, 0.5]
    assert [one.seeds for one in study.scenarios] == [[1], [1]]


def test_scenarios_of_a_later_layer_keep_their_own_values() -> None:
    """A layer that brings scenarios replaces those below, and its scenarios count before its own general values."""
    upper = {"training": {"epochs": 7}, "scenarios": [{**DIGITS["scenarios"][0], "training": {"epochs": 2}}]}
    (scenario,) = read_study(DIGITS, upper).scenarios
    assert scenario.training.epochs == 2


def test_text_stands_for_the_value_that_an_option_wants() -> None:
    """``--config seeds=[0,1]`` arrives as text, or as a list of texts; YAML reads 1e-3 as a text."""
    assert check(seeds="[0, 1]").seeds == check(seeds=["0", "1"]).seeds == [0, 1]
    study = check(
        training={"epochs": "4", "learning_rate": "1e-3", "batch_size": "1e2"},
        sparse_training={"memory_bound": "[0.1, 1e-2]", "first_update": "null"},
        smoke="true",
        datasets={"digits": {"seed": "3", "type": "7"}},
    )
    assert (study.training.epochs, study.training.learning_rate, study.training.batch_size) == (4, 1e-3, 100)
    assert (study.sparse_training.memory_bound, study.sparse_training.first_update) == ([0.1, 0.01], None)
    assert study.smoke is True
    assert (study.datasets["digits"].seed, study.datasets["digits"].type) == (3, "7")


def test_paths_are_expanded_and_tidied(monkeypatch: pytest.MonkeyPatch) -> None:
    """No folder called ``~`` or ``$SCRATCH`` is ever made, and Snakemake warns of no double slash."""
    monkeypatch.setenv("HOME", "/home/me")
    monkeypatch.setenv("SCRATCH", "/scratch/me")
    study = check(
        results_dir="~/results/",
        resources_dir="./resources",
        frost_pictures="$SCRATCH/frost//",
        datasets={"own": {"type": "image_folder", "path": "${SCRATCH}/own"}},
    )
    assert (study.results_dir, study.resources_dir) == ("/home/me/results", "resources")
    assert (study.frost_pictures, study.datasets["own"].path) == ("/scratch/me/frost", "/scratch/me/own")


def test_a_file_that_is_no_configuration_is_named(tmp_path: Path) -> None:
    """A list, and text that is no YAML, are refused with the name of the file."""
    for text in ("- 1\n", "a: [", ""):
        (tmp_path / "study.yaml").write_text(text)
        with pytest.raises(ValueError, match=r"^config: .*study\.yaml"):
            read_layer(tmp_path / "study.yaml")


def test_a_key_that_is_twice_in_a_table_is_refused(tmp_path: Path) -> None:
    """YAML keeps the last one: the epochs of the first would be the default again. What `<<` fills in may differ."""
    file = tmp_path / "study.yaml"
    file.write_text("training: {epochs: 3}\nseeds: [0]\ntraining:\n  batch_size: 8\n")
    with pytest.raises(ValueError, match=r"^config: cannot read .*study\.yaml: 'training' is there twice .*line 3"):
        read_layer(file)
    file.write_text("training: &common {epochs: 3}\nvariants: {long: {training: {<<: *common, epochs: 9}}}\n")
    assert read_layer(file)["variants"]["long"]["training"] == {"epochs": 9}


def test_files_are_looked_for_beside_the_configuration_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Protects a preset that lies with its network and weights in a folder of its own; other paths stay as they are."""
    monkeypatch.chdir(tmp_path)
    for file in ("mine/nets.py", "mine/start.pt", "here.pt"):
        Path(file).parent.mkdir(exist_ok=True)
        Path(file).touch()
    layer = {
        "scenarios": [{"dataset": "digits", "model": "nets.py:build"}, {"dataset": "digits", "model": "timm:resnet18"}],
        "training": {"initial_weights": "start.pt"},
        "networks": [
            {"name": "a", "dataset": "digits", "model": "there.py:build", "seeds": {0: "start.pt", 1: "here.pt"}}
        ],
    }
    study = read_study(layer, folders=["mine"])
    assert [one.model for one in study.scenarios] == ["mine/nets.py:build", "timm:resnet18"]
    assert study.scenarios[0].training.initial_weights == "mine/start.pt"
    assert study.networks[0].model == "there.py:build"
    assert study.networks[0].seeds == {0: "mine/start.pt", 1: "here.pt"}


def test_a_mistake_of_the_command_line_is_told_once_though_scenarios_get_it_too() -> None:
    """A scenario with options of its own takes what --config says, and would repeat the line."""
    study = {"scenarios": [{"dataset": "digits", "model": "resnet8", "training": {"epochs": 3}}]}
    for changes in ({"training": {"epocs": 3}}, {"training": {"epochs": "many"}}):
        with pytest.raises(ValueError, match=r"^config: ") as caught:
            read_study(study, changes)
        assert str(caught.value).count("\n") == 0, str(caught.value)
    with pytest.raises(ValueError, match=r"config: unknown key in scenarios\[0\].training 'epocs'"):
        read_study({"scenarios": [{**study["scenarios"][0], "training": {"epocs": 3}}]})
