"""Parsers read as text: what they declare, and what is told where only running them would say."""

from pathlib import Path, PurePosixPath

import pytest

from confjob.declare.flags import read_flags
from confjob.errors import InputError
from confjob.keypath import KeyPath

ARGPARSE = "import argparse\nparser = argparse.ArgumentParser()\n"
CLICK = "import click\n@click.command()\n{options}\ndef main(**values): ...\n"


@pytest.fixture
def read(tmp_path):
    def read(text, reference="train.py", command=("python", "train.py")):
        Path(tmp_path, "train.py").write_text(text)
        return read_flags(tmp_path, reference, command)

    return read


def properties(spec):
    return spec.schema["properties"]


def said(spec):
    return [f"{each.where.line}: {each.message}" for each in spec.warnings]


def added(*arguments):
    return ARGPARSE + "".join(f"parser.add_argument({each})\n" for each in arguments)


def test_each_value_stands_where_it_is_declared(read):
    spec = read(added('"--lr", default=0.1', '"-n"'))
    assert spec.defaults[KeyPath(("lr",))].where.line == 3
    assert spec.defaults[KeyPath(("n",))].where.line == 4
    assert spec.defaults[KeyPath()].value == {"lr": 0.1, "n": None}


@pytest.mark.parametrize(
    ("argument", "schema"),
    [
        ('"--x", default="a"', {"type": "string"}),
        ('"--x"', {"type": ["string", "null"]}),
        (
            '"--x", type=int, default=1, help="a %(default)s  100%%"',
            {"type": "integer", "description": "a 1 100%"},
        ),
        ('"--x", type=float, default="0.5"', {"type": "number"}),
        ('"--x", type=int, default="auto"', {"type": ["integer", "string"]}),
        ('"--x", type=pathlib.Path, default="o"', {"type": "string"}),
        ('"--x", choices=["a", "b"], default="a"', {"type": "string", "enum": ["a", "b"]}),
        ('"--x", choices=KINDS', {"type": ["string", "null"], "enum": ["a", "b", None]}),
        ('"--x", type=int, choices=range(2, 5), default=2', {"type": "integer", "minimum": 2, "maximum": 4}),
        ('"--x", type=int, choices=range(0, 6, 2), default=2', {"type": "integer", "enum": [0, 2, 4]}),
        (
            '"--x", type=int, nargs=2, default=[1, 2]',
            {"type": "array", "items": {"type": "integer"}, "minItems": 2, "maxItems": 2},
        ),
        ('"--x", action="store_true"', {"type": "boolean"}),
        ('"--x", type=bool, default=True', {"type": "boolean"}),
        ('"--x", action="count", default=1', {"type": "integer", "minimum": 1}),
        ('"x", type=int', {"type": "integer"}),
        ('"--x", type=int, required=True', {"type": "integer"}),
    ],
)
def test_an_argparse_argument_has_a_type(read, argument, schema):
    spec = read('import pathlib\nKINDS = ["a", "b"]\n' + added(argument))
    assert properties(spec)["x"] == schema
    assert spec.schema["additionalProperties"] is False
    assert spec.warnings == ()


@pytest.mark.parametrize(
    ("text", "line"),
    [
        (added('"--x", default=len("a")'), '3: argparse: --x: default=len("a") can\'t be read from the text'),
        (
            added('"--x", type=parse'),
            "3: argparse: --x: type=parse is the script's own, so its values are not checked",
        ),
        (added('"--x", choices=list(A)'), "3: argparse: --x: choices=list(A) can't be read from the text"),
        (added('"--x", action=Own'), "3: argparse: --x: action=Own is not read"),
        (
            added('"--x", action="append", default=["a"]'),
            "3: argparse: --x: it adds to a default, which can't be said anew; not read",
        ),
        (added('"--x", nargs="..."'), "3: argparse: --x: what it takes is not read; say it after `--`"),
        (added('"--" + name'), "3: argparse: an argument called `'--' + name` can't be read from the text"),
        (added('"--y", **more'), "3: argparse: --y: its `**` argument is not read"),
        (
            ARGPARSE + "sub = parser.add_subparsers()\n",
            "3: argparse: subcommands are not read: the command names the one that is meant",
        ),
        (ARGPARSE.replace("Parser()", "Parser(prefix_chars='+')"), "2: argparse: prefix_chars is not minded"),
        (
            ARGPARSE + "other = argparse.ArgumentParser()\n",
            "2: argparse: several parsers (lines 2, 3): name the function that builds the one to read",
        ),
        (
            CLICK.format(options='@click.option("--x", default=f())'),
            "3: click: --x: default=f() can't be read from the text",
        ),
        (
            CLICK.format(options='@click.option("--x", flag_value="a")'),
            "3: click: --x: flag_value= is not read",
        ),
        (CLICK.format(options="@common"), "3: click: what the decorator `common` adds is not read"),
        (
            CLICK.format(options='@click.option("--x", type=OWN)'),
            "3: click: --x: type=OWN is the script's own, so its values are not checked",
        ),
    ],
)
def test_what_the_text_does_not_tell_is_told_with_its_line(read, text, line):
    assert line in said(read(text))


