"""Shrink a study to minutes: every step and its own data, but few samples, small networks and one epoch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from dst_robustness.models import MODELS, VIDEO_MODELS
from dst_robustness.study.data import PREPARE, SPEC, data_options
from dst_robustness.study.grid import Scenario
from dst_robustness.study.networks import shrink_comparison
from dst_robustness.study.options import Dataset, Study

TRAIN_SAMPLES, TEST_SAMPLES = 200, 50
TRAINING = {"epochs": 1, "batch_size": 8, "warmup_epochs": 0}
SPARSE_TRAINING = {"update_interval": 2}
FOLDERS = ("results_dir", "resources_dir")


def shrink(
    study: Study, scenarios: Mapping[str, Scenario], comparisons: Mapping[str, Scenario]
) -> tuple[Study, dict[str, Scenario], dict[str, Scenario]]:
    """Return a smaller study with its scenarios and comparisons. Numbers of samples in the configuration are kept."""
    datasets = dict(study.datasets)
    for name in {scenario.trained_on for scenario in (*scenarios.values(), *comparisons.values())}:
        own = datasets.get(name, Dataset())
        samples = {"train_samples": TRAIN_SAMPLES, "test_samples": TEST_SAMPLES}
        datasets[name] = own.model_copy(update=samples | own.model_dump(exclude_none=True))
    changes = {key: f"{getattr(study, key)}_smoke" for key in FOLDERS} | {"datasets": datasets, "decide": None}
    small_study = study.model_copy(update=changes)
    small = {name: _shrink_scenario(scenario, small_study) for name, scenario in scenarios.items()}
    return small_study, small, {name: shrink_comparison(one, small_study) for name, one in comparisons.items()}


def _shrink_scenario(scenario: Scenario, study: Study) -> Scenario:
    # A control that starts from the masks of another run would need that run, as a second method.
    others = [name for name in scenario.methods if name != scenario.baseline and scenario.source(name) is None]
    methods = (scenario.baseline, *others[-1:])
    variants = {
        name: one.model_copy(update={"training": one.training.model_copy(update=TRAINING)})
        for name, one in scenario.variants.items()
        if name in methods
    }
    return replace(
        scenario,
        data=data_options(scenario.trained_on, study, (*SPEC, *PREPARE)),
        model=_small_model(scenario.model),
        width=1,
        methods=methods,
        sparsities=scenario.sparsities[:1],
        sparsities_of={},
        seeds=scenario.seeds[:1],
        corruptions=scenario.corruptions[:2],
        training=scenario.training.model_copy(update=TRAINING),
        variants=variants,
        sparse_training=scenario.sparse_training.model_copy(update=SPARSE_TRAINING),
    )


def _small_model(model: str) -> str:
    if model not in MODELS:
        return model  # of a library or a user's file: it is what is tried
    if model in VIDEO_MODELS:
        return "r3d_tiny"
    return "deit_tiny" if model.startswith("deit") else "resnet8"
