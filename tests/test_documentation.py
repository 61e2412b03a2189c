"""What is written from something else is current."""

import runpy
from pathlib import Path

import yaml

DOCS = Path(__file__).parents[1] / "docs"


def test_the_page_of_configuration_and_the_schema_are_those_of_the_options() -> None:
    """docs/write_configuration.py writes them anew."""
    for target, write in runpy.run_path(str(DOCS / "write_configuration.py"))["FILES"].items():
        assert target.read_text(encoding="utf-8") == write(), target


def test_every_key_of_the_schema_is_explained_on_the_page() -> None:
    """A group of keys that the script forgets would be missing without a word."""
    page = (DOCS / "configuration.md").read_text(encoding="utf-8")
    schema = yaml.safe_load((DOCS.parent / "workflow/schemas/config.schema.yaml").read_text(encoding="utf-8"))

    def keys(part: object) -> set[str]:
        if not isinstance(part, dict):
            return set()
        own = set(part.get("properties", {}))
        return own.union(*(keys(value) for value in part.values() if isinstance(value, dict)))

    assert {key for key in keys(schema) if f"| `{key}` |" not in page} == set()
