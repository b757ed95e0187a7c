"""A script's own flags are its run config: what is set is what the real parser sees."""

from __future__ import annotations

import json
import runpy

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from confjob.errors import InvalidOverrides
from confjob.form import Override
from confjob.keypath import KeyPath
from confjob.pipeline import Request, make_plan, read_form
from confjob.project import Project

MANIFEST = '[jobs.train]\ncommand = ["python", "train.py"]\n[jobs.train.run-config]\nparser = "train.py"\n'

ARGPARSE = """\
import argparse
import json
from pathlib import Path

MODELS = ["small", "large"]


def build():
    parser = argparse.ArgumentParser()
    parser.add_argument("data", help="where it lies")
    parser.add_argument("extra", nargs="*")
    group = parser.add_argument_group("optimizer")
    group.add_argument("--learning-rate", "-l", type=float, default=1e-3, help="step, %(default)s")
    group.add_argument("--model", choices=MODELS, default="small")
    group.add_argument("--layers", type=int, choices=range(1, 9), default="3")
    either = group.add_mutually_exclusive_group()
    either.add_argument("--amp", action="store_true")
    either.add_argument("--full", dest="amp", action="store_false")
    parser.add_argument("--no-bias", dest="bias", action="store_false")
    parser.add_argument("--fast", action=argparse.BooleanOptionalAction, default=True)
    parser.add_argument("--compile", action=argparse.BooleanOptionalAction)
    parser.add_argument("--sizes", nargs="+", type=int, default=[1, 2])
    parser.add_argument("--weights", nargs="*", type=float)
    parser.add_argument("--betas", nargs=2, type=float, default=(0.9, 0.999))
    parser.add_argument("--tag", action="append")
    parser.add_argument("--resume", type=Path)
    parser.add_argument("-n", type=int)
    parser.add_argument("-o", dest="out", default="out")
    parser.add_argument("-lr2", type=float, default=0.5)
    parser.add_argument("-v", "--verbose", action="count", default=0)
    parser.add_argument("--truth", type=bool, default=True)
    parser.add_argument("--name", default=None)
    parser.add_argument("--maybe", nargs="?", const="yes")
    parser.add_argument("--model.lr", type=float, default=0.1)
    return parser


if __name__ == "__main__":
    print(json.dumps(vars(build().parse_args()), default=str))
"""

CLICK = """\
import click


@click.command()
@click.argument("data")
@click.argument("more", nargs=-1)
@click.option("--learning-rate", "-l", default=1e-3, show_default=True, help="step")
@click.option("--model", type=click.Choice(["small", "large"]), default="small")
@click.option("--layers", type=click.IntRange(1, 9), default=3)
@click.option("--share", type=click.FloatRange(0, 1, max_open=True))
@click.option("--amp", is_flag=True)
@click.option("--bias/--no-bias", default=True)
@click.option("--fast/--slow", " /-S", "quick", default=False)
@click.option("--tag", multiple=True)
@click.option("--betas", nargs=2, type=float, default=(0.9, 0.999))
@click.option("--pair", nargs=2)
@click.option("-n", type=int)
@click.option("-o", "out", type=click.Path(), default="out")
@click.option("-v", "--verbose", count=True)
@click.option("--name", envvar="NAME")
@click.option("--truth", type=bool, default=True)
def main(**values):
    return values
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A function that returns the project and the script's namespace."""
    made = {}

    def folder_of(text):
        if text not in made:
            root = tmp_path_factory.mktemp("flags")
            (root / "train.py").write_text(text)
            (root / "launch.toml").write_text(MANIFEST)
            made[text] = Project.find(root), runpy.run_path(str(root / "train.py"))
        return made[text]

    return folder_of


def argv(project, **values):
    """The words after the script of a job with changed values."""
    overrides = tuple(
        Override(path=KeyPath.parse(key), value=value, said="test", input="run-config")
        for key, value in values.items()
    )
    return list(make_plan(project, Request(job="train", overrides=overrides)).command[2:])


def seen(namespace, words):
    """What the script's own parser makes of words."""
    if "build" in namespace:
        return vars(namespace["build"]().parse_args(words))
    return namespace["main"].main(words, standalone_mode=False)


