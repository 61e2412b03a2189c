"""Generated pages are up to date."""

import re
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


def test_the_page_of_the_scenarios_is_that_of_the_presets() -> None:
    """docs/write_scenarios.py writes it anew."""
    for target, write in runpy.run_path(str(DOCS / "write_scenarios.py"))["FILES"].items():
        assert target.read_text(encoding="utf-8") == write(), target


def test_what_stands_under_paper_has_a_source_or_is_called_unknown() -> None:
    """Nobody could read the tables and the appendix: a number without a source would be made up."""
    cells = []
    for name in ("scenarios.md", "results.md"):
        for table in re.findall(
            r"^\| \| (?:the )?paper \|.*\n\|---.*\n((?:\|.*\n)+)", (DOCS / name).read_text(), re.MULTILINE
        ):
            cells += [line.split("|")[2].strip() for line in table.splitlines()]
    assert len(cells) > 60
    sourced = re.compile(r"\[\d\]|^(unknown|not known)$|by its public reviews$")
    assert [cell for cell in cells if not sourced.search(cell)] == []
