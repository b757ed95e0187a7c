import importlib
import sys
from pathlib import Path, PurePosixPath

import pytest

from confjob.errors import PluginError
from confjob.keypath import KeyPath
from confjob.model import Document, Node, Source
from confjob.registry import Registry

FORMATS = """
from pathlib import Path
from confjob.plugin import Format, hookimpl
Path(__file__).with_suffix(".imported").touch()
@hookimpl
def confjob_formats():
    for name, suffixes in {records!r}.items():
        yield Format(name=name, load=lambda source: {mark!r}, deliver=None, suffixes=suffixes)
"""
HIDE = (
    "from confjob.plugin import KeyPath, hookimpl\n@hookimpl\ndef confjob_hide(document):\n    return {0}\n"
)
INFER = (
    "from confjob.plugin import KeyPath, hookimpl\n@hookimpl\ndef confjob_infer(document):\n    return {0}\n"
)

DOCUMENT = Document(source=Source(input="c", path=None, root=Path()), nodes={KeyPath(): Node(value={})})


def formats(records, mark=""):
    return FORMATS.format(records=records, mark=mark)


@pytest.fixture
def install(tmp_path, monkeypatch):
    """A function that installs a fake distribution with entry points and modules."""
    site = tmp_path / "site"
    site.mkdir()
    monkeypatch.syspath_prepend(site)
    known = set(sys.modules)

    def add(name, points, modules=None, version="1.0", metadata=True):
        info = site / f"{name.replace('-', '_')}-{version}.dist-info"
        info.mkdir()
        if metadata:
            (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
        text = (
            points
            if isinstance(points, str)
            else "\n".join(
                f"[confjob.{kind}]\n" + "".join(f"{key} = {value}\n" for key, value in table.items())
                for kind, table in points.items()
            )
        )
        (info / "entry_points.txt").write_text(text)
        for module, source in (modules or {}).items():
            (site / f"{module}.py").write_text(source)
        importlib.invalidate_caches()
        return site

    yield add
    for name in set(sys.modules) - known:
        if str(site) in str(getattr(sys.modules[name], "__file__", "")):
            del sys.modules[name]


@pytest.fixture
def inline(tmp_path):
    """A function that writes the project's own plugin and returns its path."""

    def write(text):
        path = tmp_path / "confjob_plugins.py"
        path.write_text(text)
        return path

    return write


def refused(function, *arguments):
    with pytest.raises(PluginError) as caught:
        function(*arguments)
    return caught.value


def test_the_built_ins_are_found_by_name_and_suffix():
    registry = Registry()
    assert registry.format("yaml") is registry.format_for(PurePosixPath("a/b.yml"))
    assert registry.format_for(PurePosixPath("c.json")).name == "json"
    assert registry.format_for(PurePosixPath("c.d.toml")).name == "toml"
    assert registry.backend("local").name == "local"


def test_an_unknown_name_is_refused_with_what_is_known_and_the_package_that_has_it(monkeypatch):
    monkeypatch.setattr("importlib.metadata.entry_points", lambda group: [])
    registry = Registry()
    error = refused(registry.format, "yml")
    assert "no format is called 'yml'" in error.message
    assert "json" in error.message
    assert "'yaml'" in error.hint
    assert refused(registry.backend, "slurm").hint == "pip install confjob-slurm"
    assert refused(registry.format, "hydra").hint == "pip install confjob-omegaconf"
    assert "did you mean 'local'?" in refused(registry.backend, "locale").hint


def test_an_unknown_suffix_is_refused_with_the_known_ones():
    error = refused(Registry().format_for, PurePosixPath("conf/a.acme"))
    assert "conf/a.acme: no format has this suffix" in error.message
    assert ".yaml" in error.message
    assert "format =" in error.hint


def test_a_distribution_s_format_is_imported_only_when_it_is_asked_for(install):
    site = install(
        "confjob-acme",
        {"formats": {"acme": "p_acme", ".acme": "p_acme"}},
        {"p_acme": formats({"acme": (".acme",)})},
    )
    registry = Registry()
    list(registry.installed())
    registry.format("yaml")
    registry.hide(DOCUMENT)
    assert not (site / "p_acme.imported").exists()
    assert registry.format_for(PurePosixPath("a.acme")) is registry.format("acme")
    assert (site / "p_acme.imported").exists()


def test_the_longest_suffix_wins(install):
    install(
        "two",
        {"formats": {".b": "p_b", ".a.b": "p_ab"}},
        {"p_b": formats({"b": (".b",)}), "p_ab": formats({"ab": (".a.b",)})},
    )
    assert Registry().format_for(PurePosixPath("x.a.b")).name == "ab"
    assert Registry().format_for(PurePosixPath("x.c.b")).name == "b"


def test_an_entry_point_may_name_an_object(install):
    text = "from confjob.plugin import Format, hookimpl\nclass Plugin:\n    @hookimpl\n    def confjob_formats(self):\n"
    text += "        yield Format(name='obj', load=None, deliver=None)\nclass place:\n    plugin = Plugin()\n"
    install("obj", {"formats": {"obj": "p_obj:place.plugin"}}, {"p_obj": text})
    assert Registry().format("obj").name == "obj"


@pytest.mark.parametrize("blocked", ["acme", ".acme", "Confjob_ACME", "confjob-acme"])
def test_a_blocked_plugin_is_not_imported_under_any_of_its_names(install, blocked):
    site = install(
        "confjob-acme",
        {"formats": {"acme": "p_blk", ".acme": "p_blk"}},
        {"p_blk": formats({"acme": (".acme",)})},
    )
    registry = Registry(blocked=[blocked])
    assert "is blocked" in refused(registry.format, "acme").message
    assert "is blocked" in refused(registry.format_for, PurePosixPath("a.acme")).message
    assert not (site / "p_blk.imported").exists()
    assert {plugin.state for plugin in registry.installed() if plugin.module == "p_blk"} == {"blocked"}


def test_a_blocked_built_in_is_blocked_for_its_suffixes_as_well(monkeypatch):
    registry = Registry(blocked=["yaml"])
    assert "is blocked" in refused(registry.format_for, PurePosixPath("a.yml")).message
    assert registry.format("json").name == "json"
    monkeypatch.setenv("CONFJOB_DISABLE_PLUGINS", "json,toml")
    assert "is blocked" in refused(Registry().format, "json").message


def test_two_distributions_with_one_name_are_both_named(install):
    for name, version in (("alpha", "1.0"), ("beta", "2.5")):
        install(name, {"formats": {"acme": f"p_{name}"}}, {f"p_{name}": formats({"acme": ()})}, version)
    error = refused(Registry().format, "acme")
    assert "'acme' is claimed by alpha 1.0 and beta 2.5" in error.message
    assert {plugin.state for plugin in Registry().installed() if plugin.name == "acme"} == {"conflict"}
    one = Registry(blocked=["alpha"])
    assert one.format("acme").name == "acme"
    assert {plugin.state for plugin in one.installed() if plugin.name == "acme"} == {"blocked", "ok"}


def test_two_plugins_that_give_one_name_under_other_entry_points_are_both_named(install):
    for name in ("alpha", "beta"):
        install(name, {"formats": {name: f"p_{name}2"}}, {f"p_{name}2": formats({name: (), "shared": ()})})
    registry = Registry()
    registry.format("alpha")
    assert registry.format("shared").name == "shared"
    registry.format("beta")
    assert "alpha 1.0 and beta 1.0" in refused(registry.format, "shared").message


def test_built_ins_win_whatever_is_loaded_first(install):
    install(
        "thief",
        {"formats": {"thief": "p_thief", "yaml": "p_thief"}},
        {"p_thief": formats({"thief": (), "yaml": (".yaml",)}, mark="stolen")},
    )
    registry = Registry()
    registry.format("thief")
    for found in (registry.format("yaml"), registry.format_for(PurePosixPath("a.yaml"))):
        assert found is Registry().format("yaml")
    assert [plugin.state for plugin in registry.installed() if plugin.name == "yaml"] == ["ok", "shadowed"]


@pytest.mark.parametrize(
    ("text", "cause"),
    [
        ("1/0", "ZeroDivisionError: division by zero"),
        ("import sys; sys.exit(3)", "SystemExit: 3"),
        ("import no_such_module_at_all", "ModuleNotFoundError"),
        (
            "from confjob.plugin import hookimpl\n@hookimpl\ndef confjob_formats():\n    raise ValueError('boo')",
            "boo",
        ),
        ("from confjob.plugin import hookimpl\n@hookimpl\ndef confjob_formats():\n    yield 5", "no Format"),
        ("from confjob.plugin import hookimpl\n@hookimpl\ndef confjob_formats():\n    return 5", "TypeError"),
        (
            "from confjob.plugin import hookimpl\n@hookimpl\ndef confjob_formats(x):\n    return []",
            "does not fit",
        ),
        (
            "from confjob.plugin import hookimpl\n@hookimpl\ndef confjob_formatz():\n    return []",
            "does not fit",
        ),
        ("", "does not give it"),
    ],
)
def test_a_broken_plugin_is_one_message_with_distribution_version_and_cause(install, text, cause):
    module = f"p_broken_{abs(hash(text))}"
    install("broken-dist", {"formats": {"broken": module}}, {module: text}, version="3.1")
    registry = Registry()
    for _ in range(2):
        error = refused(registry.format, "broken")
        assert "'broken' (broken-dist 3.1)" in error.message
        assert cause in error.message
        assert "-p no:broken" in error.hint
        assert registry.format("yaml").name == "yaml"
        assert "known" in refused(registry.format, "other").message


def test_malformed_metadata_of_one_distribution_hurts_no_other(install):
    install("garbage", "[confjob.formats]\nthis is no entry point\n")
    install("bare", {"formats": {"bare": "p_bare"}}, {"p_bare": formats({"bare": ()})}, metadata=False)
    install("good", {"formats": {"good": "p_good"}}, {"p_good": formats({"good": ()})})
    registry = Registry()
    assert registry.format("good").name == "good"
    registry.hide(DOCUMENT)
    assert registry.format("bare").name == "bare"
    assert any(
        "the entry points of garbage can't be read" in warning.message for warning in registry.warnings
    )


def test_ambient_plugins_hide_together_and_are_merged(install, inline):
    install("one", {"plugins": {"one": "p_one"}}, {"p_one": HIDE.format("[KeyPath(('a',))]")})
    install(
        "two", {"plugins": {"two": "p_two"}}, {"p_two": INFER.format("{KeyPath(('a',)): {'minimum': 1}}")}
    )
    path = inline(HIDE.format("(KeyPath(('b',)),)") + INFER.format("{KeyPath(('a',)): {'type': 'integer'}}"))
    registry = Registry(inline=path)
    assert registry.hide(DOCUMENT) == {KeyPath(("a",)), KeyPath(("b",))}
    assert registry.infer(DOCUMENT) == {KeyPath(("a",)): {"type": "integer", "minimum": 1}}
    assert registry.warnings == ()


def test_a_plugin_without_an_opinion_changes_nothing(install):
    install("none", {"plugins": {"none": "p_none"}}, {"p_none": HIDE.format("None") + INFER.format("None")})
    assert Registry().hide(DOCUMENT) == frozenset()
    assert Registry().infer(DOCUMENT) == {}


@pytest.mark.parametrize("text", ["1/0", "raise SystemExit", "import nothing_like_this", "def f(:"])
def test_an_ambient_plugin_that_can_not_be_imported_is_a_warning_and_hurts_nothing(install, inline, text):
    module = f"p_amb_{abs(hash(text))}"
    install("amb", {"plugins": {"amb": module}}, {module: text}, version="0.9")
    registry = Registry(inline=inline(text))
    assert registry.hide(DOCUMENT) == frozenset()
    assert registry.infer(DOCUMENT) == {}
    assert registry.format_for(PurePosixPath("a.yaml")).name == "yaml"
    messages = sorted(warning.message for warning in registry.warnings)
    assert len(messages) == 2
    assert "'amb' (amb 0.9)" in messages[1]
    assert messages[0].startswith("confjob_plugins.py cannot be imported")
    assert {warning.severity for warning in registry.warnings} == {"warning"}


def test_a_blocked_ambient_plugin_is_not_imported(install):
    site = install("amb", {"plugins": {"amb": "p_amb_blocked"}}, {"p_amb_blocked": formats({})})
    Registry(blocked=["amb"]).hide(DOCUMENT)
    assert not (site / "p_amb_blocked.imported").exists()


@pytest.mark.parametrize("answer", ["['a.b']", "['a']", "5", "[None]", "1/0"])
def test_a_plugin_that_fails_to_hide_is_refused_so_that_nothing_is_revealed(install, answer):
    module = f"p_hide_{abs(hash(answer))}"
    install("hider", {"plugins": {"hider": module}}, {module: HIDE.format(answer)})
    error = refused(Registry().hide, DOCUMENT)
    assert "'hider' (hider 1.0) fails" in error.message
    assert "-p no:hider" in error.hint


@pytest.mark.parametrize("answer", ["{'a': {}}", "[1]", "{KeyPath(('a',)): 5}", "1/0"])
def test_a_plugin_that_fails_to_infer_is_a_warning(install, answer):
    module = f"p_infer_{abs(hash(answer))}"
    install("inferrer", {"plugins": {"inferrer": module}}, {module: INFER.format(answer)})
    registry = Registry()
    assert registry.infer(DOCUMENT) == {}
    assert registry.infer(DOCUMENT) == {}
    assert len(registry.warnings) == 1
    assert "'inferrer' (inferrer 1.0) fails" in registry.warnings[0].message


def test_the_project_s_own_plugin_gives_formats_by_name_and_suffix(inline):
    path = inline(formats({"own": (".cfg",)}, mark="own"))
    assert Registry(inline=path).format("own").load(None) == "own"
    assert Registry(inline=path).format_for(PurePosixPath("x.cfg")).load(None) == "own"
    assert "no format is called" in refused(Registry().format, "own").message


def test_the_project_s_own_plugin_is_imported_once(inline, tmp_path):
    text = (
        "from pathlib import Path\nwith Path(__file__).with_name('count').open('a') as f:\n    f.write('x')\n"
    )
    registry = Registry(inline=inline(text + HIDE.format("[]") + formats({"own": ()})))
    registry.hide(DOCUMENT)
    registry.format("own")
    registry.format_for(PurePosixPath("a.yaml"))
    assert (tmp_path / "count").read_text() == "x"


def test_the_project_s_own_plugin_may_have_dataclasses(inline):
    text = "from __future__ import annotations\nfrom dataclasses import dataclass\n@dataclass\nclass A:\n    x: int\n"
    assert Registry(inline=inline(text + formats({"own": ()}))).format("own").name == "own"


def test_a_broken_own_plugin_is_told_where_it_may_be_the_one_that_is_missing(inline):
    registry = Registry(inline=inline("1/0"))
    assert registry.format("yaml").name == "yaml"
    for find in (lambda: registry.format("own"), lambda: registry.format_for(PurePosixPath("a.own"))):
        assert "confjob_plugins.py cannot be imported: ZeroDivisionError" in refused(find).message


def test_the_project_s_own_plugin_can_be_blocked(inline):
    registry = Registry(inline=inline("1/0"), blocked=["confjob_plugins"])
    registry.hide(DOCUMENT)
    assert registry.warnings == ()


def test_plugins_of_one_registry_say_nothing_in_another(inline):
    assert Registry(inline=inline(HIDE.format("[KeyPath(('a',))]"))).hide(DOCUMENT)
    assert not Registry().hide(DOCUMENT)


def test_the_hooks_are_listed_with_their_arguments():
    hooks = dict(Registry().hooks())
    assert list(hooks) == [
        "confjob_formats()",
        "confjob_backends()",
        "confjob_hide(document)",
        "confjob_infer(document)",
        "confjob_calls()",
        "confjob_links(folder)",
    ]
    assert all("When:" in text and "Answers:" in text for text in hooks.values())