ARGPARSE_VALUES = {
    "learning_rate": [0.5, -1e-5, 3, 1e-30, float("inf")],
    "model": ["large"],
    "layers": [8],
    "amp": [True],
    "bias": [False],
    "fast": [False],
    "compile": [True, False],
    "sizes": [[5], [3, 4, 5], [-1, -2]],
    "weights": [[], [0.5, -1e-7], [-2.5]],
    "betas": [[0.1, -0.2]],
    "tag": [["a"], ["a b", "-x", "", "--tag=1"]],
    "resume": ["a/b", "-x"],
    "n": [3, -3],
    "out": ["x", "-x", "=x", "", "-o"],
    "lr2": [-0.25],
    "verbose": [3],
    "truth": [False],
    "name": ["x"],
    "maybe": ["no", "-1"],
    "extra": [["-x", "b"], []],
}
CLICK_VALUES = {
    "learning_rate": [0.5, -1e-5, 3],
    "model": ["large"],
    "layers": [9],
    "share": [0, 0.25],
    "amp": [True],
    "bias": [False],
    "quick": [True],
    "tag": [["a"], ["a b", "-x", "", "--tag=1"]],
    "betas": [[0.1, -2e-9]],
    "pair": [["--x", ""]],
    "n": [3, -3],
    "out": ["x", "-x", "=x", "", "-o"],
    "verbose": [3],
    "name": ["x"],
    "truth": [False],
    "more": [["-x", "b"]],
}
CASES = [
    (text, key, value)
    for text, table in ((ARGPARSE, ARGPARSE_VALUES), (CLICK, CLICK_VALUES))
    for key in table
    for value in table[key]
]


@pytest.mark.parametrize(("text", "key", "value"), CASES)
def test_each_flag_arrives_as_it_was_set(folder, text, key, value):
    """The real parser sees the value, and everything else as if it had not been given."""
    project, namespace = folder(text)
    plain = seen(namespace, ["x"])
    after = seen(namespace, argv(project, data="x", **{key: value}))
    got = after.pop(key)
    got = list(got) if isinstance(got, tuple) else str(got) if key == "resume" else got
    assert got == value
    assert type(got) is type(value) or isinstance(got, float)
    plain.pop(key)
    assert after == plain


@pytest.mark.parametrize("text", [ARGPARSE, CLICK])
def test_nothing_is_said_of_what_is_not_changed(folder, text):
    """The script's own defaults stand, and setting one to what it is anyway says nothing."""
    project, namespace = folder(text)
    assert argv(project, data="x") == ["--", "x"]
    defaults = {
        key: list(value) if isinstance(value, tuple) else value
        for key, value in seen(namespace, ["x"]).items()
    }
    form = read_form(project, Request(job="train"))
    tree = dict(form.documents["run-config"].tree)
    assert all(value == defaults[key] for key, value in tree.items())
    tree.pop("model.lr", None)
    assert argv(project, **{**tree, "data": "x"}) == ["--", "x"]


hostile = st.one_of(
    st.sampled_from(
        [
            "",
            "-",
            "---",
            "--name",
            "--name=x",
            "-x",
            "-1",
            "=",
            "a=b",
            "a b",
            "'",
            '"',
            "$(x)",
            "@x",
            "é 😀",
            "\n",
            "-\n-",
        ]
    ),
    st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=12),
    st.text("-=a 1", max_size=6),
).filter(lambda text: text != "--")


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(name=hostile, out=hostile, tags=st.lists(hostile, min_size=1, max_size=3))
@pytest.mark.parametrize("text", [ARGPARSE, CLICK])
def test_any_text_arrives_byte_for_byte(folder, text, name, out, tags):
    """Whatever it looks like: a flag, nothing, a quote, a line break."""
    project, namespace = folder(text)
    after = seen(namespace, argv(project, data="x", name=name, out=out, tag=tags))
    assert (after["name"], after["out"], list(after["tag"])) == (name, out, tags)


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=hostile)
def test_any_positional_text_arrives(folder, data):
    """After a `--` nothing is a flag."""
    for text in (ARGPARSE, CLICK):
        project, namespace = folder(text)
        assert seen(namespace, argv(project, data=data))["data"] == data


