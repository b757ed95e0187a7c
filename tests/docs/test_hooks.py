"""Each hook has its place on the page, under the signature that it really has, and a real use.

`docs/reference/hooks.md` is what plugin authors copy from. A hook that no plugin uses is a
guess, so each is used by a plugin of ours, in the order of arguments that the page has.
"""

import ast
import inspect
import re
from pathlib import Path

from confjob import hookspecs, model

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "reference" / "hooks.md"


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


def implementations():
    """Yield (who, hook, its arguments) for every function marked as a hook in our plugins."""
    files = [*ROOT.glob("confjob/builtin/**/*.py"), *ROOT.glob("plugins/*/confjob_*/**/*.py")]
    for file in files:
        who = "built-in" if "builtin" in file.parts else file.relative_to(ROOT / "plugins").parts[0]
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            marks = [ast.unparse(each) for each in getattr(node, "decorator_list", ())]
            if isinstance(node, ast.FunctionDef) and "hookimpl" in marks:
                yield who, node.name, [each.arg for each in node.args.args]


def section(name):
    """Return the page's text about a hook."""
    text = PAGE.read_text(encoding="utf-8")
    return re.search(rf"^## `{name}\(.*?(?=^## |\Z)", text, re.MULTILINE | re.DOTALL)[0]


def test_every_hook_is_used_by_a_plugin_of_ours_with_the_arguments_that_it_has():
    known = {name: list(inspect.signature(getattr(hookspecs, name)).parameters) for name, _ in specs()}
    used = list(implementations())
    assert {name for _, name, _ in used} == set(known)
    for who, name, arguments in used:
        assert arguments == known[name][: len(arguments)], f"{who}: {name}"


def test_the_page_says_who_uses_each_hook():
    for name, _ in specs():
        said = re.search(r"^Used by: (.*?)\n\n", section(name), re.MULTILINE | re.DOTALL)
        assert said, f"{name}: the page does not say who uses it"
        users = {who for who, hook, _ in implementations() if hook == name}
        named = {*re.findall(r"confjob-\w+", said[1]), *(["built-in"] if "built-in" in said[1] else [])}
        assert named == users, name


def test_the_pages_own_examples_take_the_arguments_in_the_same_order():
    for name, spec in specs():
        examples = re.findall(rf"^def {name}\((.*)\):", section(name), re.MULTILINE)
        assert examples == [", ".join(inspect.signature(spec).parameters)], name


def specs():
    return [(name, spec) for name, spec in vars(hookspecs).items() if name.startswith("confjob_")]


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
