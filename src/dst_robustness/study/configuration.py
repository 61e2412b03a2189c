"""From the files and values that a user gives to a checked study."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from dst_robustness.study.messages import explain
from dst_robustness.study.options import Grid, Options, Scenario, Study
from dst_robustness.study.run import NOT_IN_NAMES
from dst_robustness.study.values import LONGEST_NAME

Layer = Mapping[str, Any]


class _Loader(yaml.SafeLoader):
    """Refuses a key that is twice in a table. YAML keeps the last one and forgets what the other says."""

    def compose_mapping_node(self, anchor: Any) -> yaml.MappingNode:
        node = super().compose_mapping_node(anchor)
        seen = set()
        for key, _ in node.value:
            if isinstance(key, yaml.ScalarNode) and not key.tag.endswith(":merge"):
                if (key.tag, key.value) in seen:
                    raise yaml.MarkedYAMLError(problem=f"'{key.value}' is there twice", problem_mark=key.start_mark)
                seen.add((key.tag, key.value))
        return node


def read_layer(path: str | Path) -> dict[str, Any]:
    """Return the options in a file. Raises ValueError if it is not a table of options."""
    try:
        content = yaml.load(Path(path).read_text(encoding="utf-8"), _Loader)
    except yaml.MarkedYAMLError as error:
        place = f" in line {error.problem_mark.line + 1}" if error.problem_mark else ""
        raise ValueError(f"config: cannot read {path}: {error.problem}{place}") from None
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise ValueError(f"config: cannot read {path}: {' '.join(str(error).split())}") from None
    if not isinstance(content, dict):
        raise ValueError(f"config: {path} holds no table of options, such as `scenarios: ...`")
    return content


def name_of(files: Iterable[str | Path]) -> str:
    """Return the default name of a study: that of its files, without folder and ending."""
    return NOT_IN_NAMES.sub("_", "+".join(Path(file).stem for file in files))[:LONGEST_NAME] or "study"


def read_study(*layers: Layer, name: str = "study", folders: Iterable[str] = ()) -> Study:
    """Return the study that these layers describe, with all defaults filled in and every scenario complete.

    ``name`` is the default name of the study. ``folders`` are the folders of the layers' files. A relative path that
    exists in one of them is taken from there; the last folder comes first.

    A later layer overrides an earlier one: its lists replace, its tables extend. This also holds for scenarios: the
    `training` of a later layer overrides the `training` of a scenario in an earlier one.

    Raises ValueError with one line for each mistake: the key, its value and what is allowed.
    """
    try:
        study = Study.model_validate(lay_over(layers), context={"folders": [*folders][::-1]})
    except ValidationError as error:
        raise ValueError(explain(error.errors(), Study)) from None
    if not study.scenarios and not study.networks:
        raise ValueError("config: the study lists neither `scenarios` to train nor `networks` to test")
    name = study.name or name
    values: dict[str, Any] = {"name": name, "results_dir": study.results_dir or f"results/{name}"}
    if study.decide is not None:
        margin = study.decide.margin or study.margin
        values |= {"margin": margin, "decide": study.decide.model_copy(update={"margin": margin})}
    scenarios = [_complete(scenario, study) for scenario in study.scenarios]
    return study.model_copy(update=values | {"scenarios": scenarios})


def values_of(study: Study) -> dict[str, Any]:
    """Return a study as plain values for YAML. Unset options of data sets and variants are left out."""
    datasets = {name: dataset.model_dump(exclude_none=True) for name, dataset in study.datasets.items()}
    variants = {name: variant.model_dump(exclude_unset=True) for name, variant in study.variants.items()}
    values = study.model_dump() | {"datasets": datasets, "variants": variants}
    return {key: values[key] for key in sorted(values, key=lambda key: key in Grid.model_fields)}


def lay_over(layers: tuple[Layer, ...]) -> dict[str, Any]:
    """Merge several layers, the last one on top."""
    merged: dict[str, Any] = {}
    for layer in layers:
        merged = _extend(merged, layer)
        scenarios = merged.get("scenarios")
        if "scenarios" not in layer and isinstance(scenarios, list):
            merged["scenarios"] = [_overrule(scenario, layer) for scenario in scenarios]
    return merged


def portable(layers: Iterable[tuple[str, Layer]], name: str) -> dict[str, Any]:
    """Merge layers, with folders that make sense on any machine instead of absolute paths.

    Args:
        layers: name and content of each, the last one on top.
        name: name of the study.
    """
    folders = {"name": name, "results_dir": f"results/{name}", "resources_dir": "resources"}
    return lay_over(tuple(content for _, content in layers)) | folders


def _overrule(scenario: Any, layer: Layer) -> Any:
    """Override the values of a scenario in a lower layer by a layer's values for the whole study."""
    if not isinstance(scenario, Mapping):
        return scenario
    return _extend(scenario, {key: layer[key] for key in Grid.model_fields if key in layer and key in scenario})


def _extend(lower: Mapping[str, Any], upper: Mapping[str, Any]) -> dict[str, Any]:
    both = {key for key in upper if isinstance(upper[key], Mapping) and isinstance(lower.get(key), Mapping)}
    return {**lower, **upper, **{key: _extend(lower[key], upper[key]) for key in both}}


def _complete(scenario: Scenario, study: Study) -> Scenario:
    """Fill in the values that a scenario does not set itself."""
    values = {}
    for key in Grid.model_fields:
        own, general = getattr(scenario, key), getattr(study, key)
        if isinstance(general, Options):
            values[key] = general.model_copy(update={name: getattr(own, name) for name in own.model_fields_set})
        else:
            values[key] = own if key in scenario.model_fields_set else general
    return scenario.model_copy(update=values)
