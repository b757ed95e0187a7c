import json
import math
from pathlib import PurePosixPath

import pytest

from confjob.cli import output
from confjob.errors import ConfjobError, InvalidOverrides
from confjob.keypath import KeyPath
from confjob.model import Problem, Span, State

WHERE = Span(file=PurePosixPath("c.yaml"), line=3, column=5, start=0, end=0)
PROBLEM = Problem(
    code="type",
    message="must be a number",
    input="c.yaml",
    path=KeyPath(("a", "b")),
    hint="try 1",
    where=WHERE,
)


@pytest.fixture(autouse=True)
def _no_wishes_about_colours(monkeypatch):
    for name in ("NO_COLOR", "FORCE_COLOR", "TERM"):
        monkeypatch.delenv(name, raising=False)


def test_json_is_strict_and_keeps_unicode(capsys):
    output.echo_json({"a": [math.nan, math.inf, -math.inf], 1: ("é", None), "t": True})
    text = capsys.readouterr().out
    assert "é" in text
    assert json.loads(text, parse_constant=pytest.fail) == {
        "a": [".nan", ".inf", "-.inf"],
        "1": ["é", None],
        "t": True,
    }


def test_a_refusal_as_json_has_the_promised_shape(capsys):
    output.refusal(InvalidOverrides.of([PROBLEM]), as_json=True)
    assert json.loads(capsys.readouterr().out) == {
        "error": "1 problem in the requested inputs",
        "problems": [
            {
                "code": "type",
                "input": "c.yaml",
                "path": "a.b",
                "where": "c.yaml:3:5",
                "message": "must be a number",
                "hint": "try 1",
            }
        ],
    }


def test_a_refusal_without_a_list_is_its_own_problem(capsys):
    output.refusal(ConfjobError("no such run", hint="look"), as_json=True)
    told = json.loads(capsys.readouterr().out)
    assert told["error"] == "no such run"
    assert [(each["message"], each["hint"], each["where"]) for each in told["problems"]] == [
        ("no such run", "look", "")
    ]


def test_a_refusal_for_people_goes_to_stderr_with_place_and_hint(capsys):
    output.refusal(InvalidOverrides.of([PROBLEM, PROBLEM]), as_json=False)
    out, err = capsys.readouterr()
    assert out == ""
    assert "2 problems in the requested inputs" in err
    assert err.count("c.yaml:a.b: must be a number (c.yaml:3:5)") == 2
    assert err.count("hint: try 1") == 2


def test_a_place_that_the_message_names_is_not_repeated(capsys):
    output.warn([Problem(code="x", message="c.yaml:3 is odd", where=WHERE, severity="warning")])
    assert capsys.readouterr().err.count("c.yaml:3") == 1


def test_columns_are_aligned_and_nothing_in_them_reaches_the_terminal(capsys):
    output.table(["A", "B"], [["x", "1"], ["long\nname", "\x1b[31m\t\x9b"], ["é", "z"]])
    lines = capsys.readouterr().out.split("\n")
    assert lines == [
        "A           B",
        "x           1",
        r"long\nname  \x1b[31m\t\x9b",
        "é           z",
        "",
    ]


def test_a_path_can_not_colour_the_terminal(capsys):
    output.warn([Problem(code="x", message="m", input="c", path=KeyPath(("\x1b[2J",)), severity="warning")])
    assert "\x1b" not in capsys.readouterr().err


def test_a_column_in_which_nothing_stands_is_left_out(capsys):
    output.table(["A", "B", "C"], [["1", "", "x"], ["2", "", ""]])
    assert capsys.readouterr().out == "A  C\n1  x\n2\n"


def test_an_elastic_column_is_cut_to_the_terminal_but_not_in_a_pipe(capsys, monkeypatch):
    row = ["name", "v" * 200]
    output.table(["N", "V"], [row], elastic=["V"])
    assert "v" * 200 in capsys.readouterr().out
    monkeypatch.setattr("sys.stdout.isatty", lambda: True, raising=False)
    monkeypatch.setenv("COLUMNS", "40")
    monkeypatch.setenv("NO_COLOR", "1")
    output.table(["N", "V"], [row], elastic=["V"])
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= 40
    assert lines[-1].endswith("…")


@pytest.mark.parametrize(
    ("variables", "coloured"),
    [
        ({}, None),
        ({"NO_COLOR": ""}, None),  # the convention: present and not empty
        ({"NO_COLOR": "1"}, False),
        ({"TERM": "dumb"}, False),
        ({"FORCE_COLOR": "1"}, True),
        ({"FORCE_COLOR": "1", "TERM": "dumb"}, True),
        ({"FORCE_COLOR": "1", "NO_COLOR": "1"}, False),
    ],
)
def test_the_environment_says_whether_there_are_colours(monkeypatch, variables, coloured):
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert output.colours() is coloured
    assert (output.style("x", fg="red") == "x") is (coloured is False)


def test_colours_are_kept_in_a_pipe_only_when_they_are_forced(capsys, monkeypatch):
    output.echo(output.state("FAILED"))
    assert capsys.readouterr().out == "FAILED\n"
    monkeypatch.setenv("FORCE_COLOR", "1")
    output.echo(output.state("FAILED"))
    assert capsys.readouterr().out == "\x1b[31m\x1b[1mFAILED\x1b[0m\n"


def test_every_state_has_a_colour():
    for state in State:
        assert "\x1b[3" in output.state(state.value), state


def test_what_has_no_style_is_left_as_it_is():
    assert output.style("x", fg=None, bold=False) == "x"


def test_a_line_that_turns_the_direction_of_writing_says_so():
    """Else `safe` could read `efas`, and a name be another than it seems."""
    assert output.line_of("a\u202eb\u2066c\u2028d") == r"a\u202eb\u2066c\u2028d"


def test_the_lines_of_a_diff_have_their_colours_and_its_heading_none_of_them():
    text = "--- a\n+++ b\n@@ -1 +1 @@\n-x\n+y\n z\n"
    colours = [line[: line.index("m") + 1] if "\x1b" in line else "" for line in output.patch(text)]
    assert colours == ["\x1b[1m", "\x1b[1m", "\x1b[36m", "\x1b[31m", "\x1b[32m", ""]


def test_a_message_that_quotes_a_hostile_key_can_do_nothing_to_a_terminal(capsys):
    problem = Problem(code="x", message="'\x1b[2J' is\nunknown", hint="did you mean '\x9b2J'?")
    output.refusal(ConfjobError("no '\x07'", hint="\x1b]0;t\x07", problems=[problem]), as_json=False)
    output.warn([problem])
    err = capsys.readouterr().err
    assert not set(err) & {"\x1b", "\x07", "\x9b"}
    assert "is\nunknown" in err
