"""From the merged configuration to a checked one: every value allowed, every default filled in."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml
from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError

from dst_robustness.registry import unknown_name

GRID_KEYS = ("methods", "sparsities", "sparsities_of", "seeds", "corruptions")
OPTION_KEYS = ("training", "sparse_training")


def check_configuration(config: Mapping[str, Any], schema_file: str | Path) -> dict[str, Any]:
    """Return the configuration with defaults filled in and every scenario complete.

    Raises ValueError with one line for each fault: the key, its value and what is allowed.
    """
    schema = yaml.safe_load(Path(schema_file).read_text(encoding="utf-8"))
    config = _parse_command_line_values(dict(config), schema, schema)
    faults = [_explain(error, config) for error in Draft202012Validator(schema).iter_errors(config)]
    if faults:
        raise ValueError("\n".join(dict.fromkeys(faults)))
    return _fill_in(config, schema)


def _parse_command_line_values(value: Any, part: Mapping[str, Any], schema: Mapping[str, Any]) -> Any:
    """Read ``--config seeds=[0,1]`` as a list of numbers: Snakemake hands such values over as text, whole or inside."""
    part = _resolve(part, schema)
    if isinstance(value, dict):
        known, other = part.get("properties", {}), part.get("additionalProperties")
        other = other if isinstance(other, dict) else {}
        return {key: _parse_command_line_values(item, known.get(key, other), schema) for key, item in value.items()}
    if isinstance(value, list):
        return [_parse_command_line_values(item, part.get("items", {}), schema) for item in value]
    kinds = part.get("type", [])
    kinds = {kinds} if isinstance(kinds, str) else set(kinds)
    if isinstance(value, str) and kinds and "string" not in kinds:
        return yaml.safe_load(value)
    return value


def _resolve(part: Mapping[str, Any], schema: Mapping[str, Any]) -> Mapping[str, Any]:
    reference = part.get("$ref")
    return schema["$defs"][reference.rpartition("/")[2]] if reference else part


def _explain(error: ValidationError, config: Mapping[str, Any]) -> str:
    """Return one line for a schema error: where, what, and what is allowed."""
    place = _place(error.absolute_path)
    rule, value = error.validator_value, error.instance
    match error.validator:
        case "additionalProperties":
            allowed = error.schema.get("properties", {})
            extra = next(key for key in value if key not in allowed)
            return f"config: {unknown_name(f'key in {place}' if place else 'key', extra, allowed)}"
        case "required":
            missing = next(key for key in rule if key not in value)
            return f"config: {place or 'the top level'} lacks the key '{missing}'"
        case "minimum" | "exclusiveMinimum" | "maximum" | "exclusiveMaximum":
            return f"config: {place} is {value}; allowed: {_range(error.schema)}"
        case "enum":
            return f"config: {unknown_name(place, value, map(str, rule))}"
        case "uniqueItems":
            repeated = next(item for item in value if value.count(item) > 1)
            return f"config: {place} lists {repeated!r} more than once"
        case "type":
            return f"config: {place} is {value!r}; allowed: {rule if isinstance(rule, str) else ' or '.join(rule)}"
        case "oneOf":
            return f"config: {place} is {value!r}; allowed: {error.schema.get('description', 'see the schema')}"
        case _:
            return f"config: {place}: {error.message}"


def _place(path: Iterator[str | int]) -> str:
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path).lstrip(".")


def _range(schema: Mapping[str, Any]) -> str:
    low = f"at least {schema['minimum']}" if "minimum" in schema else ""
    low = f"more than {schema['exclusiveMinimum']}" if "exclusiveMinimum" in schema else low
    high = f"at most {schema['maximum']}" if "maximum" in schema else ""
    high = f"less than {schema['exclusiveMaximum']}" if "exclusiveMaximum" in schema else high
    return " and ".join(filter(None, (low, high)))


def _fill_in(config: dict[str, Any], schema: Mapping[str, Any]) -> dict[str, Any]:
    filled = {key: config.get(key, part.get("default")) for key, part in schema["properties"].items()}
    for key in OPTION_KEYS:
        defaults = {name: option["default"] for name, option in schema["$defs"][key]["properties"].items()}
        filled[key] = defaults | filled[key]
    filled["scenarios"] = [
        scenario
        | {key: scenario.get(key, filled[key]) for key in GRID_KEYS}
        | {key: filled[key] | scenario.get(key, {}) for key in OPTION_KEYS}
        for scenario in filled["scenarios"]
    ]
    return filled
