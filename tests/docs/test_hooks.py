"""Each hook has its place on the page, under the signature that it really has.

`docs/reference/hooks.md` is what plugin authors copy from.
"""

import inspect
import re
from pathlib import Path

from confjob import hookspecs, model

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "hooks.md"


def headings(prefix=""):
    found = re.findall(r"^##+ `(.+)`$", PAGE.read_text(encoding="utf-8"), flags=re.MULTILINE)
    return [heading for heading in found if heading.startswith(prefix)]


def signatures():
    return [
        f"{name}({', '.join(inspect.signature(spec).parameters)})"
        for name, spec in vars(hookspecs).items()
        if name.startswith("confjob_")
    ]


def test_the_page_has_every_hook_in_the_order_of_the_specification():
    assert signatures()
    assert headings("confjob_") == signatures()


def test_every_hook_says_when_what_and_since_which_version():
    for name, spec in vars(hookspecs).items():
        if name.startswith("confjob_"):
            text = inspect.getdoc(spec) or ""
            missing = [part for part in ("When:", "Answers:", "versionadded::") if part not in text]
            assert not missing, f"{name}: {missing}"


def test_the_page_names_every_field_of_the_records_that_plugins_give():
    text = PAGE.read_text(encoding="utf-8")
    for record in (model.Format, model.Backend, model.Calls):
        for name in inspect.signature(record).parameters:
            assert f"`{name}`" in text, f"{record.__name__}.{name}"


def test_the_page_names_every_method_of_an_engine():
    text = PAGE.read_text(encoding="utf-8")
    for name, method in vars(model.Engine).items():
        if not name.startswith("_"):
            parameters = [each for each in inspect.signature(method).parameters if each != "self"]
            assert f"`{name}({', '.join(parameters)})`" in text, name
