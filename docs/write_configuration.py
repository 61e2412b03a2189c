"""Write configuration.md from the schema.

Run ``python docs/write_configuration.py`` after a change of workflow/schemas/config.schema.yaml.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[1]
SCHEMA = ROOT / "workflow/schemas/config.schema.yaml"
TARGET = ROOT / "docs/configuration.md"
HEAD = """# Configuration

<!-- Written by docs/write_configuration.py from workflow/schemas/config.schema.yaml: change that. -->

Every key of `config.yaml` and of the presets in `config/`, with its default. Editors that know YAML schemas complete
the keys in files that start with `# yaml-language-server: $schema=...`, as the presets do. Unknown keys and values
out of range end a call with one line before any job starts; `snakemake print_config --cores 1 --quiet all` shows what
holds.
"""


def configuration_page(schema: Mapping[str, Any]) -> str:
    """Return the page in Markdown: one table for the study, one for each group of options."""
    tables = {"The study": schema["properties"]}
    tables["`scenarios`: each entry"] = _resolved(schema["properties"]["scenarios"]["items"], schema)["properties"]
    for name in ("datasets", "variants"):
        entry = schema["properties"][name]["additionalProperties"]
        tables[f"`{name}`: each entry, by its name"] = entry["properties"]
    for name in ("training", "sparse_training"):
        tables[f"`{name}`"] = schema["$defs"][name]["properties"]
    parts = [f"## {title}\n\n" + "\n".join(_table(keys, schema)) for title, keys in tables.items()]
    return "\n\n".join([HEAD.rstrip(), *parts]) + "\n"


def _table(keys: Mapping[str, Any], schema: Mapping[str, Any]) -> Iterator[str]:
    yield "| key | values | default | meaning |"
    yield "|---|---|---|---|"
    for name, part in keys.items():
        full = _resolved(part, schema)
        default = f"`{json.dumps(full['default'])}`" if "default" in full else ""
        cells = [f"`{name}`", _values(full, schema), default, " ".join(full.get("description", "").split())]
        yield "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def _resolved(part: Mapping[str, Any], schema: Mapping[str, Any]) -> dict[str, Any]:
    reference = part.get("$ref")
    return {**(schema["$defs"][reference.rpartition("/")[2]] if reference else {}), **part}


def _values(part: Mapping[str, Any], schema: Mapping[str, Any]) -> str:
    """Say in words which values a key takes."""
    if "oneOf" in part:
        return " or ".join(_values(_resolved(choice, schema), schema) for choice in part["oneOf"])
    if "enum" in part:
        return ", ".join(f"`{json.dumps(value).strip(chr(34))}`" for value in part["enum"])
    kinds = [part["type"]] if isinstance(part.get("type"), str) else part.get("type", [])
    words = {"array": "list", "object": "table", "string": "text", "boolean": "true, false"}
    text = " or ".join(words.get(kind, kind) for kind in kinds)
    limits = [
        f"{sign} {part[key]}"
        for key, sign in (("minimum", "≥"), ("exclusiveMinimum", ">"), ("maximum", "≤"), ("exclusiveMaximum", "<"))
        if key in part
    ]
    return f"{text} {', '.join(limits)}" if limits else text


if __name__ == "__main__":
    TARGET.write_text(configuration_page(yaml.safe_load(SCHEMA.read_text(encoding="utf-8"))), encoding="utf-8")