def test_a_lost_argument_leaves_the_schema_open(read):
    """What is not read may still be added by hand; a default that is not read loses nothing."""
    assert "additionalProperties" not in read(added('"--x"', '"--y", action=Own')).schema
    assert read(added('"--x", default=f()')).schema["additionalProperties"] is False
    assert "additionalProperties" not in read(added('"--x"') + "parser.parse_known_args()\n").schema


def test_arguments_of_groups_functions_and_parents_are_read_and_those_of_subcommands_are_not(read):
    spec = read(
        "import argparse\n"
        "base = argparse.ArgumentParser(add_help=False)\nbase.add_argument('--a')\n"
        "def add(parser):\n    group = parser.add_argument_group('g')\n    group.add_argument('--b')\n"
        "def build():\n    parser = argparse.ArgumentParser(parents=[base])\n"
        "    parser.add_mutually_exclusive_group().add_argument('--c')\n    parser.set_defaults(c='z')\n"
        "    sub = parser.add_subparsers().add_parser('s')\n    sub.add_argument('--d')\n    return parser\n"
    )
    assert spec.defaults[KeyPath()].value == {"a": None, "b": None, "c": "z"}


def test_a_function_names_one_of_several_parsers(read):
    text = "import argparse\n" + "".join(
        f"def {name}():\n    parser = argparse.ArgumentParser()\n    parser.add_argument('--{name}')\n"
        for name in "ab"
    )
    assert list(properties(read(text, "train.py:b"))) == ["b"]
    assert "several parsers" in said(read(text))[0]


def test_dots_in_a_flag_make_mappings(read):
    spec = read(added('"--model.lr", type=float, default=0.1', '"--model.size", default="s"'))
    assert spec.defaults[KeyPath()].value == {"model": {"lr": 0.1, "size": "s"}}
    assert properties(spec)["model"]["properties"]["lr"] == {"type": "number"}


def test_what_the_command_gives_itself_is_no_input(read):
    text = added('"config"', '"out"', '"--seed", "-s"', '"--lr"')
    command = ("python", "train.py", "{config}", "-s", "3")
    assert [str(flag.path) for flag in read(text, command=command).flags] == ["out", "lr"]
    assert [str(flag.path) for flag in read(text, command=("python", "train.py", "--seed=3")).flags] == [
        "config",
        "out",
        "lr",
    ]


@pytest.mark.parametrize(
    ("option", "flag", "schema"),
    [
        ('"--x-y", default=3', ("x_y", "--x-y", "", "value"), {"type": "integer"}),
        ('"-x", "name", default="a"', ("name", "-x", "", "value"), {"type": "string"}),
        ('"--x/--no-x"', ("x", "--x", "--no-x", "switch"), {"type": "boolean"}),
        ('"--x", is_flag=True', ("x", "--x", "", "switch"), {"type": "boolean"}),
        (
            '"--x", type=click.IntRange(1, 9, max_open=True), default=1',
            ("x", "--x", "", "value"),
            {"type": "integer", "minimum": 1, "exclusiveMaximum": 9},
        ),
        (
            '"--x", type=click.Choice(["a", "b"]), default="a"',
            ("x", "--x", "", "value"),
            {"enum": ["a", "b"]},
        ),
        (
            '"--x", multiple=True, type=int',
            ("x", "--x", "", "repeat"),
            {"type": "array", "items": {"type": "integer"}},
        ),
        (
            '"--x", prompt=True, help="why"',
            ("x", "--x", "", "value"),
            {"type": "string", "description": "why"},
        ),
    ],
)
def test_a_click_option_is_read(read, option, flag, schema):
    spec = read(CLICK.format(options=f"@click.option({option})"))
    (found,) = spec.flags
    assert (str(found.path), found.word, found.off, found.takes) == flag
    assert properties(spec)[flag[0]] == schema
    assert (spec.required == (found.path,)) == ("prompt" in option)


