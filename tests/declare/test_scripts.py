"""`manage_config` and `manage_config_file` calls are read from a script's text."""

import itertools
import sys
import textwrap
from pathlib import Path, PurePosixPath

import pytest

from confjob.declare.scripts import read_script, unread_calls
from confjob.errors import InputError
from confjob.keypath import KeyPath, PathFilter
from confjob.probe import asker


def never(script, request):
    raise AssertionError(f"{script.name} was asked {request}")


@pytest.fixture
def read(tmp_path):
    """Read the inputs of a script's text; without `asked` nothing may be asked."""

    def read(code, name="train.py", *, asked=False):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(textwrap.dedent(code), encoding="utf-8")
        ask = asker(Path(sys.executable), tmp_path, tmp_path / ".c") if asked else never
        return read_script(tmp_path, PurePosixPath(name), ask)

    return read


@pytest.mark.parametrize(
    "code",
    [
        "import confjob\nconfjob.manage_config({'a': 1}, 'a', ['a.b'])",
        "import confjob as cj\ndef f():\n    if True:\n        cj.manage_config({'a': 1}, include=['a'], exclude='a.b')",
        "from confjob import manage_config as mc\nmc(defaults=dict(a=1), include=('a',), exclude=['a.b'])",
        "from confjob.job.runtime import manage_config\nD = {'a': 1}\nmanage_config(D, ['a'], ['a.b'])",
    ],
)
def test_calls_are_found_by_where_the_name_comes_from(read, code):
    (spec,) = read(code)
    assert (spec.kind, spec.name, spec.input) == ("run-config", "run-config", "run-config")
    assert spec.filter == PathFilter(["a"], ["a.b"])
    assert spec.defaults[KeyPath(("a",))].value == 1
    assert spec.where.line >= 2
    assert spec.filter_where is not None
    assert spec.warnings == ()


def test_other_functions_of_the_same_name_are_not_ours(read):
    assert read("from other import manage_config\nmanage_config({'a': 1})") == ()
    assert read("def manage_config(x): ...\nmanage_config({'a': 1})") == ()


def test_a_lone_file_call_hides_the_run_config_and_a_run_config_call_brings_it_back(read):
    file = "import confjob\nconfjob.manage_config_file('c.yaml')\n"
    assert [spec.input for spec in read(file)] == ["c.yaml"]
    assert [spec.input for spec in read(file + "confjob.manage_config()\n")] == ["run-config", "c.yaml"]


def test_run_config_calls_add_up_and_the_last_schema_wins(read):
    (spec,) = read("""
        from confjob import manage_config
        manage_config({"a": {"x": 1, "y": 1}}, include="a", schema={"title": "first"})
        manage_config(include=["b"], exclude=["c"], schema={"title": "last"})
        manage_config({"a": {"y": 2}})
    """)
    assert spec.filter == PathFilter(["a", "b"], ["c"])
    assert spec.schema == {"title": "last"}
    assert spec.defaults[KeyPath()].value == {"a": {"x": 1, "y": 2}}
    assert spec.defaults[KeyPath.parse("a.y")].where.line == 5


def test_of_two_calls_for_one_file_the_last_counts(read):
    (spec,) = read("""
        import confjob
        confjob.manage_config_file("c.yaml", include=["a"])
        confjob.manage_config_file("./c.yaml", exclude=["b"], schema={"type": "object"})
    """)
    assert (spec.filter, spec.schema) == (PathFilter(exclude=["b"]), {"type": "object"})
    assert (spec.name, spec.path, spec.kind) == ("c.yaml", PurePosixPath("c.yaml"), "file")


def test_defaults_may_be_a_file(read):
    (spec,) = read("import confjob\nconfjob.manage_config('d.yaml')")
    assert spec.source == PurePosixPath("d.yaml")


@pytest.mark.parametrize(
    "path",
    [
        'Path(__file__).resolve().parent / "c.yaml"',
        'Path(__file__).parent.parent / "sub" / "c.yaml"',
        'HERE / "c.yaml"',
        'Path("sub/c.yaml")',
    ],
)
def test_a_path_beside_the_script_is_understood(read, path):
    code = "import confjob\nfrom pathlib import Path\nHERE = Path(__file__).absolute().parent\n"
    (spec,) = read(f"{code}confjob.manage_config_file({path})", "sub/train.py")
    assert spec.path == PurePosixPath("sub/c.yaml")


def test_what_cannot_be_read_is_a_warning_with_its_place_and_the_rest_stays(read):
    (spec,) = read("""
        import confjob
        def run(args):
            confjob.manage_config({"lr": 0.1, "n": count(), "t": {"d": args.d, "e": 2}}, include=args.inc,
                                  exclude=["a\\\\b", "ok", 3], schema=args.schema, **more)
    """)
    assert spec.defaults[KeyPath()].value == {"lr": 0.1, "t": {"e": 2}}
    assert spec.filter == PathFilter(exclude=["ok"])
    told = [(str(each.where), each.severity, str(each.path)) for each in spec.warnings]
    assert ("train.py:4:44", "warning", "n") in told
    assert ("train.py:4:64", "warning", "t.d") in told
    assert len(told) == 7
    assert all(each.hint or each.message for each in spec.warnings)


def test_a_file_whose_path_only_the_run_knows_is_told_apart(read, tmp_path):
    code = (
        "import confjob, sys\nconfjob.manage_config_file(sys.argv[1])\nconfjob.manage_config_file('c.yaml')"
    )
    assert [spec.input for spec in read(code)] == ["c.yaml"]
    (warning,) = unread_calls(tmp_path, PurePosixPath("train.py"))
    assert str(warning.where) == "train.py:2:1"
    assert "sys.argv[1]" in warning.message


