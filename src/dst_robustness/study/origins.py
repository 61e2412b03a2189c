"""Where the values of a configuration come from."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import yaml

from dst_robustness.jobs.shown import value_without_secrets
from dst_robustness.study.configuration import values_of
from dst_robustness.study.data import facts, notes
from dst_robustness.study.options import Grid, Study

DEFAULT = "default"
OF_THE_SET = "of the data set"
WIDTH = 60  # column of the origins
Place = tuple[str | int, ...]


def show_origins(study: Study, layers: Sequence[tuple[str, Mapping[str, Any]]], datasets: Iterable[str] = ()) -> str:
    """Return a study as YAML with the origin of each value as a comment, without the secrets of addresses.

    Args:
        study: the study with all defaults filled in.
        layers: name and content of each layer, the last one on top.
        datasets: data sets whose real options are shown, even if the study does not set any.
    """
    values = values_of(study)
    real = {name: facts(name, study) for name in datasets}
    values["datasets"] = {
        name: {**real.get(name, {}), **values["datasets"].get(name, {})}
        for name in dict.fromkeys([*values["datasets"], *real])
    }
    text = "\n".join(_lines(value_without_secrets(values), (), [(OF_THE_SET, {"datasets": real}), *layers]))
    return text + "\n" + "".join(f"# {note}\n" for name in real for note in notes(name, study))


def origin(place: Place, layers: Sequence[tuple[str, Mapping[str, Any]]]) -> str:
    """Return the name of the layer from which the value at a place, such as ("training", "epochs"), comes.

    The layer on top replaces a list as a whole. A value that a scenario does not set is the study's.
    """
    general = place[2:] if place[0] == "scenarios" and place[2:3] and place[2] in Grid.model_fields else ()
    for name, content in reversed(layers):
        if (place and _holds(content, place)) or (general and _holds(content, general)):
            return name
        if "scenarios" in content:  # it replaces those of the layers below
            place = place[:0] if place[0:1] == ("scenarios",) else place
    return DEFAULT


def _holds(content: Any, place: Place) -> bool:
    for key in place:
        if isinstance(content, Mapping):
            if key not in content:
                return False
        elif not (isinstance(content, list) and isinstance(key, int) and key < len(content)):
            return False
        content = content[key]
    return True


def _lines(value: Any, place: Place, layers: Sequence[tuple[str, Mapping[str, Any]]]) -> list[str]:
    if isinstance(value, Mapping) and value:
        items = [(f"{key}:", key, part) for key, part in value.items()]
    elif place == ("scenarios",):
        items = [("-", number, part) for number, part in enumerate(value)]
    else:
        raise TypeError(f"{place} is no collection")
    lines = []
    for label, key, part in items:
        here = (*place, key)
        if here == ("scenarios",) or (isinstance(part, Mapping) and part):
            inner = ["  " + line for line in _lines(part, here, layers)]
            lines += [f"- {inner[0].lstrip()}", *inner[1:]] if label == "-" else [label, *inner]
        else:
            text = yaml.safe_dump(part, default_flow_style=True, width=10**6).removesuffix("...\n").strip()
            lines.append(f"{label} {text}".ljust(WIDTH - 2 * len(place)) + f"  # {origin(here, layers)}")
    return lines
