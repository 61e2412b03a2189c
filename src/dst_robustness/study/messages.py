"""Messages about wrong values in the configuration, in one line: where, which value, what is allowed."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from typing import Any

from pydantic.json_schema import GenerateJsonSchema
from pydantic_core import ErrorDetails

from dst_robustness.registry import unknown_name
from dst_robustness.study.options import Options

Part = Mapping[str, Any]
WORDS = {"array": "list", "object": "table", "string": "text", "boolean": "true or false"}
NUMBERS = re.compile(r"\s*[-+]?[\d.]+(e[-+]?\d+)?(\s*,\s*[-+]?[\d.]+(e[-+]?\d+)?)*\s*")
LIMITS = {
    "minimum": "at least",
    "exclusiveMinimum": "more than",
    "maximum": "at most",
    "exclusiveMaximum": "less than",
}


class _Untitled(GenerateJsonSchema):
    """A schema without titles, which would repeat the keys."""

    def field_title_should_be_set(self, schema: Any) -> bool:
        return False


@cache
def schema_of(options: type[Options]) -> dict[str, Any]:
    """Return the JSON schema of a group of options, each description on one line."""
    return _on_one_line(options.model_json_schema(schema_generator=_Untitled))


def _on_one_line(part: Any) -> Any:
    if isinstance(part, dict):
        return {key: _on_one_line(value) for key, value in part.items()}
    if isinstance(part, list):
        return [_on_one_line(value) for value in part]
    return " ".join(part.split()) if isinstance(part, str) else part


def explain(faults: Iterable[ErrorDetails], options: type[Options]) -> str:
    """Return a line for each place where pydantic found a fault."""
    schema = schema_of(options)
    lines: dict[str, str] = {}
    faults = list(faults)
    told = [(fault["loc"], fault["input"]) for fault in faults]
    for fault in faults:
        if fault["loc"][:1] == ("scenarios",) and (fault["loc"][2:], fault["input"]) in told:
            continue  # `--config` gives its values to the scenarios too: the study's line tells the mistake
        # A value that may have several types has a fault for each. Take the first, unless one of our checks failed.
        place, line = _explain(fault, schema)
        if place not in lines or fault["type"] == "value_error":
            lines[place] = f"config: {line}"
    return "\n".join(lines.values())


def _explain(fault: ErrorDetails, schema: Part) -> tuple[str, str]:
    """Return the place of a fault, and what is wrong."""
    location, value = [step for step in fault["loc"] if step != "[key]"], fault["input"]
    place, part = _place(location, schema)
    above, group = _place(location[:-1], schema)
    if location != list(fault["loc"]):  # a key
        place = f"{above}: the name"
    match fault["type"]:
        case "extra_forbidden":
            return place, str(unknown_name(f"key in {above}" if above else "key", location[-1], group["properties"]))
        case "invalid_key":
            return place, f"{above or 'the study'} has the key {location[-1]!r}, which is no text; write it in quotes"
        case "missing":
            return place, f"{above or 'the study'} lacks the key '{location[-1]}'"
        case "value_error":
            return place, f"{place or 'the study'} {fault['ctx']['error']}"
        case "literal_error" if "enum" in part:
            return place, str(unknown_name(place, value, map(str, part["enum"])))
    if location != list(fault["loc"]):  # the schema has keys as texts alone
        if fault["type"] == "string_type":
            return place, f"{place} is {value!r}; allowed: text; write it in quotes"
        return place, f"{place} is {value!r}; {fault['msg'].replace('Input should', 'it should')}"
    return place, f"{place} is {value!r}; allowed: {in_words(part, schema)}{_hint(place, value, part)}"


def _place(location: Sequence[str | int], schema: Part) -> tuple[str, Part]:
    """Return the name of a place, such as ``scenarios[0].training.epochs``, and its part of the schema.

    The place ends where a value may have several types, since pydantic's location continues with the types.
    """
    text, part = "", resolve(schema, schema)
    for step in location:
        is_entry = part.get("type") == "array"
        inner = part["items"] if is_entry else part.get("properties", {}).get(step, part.get("additionalProperties"))
        text += f"[{step}]" if is_entry else f".{step}"
        if not isinstance(inner, Mapping):
            break
        part = resolve(inner, schema)
        if "anyOf" in part:
            break
    return text.lstrip("."), part


def resolve(part: Part, schema: Part) -> dict[str, Any]:
    """Return a part of a schema with its references resolved, and without null beside a single other choice."""
    while "$ref" in part:
        named = schema["$defs"][part["$ref"].rpartition("/")[2]]
        part = {**named, **{key: value for key, value in part.items() if key != "$ref"}}
    choices = [choice for choice in part.get("anyOf", ()) if choice.get("type") != "null"]
    if len(choices) == 1:
        rest = {key: value for key, value in part.items() if key != "anyOf"}
        return {**resolve(choices[0], schema), **rest}
    return dict(part)


def in_words(part: Part, schema: Part) -> str:
    """Return in words which values a part of a schema allows."""
    part = resolve(part, schema)
    if "anyOf" in part:
        return " or ".join(in_words(choice, schema) for choice in part["anyOf"] if choice.get("type") != "null")
    if "enum" in part:
        return ", ".join(map(str, part["enum"]))
    text = WORDS.get(part["type"], part["type"])
    if part.get("minItems") or part.get("minProperties") or part.get("minLength"):
        count = part.get("minItems", 1)
        text += ", not empty" if count == 1 else f" of {count}"
    limits = " and ".join(f"{word} {part[limit]}" for limit, word in LIMITS.items() if limit in part)
    text += f", {limits}" if limits else ""
    if "items" in part:
        text += f" (each: {in_words(part['items'], schema)})"
    return f"{text} {part['pattern']}" if "pattern" in part else text


def _hint(place: str, value: Any, part: Part) -> str:
    """Suggest a similar value: a share instead of a percentage, a list instead of its only entry."""
    key = place.rpartition(".")[2]
    is_share = part.get("maximum") == 1 or part.get("exclusiveMaximum") == 1
    if is_share and isinstance(value, int | float) and 1 < value < 100:
        return f". Did you mean {value / 100:g}?"
    is_list = part.get("type") == "array" and part.get("minItems", 1) == 1
    if is_list and isinstance(value, str | int | float) and not isinstance(value, bool):
        if isinstance(value, str) and part["items"].get("type") != "string" and not NUMBERS.fullmatch(value):
            return ""
        is_count = part["items"].get("type") == "integer" and isinstance(value, int) and 0 < value < 100
        entries = ", ".join(map(str, range(value) if is_count else [value]))  # type: ignore[arg-type]
        return f". Did you mean {key}: [{entries}]?"
    return ""