def test_schemas_come_from_literals_names_files_and_references(read, tmp_path):
    (tmp_path / "s.json").write_text('{"title": "file"}')
    (tmp_path / "schemas.py").write_text("S = {'title': 'module'}\n")
    code = "import confjob\nS = {{'title': 'name'}}\nconfjob.manage_config(schema={})\n"
    for given, title in (
        ("S", "name"),
        ("{'title': 'x'}", "x"),
        ("'s.json'", "file"),
        ("'schemas.py:S'", "module"),
    ):
        (spec,) = read(code.format(given))
        assert spec.schema == {"title": title}


def test_a_schema_that_is_missing_is_refused_not_skipped(read):
    with pytest.raises(InputError, match="no such file"):
        read("import confjob\nconfjob.manage_config(schema='gone.json')")


FLAT = """
    import confjob, os
    from dataclasses import dataclass
    {imports}

    open("ran", "w").close()
    raise SystemExit("training")

    {cls}

    {call}
    for epoch in range(3):
        os.abort()
"""


def test_the_class_of_a_flat_script_is_read_without_running_the_script(read, tmp_path):
    cls = "@dataclass\n    class Settings:\n        lr: float = 0.1"
    code = FLAT.format(imports="", cls=cls, call="confjob.manage_config({'lr': 0.2}, schema=Settings)")
    (spec,) = read(code, asked=True)
    assert spec.schema["properties"] == {"lr": {"type": "number", "default": 0.1}}
    assert spec.defaults[KeyPath()].value == {"lr": 0.2}
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("given", ["Settings(lr=0.3, n=7)", "SETTINGS"])
def test_an_instances_values_are_defaults_below_what_is_said(read, given):
    pytest.importorskip("pydantic")
    cls = "class Settings(BaseModel):\n        lr: float = 0.1\n        n: int = 1\n\n    SETTINGS = Settings(lr=0.3, n=7)"
    code = FLAT.format(
        imports="from pydantic import BaseModel",
        cls=cls,
        call=f"confjob.manage_config(schema={given})\n    confjob.manage_config(defaults={{'n': 8}})",
    )
    (spec,) = read(code, asked=True)
    assert spec.defaults[KeyPath()].value == {"lr": 0.3, "n": 8}
    assert spec.schema["properties"]["lr"]["type"] == "number"
    assert spec.defaults[KeyPath(("lr",))].where.file == PurePosixPath("train.py")


def test_a_class_imported_from_another_module_of_the_project_is_found(read, tmp_path):
    (tmp_path / "src" / "pkg").mkdir(parents=True)
    (tmp_path / "src" / "pkg" / "conf.py").write_text(
        "from dataclasses import dataclass\n@dataclass\nclass S:\n    a: int = 1\n"
    )
    code = "import confjob\nfrom .conf import S\nconfjob.manage_config(schema=S)\n"
    (spec,) = read(code, "src/pkg/train.py", asked=True)
    assert spec.schema["properties"]["a"]["type"] == "integer"


def test_a_script_that_does_not_parse_is_refused_with_the_place(read):
    with pytest.raises(InputError, match=r"^train.py:1:\d+"):
        read("def (")


def test_an_instance_given_after_the_defaults_still_lies_below_them(read):
    cls = "@dataclass\n    class Settings:\n        lr: float = 0.1\n        n: int = 1"
    call = "confjob.manage_config({'lr': 0.2})\n    confjob.manage_config(schema=Settings(n=5))"
    (spec,) = read(FLAT.format(imports="", cls=cls, call=call), asked=True)
    assert spec.defaults[KeyPath()].value == {"lr": 0.2, "n": 5}


CALLS = {
    "config": "confjob.manage_config({'a': 1, 'b': 2})",
    "filter": "confjob.manage_config(exclude=['b'])",
    "file": "confjob.manage_config_file('c.yaml', include=['x'])",
    "again": "confjob.manage_config_file('c.yaml', include=['x'])",
    "load": "print(confjob.load_config())",
}


@pytest.mark.parametrize("order", list(itertools.permutations(CALLS)))
def test_the_calls_may_stand_before_or_after_one_another_and_several_times(read, order):
    run_config, file = read("import confjob\n" + "\n".join(CALLS[name] for name in order))
    assert run_config.defaults[KeyPath()].value == {"a": 1, "b": 2}
    assert run_config.filter == PathFilter(exclude=["b"])
    assert (file.input, file.filter) == ("c.yaml", PathFilter(include=["x"]))


@pytest.mark.parametrize(
    ("imports", "made", "dumped"),
    [
        ("from dataclasses import dataclass, asdict\n@dataclass", "T()", "asdict(D)"),
        ("from attrs import frozen, asdict\n@frozen", "T()", "asdict(D)"),
    ],
)
def test_the_values_of_an_instance_may_be_handed_over_as_a_dict(read, imports, made, dumped):
    code = (
        f"{imports}\nclass T:\n    a: int = 3\nD = {made}\nimport confjob\nconfjob.manage_config({dumped})\n"
    )
    (spec,) = read(code, asked=True)
    assert spec.defaults[KeyPath(("a",))].value == 3
    assert spec.warnings == ()


def test_each_rule_of_a_literal_schema_has_its_line(read):
    code = """
    import confjob
    SCHEMA = {
        "properties": {
            "a": {"minimum": 0},
        }
    }
    confjob.manage_config({"a": 1}, schema=SCHEMA)
    confjob.manage_config_file("c.yaml", schema={"properties": {"b": {"minimum": 0}}})
    """
    run_config, file = read(code)
    assert run_config.schema_where == "train.py:3"
    assert run_config.schema_places[KeyPath(("properties", "a", "minimum"))].line == 5
    assert file.schema_places[KeyPath(("properties", "b", "minimum"))].line == 9
