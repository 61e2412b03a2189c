"""Write configuration.md and the schema for editors from the options of ``dst_robustness.study.options``.

Run ``python docs/write_configuration.py`` after a change of the options.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

from dst_robustness.study.messages import in_words, schema_of
from dst_robustness.study.options import (
    Dataset,
    Decide,
    Grid,
    Network,
    Options,
    Scenario,
    SparseTraining,
    Study,
    Training,
    Variant,
)

ROOT = Path(__file__).parents[1]
HEAD = """# Configuration

<!-- Written by docs/write_configuration.py from src/dst_robustness/study/options.py: change that. -->

Every key of `config.yaml` and of the presets in `config/`, with its default. A study given with `--configfile` takes
nothing from `config.yaml`: what it does not say has the default of this page. Several files after `--configfile`, and
`--config` after them, lie over each other; the last one counts, also before what a scenario of an earlier one says.

Editors that know YAML schemas complete the keys in files that start with `# yaml-language-server: $schema=...`, as the
presets do. Unknown keys and values out of range end a call with one line before any job starts;
`snakemake print_config --cores 1 --quiet all` shows what holds, and where it comes from.
"""
TABLES: dict[str, type[Options]] = {
    "The study": Study,
    "`scenarios`: each entry": Scenario,
    "`datasets`: each entry, by its name": Dataset,
    "`variants`: each entry, by its name": Variant,
    "`networks`: each entry": Network,
    "`decide`": Decide,
    "`training`": Training,
    "`sparse_training`": SparseTraining,
}
INHERITED: dict[type[Options], type[Options]] = {Scenario: Grid, Variant: SparseTraining}


def editor_schema() -> str:
    """Return the JSON schema of a study in YAML."""
    head = "# Written by docs/write_configuration.py from src/dst_robustness/study/options.py: change that.\n"
    schema = {"$schema": "https://json-schema.org/draft/2020-12/schema"} | schema_of(Study)
    return head + yaml.safe_dump(schema, sort_keys=False, width=10**6, allow_unicode=True)


def configuration_page() -> str:
    """Return the page in Markdown: one table for the study, one for each group of options."""
    return "\n\n".join([HEAD.rstrip(), *(_section(title, options) for title, options in TABLES.items())]) + "\n"


def _section(title: str, options: type[Options]) -> str:
    inherited = INHERITED.get(options)
    fields = [name for name in options.model_fields if not inherited or name not in inherited.model_fields]
    if not inherited:
        fields.sort(key=lambda name: name in Grid.model_fields)
    return f"## {title}\n\n{options.__doc__}\n\n" + "\n".join(_table(options, fields))


def _table(options: type[Options], fields: list[str]) -> Iterator[str]:
    schema = schema_of(options)
    yield "| key | values | default | meaning |"
    yield "|---|---|---|---|"
    for name in fields:
        part: Mapping[str, Any] = schema["properties"][name]
        default = f"`{json.dumps(part['default'])}`" if part.get("default") is not None else ""
        cells = [f"`{name}`", in_words(part, schema), default, part["description"]]
        yield "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


FILES = {
    ROOT / "docs/configuration.md": configuration_page,
    ROOT / "workflow/schemas/config.schema.yaml": editor_schema,
}

if __name__ == "__main__":
    for target, write in FILES.items():
        target.write_text(write(), encoding="utf-8")