def test_a_shared_option_and_the_imported_names_of_click_are_known(read):
    spec = read(
        "from click import command, option\nlr = option('--lr', default=0.1)\n@command()\n@lr\ndef main(lr): ...\n"
    )
    assert spec.defaults[KeyPath()].value == {"lr": 0.1}


def test_of_a_group_one_command_is_named(read):
    text = "import click\n@click.group()\ndef cli(): ...\n@cli.command()\n@click.option('--a')\ndef one(a): ...\n@cli.command()\ndef two(): ...\n"
    assert said(read(text)) == ["6: click: several commands (one, two); train.py:one names one for `parser`"]
    assert [str(flag.path) for flag in read(text, "train.py:one").flags] == ["a"]


SUBCOMMANDS = """\
import argparse
parser = argparse.ArgumentParser()
parser.add_argument("--verbose", action="store_true")
subs = parser.add_subparsers(dest="command")
p = subs.add_parser("fit")
p.add_argument("data")
group = p.add_argument_group("more")
group.add_argument("--lr", type=float, default=0.1)
p = subs.add_parser("show-it")
p.add_argument("--lr", default="none")
subs.add_parser("quick").add_argument("--fast", action="store_true")
"""


@pytest.mark.parametrize(
    ("words", "defaults"),
    [
        (("fit",), {"lr": 0.1}),
        (("show-it",), {"lr": "none"}),
        (("quick",), {"fast": False}),
        ((), {"verbose": False}),
    ],
)
def test_the_subcommand_that_the_command_names_is_the_one_that_is_read(read, words, defaults):
    """One name often stands for one subcommand's parser after another."""
    spec = read(SUBCOMMANDS, command=("python", "train.py", *words))
    assert spec.defaults[KeyPath()].value == defaults
    assert spec.required == ((KeyPath(("data",)),) if words == ("fit",) else ())
    assert said(spec)


def test_a_click_command_is_known_by_the_word_that_is_typed(read):
    text = (
        "import click\n@click.group()\ndef cli(): ...\n@cli.command('go')\n@click.argument('a')\ndef one(a): ...\n"
        "@cli.command()\n@click.option('--b')\ndef two_it(): ...\n"
    )
    assert [str(flag.path) for flag in read(text, command=("python", "train.py", "go")).flags] == ["a"]
    assert [str(flag.path) for flag in read(text, command=("python", "train.py", "two-it")).flags] == ["b"]
    assert read(text, "train.py:one", ("python", "train.py", "go", "x")).flags == ()


@pytest.mark.parametrize(("reference", "hint"), [("train.py", "argparse"), ("train.py:buidl", "build")])
def test_a_file_without_a_parser_is_refused(read, reference, hint):
    with pytest.raises(InputError) as refused:
        read("def build(): ...\n", reference)
    assert hint in refused.value.hint


def test_nothing_is_run(read, tmp_path):
    read(added('"--x"') + f"open({str(tmp_path / 'ran')!r}, 'w')\n")
    assert not (tmp_path / "ran").exists()
    assert PurePosixPath("train.py").suffix == ".py"


@pytest.mark.parametrize(
    ("name", "secret"),
    [
        ("api-key", True),
        ("hf_token", True),
        ("password", True),
        ("pad-token", False),
        ("max-tokens", False),
        ("key", False),
    ],
)
def test_a_flag_for_a_secret_is_known_by_its_name(read, name, secret):
    assert bool(read(added(f'"--{name}"')).secrets) is secret
    assert read(CLICK.format(options='@click.option("--pin", hide_input=True)')).secrets
