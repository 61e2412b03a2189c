"""Say before a call what it does to finished networks: which are trained again, which are kept, and why."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from dst_robustness.models.sources import find_source

KEEP = "To keep them, give this study another `name`, or another `results_dir` if it has one."
OLDER = "they were made by an earlier version"


def trained_again(networks: Iterable[tuple[Path, Mapping[str, Any], str]]) -> list[str]:
    """Return a line for each cause for which finished networks are trained again, the most frequent first.

    Args:
        networks: for each network to train: its folder, its recipe, and the cause if its recipe has not changed.
    """
    causes: Counter[str] = Counter()
    for folder, recipe, otherwise in networks:
        if (folder / "run.json").exists():
            causes[", ".join(differences(_said_in(folder).get("recipe"), recipe)) or otherwise] += 1
    lines = [f"{_networks(count)} will be trained again: {cause}." for cause, count in causes.most_common()]
    return [*lines, KEEP] if lines else []


def kept_though_changed(networks: Iterable[tuple[Path, Mapping[str, Any]]]) -> list[str]:
    """Return a line for each difference between the training of kept networks and the study as it is now.

    Snakemake does not notice the difference if it has no record of their training, for example after unpacking an
    archive.

    Args:
        networks: folder and recipe of each network that this call keeps.
    """
    changes: Counter[str] = Counter()
    for folder, recipe in networks:
        if (trained := _said_in(folder).get("recipe")) and (change := ", ".join(differences(trained, recipe))):
            changes[change] += 1
    return [
        f"{_networks(count)} will be kept, but the configuration says otherwise now: {change}. "
        "To train anew: --forcerun train_run. Else take the change back, or give this study another `name`."
        for change, count in changes.most_common()
    ]


def differences(old: Mapping[str, Any] | None, new: Mapping[str, Any]) -> list[str]:
    """Return the differences between two recipes, such as ``training.epochs 3 -> 4``."""
    if old is None:
        return [OLDER]
    before, after = dict(_flat(old)), dict(_flat(json.loads(json.dumps(new))))
    keys = dict.fromkeys([*after, *before])
    return [f"{key} {_shown(before, key)} -> {_shown(after, key)}" for key in keys if before.get(key) != after.get(key)]


def other_versions(networks: Collection[tuple[Path, str]]) -> list[str]:
    """Return a line for each library version with which networks were built, if it is not the installed one.

    Args:
        networks: the folder and the model string of each finished network.
    """
    installed = {model: find_source(model).version for model in {model for _, model in networks}}
    found: Counter[str] = Counter()
    for folder, model in networks:
        for library, now in installed[model].items():
            before = _said_in(folder).get("versions", {}).get(library, now)
            if before != now:
                found[f"built with {library} {before}; installed is {now}, which may build others."] += 1
    return [f"{_networks(count)} {'was' if count == 1 else 'were'} {words}" for words, count in found.items()]


def of_an_older_layout(results: str | Path) -> str | None:
    """Return a line about networks of an earlier version, if there are any in a results folder or in ``results``."""
    for folder in dict.fromkeys((Path(results), Path("results"))):
        if next(folder.glob("runs/*/*/*/*/seed*/run.json"), None):
            return (
                f"{folder}/runs holds networks of an earlier version (runs/DATA/MODEL/METHOD/...). They are left alone "
                f"and not read: a run is now in {results}/runs/SCENARIO/METHOD/..., see CHANGELOG.md."
            )
    return None


def _said_in(folder: Path) -> dict[str, Any]:
    """Return the content of run.json, or nothing if there is none."""
    try:
        said = json.loads((folder / "run.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return said if isinstance(said, dict) else {}


def _flat(values: Mapping[str, Any], place: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in values.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{place}{key}.")
        else:
            yield f"{place}{key}", value


def _shown(values: Mapping[str, Any], key: str) -> str:
    return json.dumps(values[key]) if key in values else "absent"


def _networks(count: int) -> str:
    return "1 finished network" if count == 1 else f"{count} finished networks"