@pytest.mark.parametrize("text", [ARGPARSE, CLICK])
@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"name": "--"}, "end of the flags"),
        ({"data": "--"}, "end of the flags"),
        ({"model": "huge"}, "one of"),
        ({"layers": 10}, "layers"),
        ({"betas": [1]}, "2"),
        ({"verbose": -1}, "0"),
        ({"nothing": 1}, "nothing"),
        ({}, "must be set"),
    ],
)
def test_what_the_parser_would_refuse_is_refused_before_the_launch(folder, text, values, message):
    """And so is what no flag can say."""
    project, _ = folder(text)
    with pytest.raises(InvalidOverrides) as refused:
        argv(project, **({"data": "x", **values} if values else {}))
    assert any(message in f"{each.path} {each.message} {each.hint}" for each in refused.value.problems)


def test_among_several_words_a_text_with_a_dash_is_refused(folder):
    """argparse would take it for a flag; alone it can be said."""
    project, namespace = folder(ARGPARSE.replace('nargs="+", type=int, default=[1, 2]', 'nargs="+"'))
    assert seen(namespace, argv(project, data="x", sizes=["-a"]))["sizes"] == ["-a"]
    with pytest.raises(InvalidOverrides) as refused:
        argv(project, data="x", sizes=["a", "-b"])
    assert "'-b' begins with a dash" in refused.value.problems[0].message


def test_a_secret_is_not_passed(project):
    """Everyone on the machine can read a command line; the message does not show it either."""
    project.write(
        {"train.py": 'import argparse\np = argparse.ArgumentParser()\np.add_argument("--api-key")\n'}
    )
    told = project.confjob("plan", "train.py", "--set", "api_key=hunter2", code=1)
    assert "secret" in told.stderr
    assert "hunter2" not in told.stderr + told.stdout


def test_a_script_needs_no_manifest_for_its_flags(project):
    """A script that declares nothing else is launched with its own."""
    project.write({"train.py": ARGPARSE})
    run = project.launch("train.py", "--set", "data=x", "--set", "learning_rate=0.5")
    assert json.loads(project.output(run["id"]))["learning_rate"] == 0.5
    shown = {each["path"]: each["where"] for each in project.json("show", "train.py")["inputs"]}
    assert shown["learning_rate"] == "train.py:13:5"


def test_what_the_manifest_says_of_a_flag_wins_and_other_values_have_the_general_style(project):
    """A spelling, a switch with one side, a value that the parser does not know."""
    project.write(
        {
            "train.py": ARGPARSE,
            "launch.toml": MANIFEST
            + 'defaults = { data = "x", own = 1, amp = true }\nschema = { type = "object" }\n'
            + '[jobs.train.run-config.flags]\nlearning_rate = "-l"\namp = "--amp/"\nmodel = { flag = "-m" }\n',
        }
    )
    command = project.json("plan", "train", "--set", "learning_rate=-2", "--set", "model=large")["command"]
    assert command[2:] == ["-l-2.0", "-m", "large", "--amp", "--own", "1", "--", "x"]


@pytest.mark.parametrize(
    ("table", "message", "line"),
    [
        ('parser = "gone.py"', "gone.py", 4),
        ('parser = "empty.py"', "no parser of a command line is built there", 4),
        ('parser = "train.py:biuld"', "did you mean 'build'?", 4),
        ('flags = { "a[" = "--a" }', "a[", 4),
        ('flags = { a = { takes = "word" } }', "did you mean 'words'", 4),
    ],
)
def test_a_wrong_declaration_is_refused_with_its_line(project, table, message, line):
    """Each with a hint."""
    project.write(
        {
            "train.py": ARGPARSE,
            "empty.py": "x = 1\n",
            "launch.toml": f'[jobs.train]\ncommand = ["python", "train.py"]\n[jobs.train.run-config]\n{table}\n',
        }
    )
    told = project.confjob("show", "train", code=1).stderr
    assert message in told
    assert f"launch.toml:{line}" in told


def test_a_function_takes_no_flags(project):
    """Its values are arguments."""
    project.write(
        {
            "t.py": "def fit(lr: float = 0.1): ...\n",
            "launch.toml": '[jobs.t]\nfunction = "t:fit"\n[jobs.t.run-config]\nparser = "t.py"\n',
        }
    )
    assert "flags are for a command" in project.confjob("show", "t", code=1).stderr
