"""The reference pages name everything there is to name."""

import doctest
import importlib
import pkgutil
import re
from pathlib import Path

import pytest
from attrs import fields

import confjob
from confjob.builtin.local import LocalOptions
from confjob.cli import VERBS
from confjob.declare import manifest_schema
from confjob.declare.settings import settings_schema

DOCS = Path(__file__).parents[2] / "docs"
MODULES = [
    module.name
    for module in pkgutil.walk_packages(confjob.__path__, "confjob.")
    if not module.name.startswith("confjob.probes.") and module.name != "confjob.__main__"
]


def keys(table, prefix=""):
    """Yield the manifest's keys as the page writes them: `jobs.NAME.files[].path`."""
    for name, below in table["properties"].items():
        at, inner = f"{prefix}{name}", below
        if "items" in inner:
            at, inner = f"{at}[]", inner["items"]
        elif "properties" in (inner.get("additionalProperties") or {}):
            at, inner = f"{at}.NAME", inner["additionalProperties"]
        if "properties" in inner:
            yield from keys(inner, f"{at}.")
        else:
            yield f"{prefix}{name}"


@pytest.mark.parametrize(("page", "schema"), [("manifest", manifest_schema), ("settings", settings_schema)])
def test_the_page_of_a_file_names_every_key_and_no_other(page, schema):
    text = (DOCS / "reference" / f"{page}.md").read_text(encoding="utf-8")
    named = re.findall(r"^\| `([\w.\[\]-]+)` \|", text, flags=re.MULTILINE)
    assert sorted(named) == sorted(keys(schema()))


def test_the_manifests_page_names_every_option_of_this_machines_queue_and_no_other():
    text = (DOCS / "reference" / "manifest.md").read_text(encoding="utf-8")
    section = text.partition("### This machine")[2].partition("\n## ")[0]
    named = re.findall(r"^\| `([\w-]+) = ", section, flags=re.MULTILINE)
    assert named == [each.name.replace("_", "-") for each in fields(LocalOptions)]


def test_the_command_line_page_has_a_section_for_every_verb():
    text = (DOCS / "reference" / "cli.md").read_text(encoding="utf-8")
    assert re.findall(r"^## `confjob (\w+)`$", text, flags=re.MULTILINE) == list(VERBS)


def test_the_python_page_names_what_confjob_exports_for_jobs():
    text = (DOCS / "reference" / "python.md").read_text(encoding="utf-8")
    for name in ("job", "manage_config", "manage_config_file", "load_config"):
        assert re.search(rf"^## `{name}\b", text, flags=re.MULTILINE), name


def test_every_page_is_in_a_table_of_contents():
    listed = "\n".join(page.read_text(encoding="utf-8") for page in DOCS.glob("**/index.md"))
    pages = [page for page in DOCS.glob("**/*.md") if page.stem != "index" and "_build" not in page.parts]
    assert [page.stem for page in pages if not re.search(rf"\b{page.stem}$", listed, re.MULTILINE)] == []


@pytest.mark.parametrize("name", MODULES)
def test_examples_in_docstrings_hold(name):
    assert doctest.testmod(importlib.import_module(name)).failed == 0
