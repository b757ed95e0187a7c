"""The laws of a format, on examples and on whatever INI there can be."""

import configparser
import string
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory

import pytest
from confjob_example import FORMAT
from confjob_example.syntax import parse
from hypothesis import given, settings
from hypothesis import strategies as st

from confjob.plugin import MISSING, Change, InputError, InvalidOverrides, KeyPath, Source
from confjob.testing import check_format

EXAMPLES = {
    "plain": "[server]\nhost = localhost\nport=8080\n",
    "comments": "# top\n[a]\n; why\nx = 1 ; not a comment\n\n# between\ny: 2\n\n[b]\n# nothing here\n",
    "long values": "[a]\nx = one\n  two\n\n    three\ny =\n  1\n  2\n",
    "a comment inside a value": "[a]\nx = one\n  # why\n  two\ny = 1\n",
    "indented": "  [a]\n   x = 1\n  y = 2\n    z = 3\n[b]\n\tx = 1\n\ty = 2",
    "no last newline": "[a]\nx = 1",
    "empty values": "[a]\nx =\ny = \nz:\n",
    "odd names": "[a]b]\nthe key = v = w\n[ c ]\nX = 1\nx = 2\n",
    "unicode": "[Zürich]\nStraße = 東京 🚂\n",
    "trailing blanks": "[a]  \nx = 1  \ny = 2\t\n\n\n",
    "empty": "",
    "defaults": "[DEFAULT]\nx = 1\n[a]\ny = %(x)s\n",
}


@pytest.mark.parametrize("text", EXAMPLES.values(), ids=EXAMPLES)
def test_every_example_keeps_the_laws(text):
    check_format(FORMAT, text, file_name="app.ini")


def test_what_can_be_said_is_written():
    changes = [
        ("server.host", "a\nb"),
        ("server.port", MISSING),
        ("server.workers", "4"),
        ("server.name", ""),
        ("new.key", "v"),
        ("new.other", "two\nlines"),
    ]
    check_format(FORMAT, EXAMPLES["plain"], file_name="app.ini", changes=changes)


def edited(text, *changes):
    """Return the text with changes, (path, new value), made."""
    with TemporaryDirectory() as folder:
        (Path(folder) / "app.ini").write_bytes(text.encode())
        document = FORMAT.load(Source(input="app.ini", path=PurePosixPath("app.ini"), root=Path(folder)))
        asked = [
            Change(input="app.ini", path=KeyPath.parse(path), before=MISSING, after=after)
            for path, after in changes
        ]
        return FORMAT.deliver(document, asked).files[PurePosixPath("app.ini")]


def test_only_what_changes_is_written_anew():
    text = "# where\n[server]\nhost : here ; or there\n\n; how many\nport=8080\n[db]\n"
    changes = [("server.port", "9090"), ("server.tls", "yes"), ("db.url", "x"), ("log.level", "debug")]
    assert edited(text, *changes) == (
        "# where\n[server]\nhost : here ; or there\n\n; how many\nport=9090\ntls = yes\n"
        "[db]\nurl = x\n\n[log]\nlevel = debug\n"
    )


def test_a_value_is_removed_with_all_its_lines():
    assert edited("[a]\nx = 1\n  2 \n# y\ny = 3", ("a.x", MISSING), ("a.y", MISSING)) == "[a]\n# y\n"


@pytest.mark.parametrize(
    ("path", "after", "why"),
    [
        ("server", {"port": "1"}, "one by one"),
        ("server.port.deep", "1", "one by one"),
        ("server.port", 1, "INI holds text"),
        ("server.port", " 1", "INI holds text"),
        ("server.port", "1\n# 2", "INI holds text"),
        ("server.port", "1\r2", "INI holds text"),
        (r"server.a\=b", "1", "can't be a key"),
        (r"server.\[a", "1", "can't be a key"),
        ("server.#a", "1", "can't be a key"),
        ("a\nb.c", "1", "can't be a section"),
    ],
)
def test_what_can_not_be_said_is_refused_with_the_reason(path, after, why):
    with pytest.raises(InvalidOverrides) as refused:
        edited(EXAMPLES["plain"], (path, after))
    assert why in refused.value.problems[0].message


def test_what_would_swallow_the_lines_below_is_refused():
    with pytest.raises(InvalidOverrides) as refused:
        edited("[a]\n  [b]\nx = 1\n", ("a.new", "1"))
    assert "would be read as a part of it" in refused.value.problems[0].message


def test_all_refusals_come_at_once():
    with pytest.raises(InvalidOverrides) as refused:
        edited(EXAMPLES["plain"], ("server.port", 1), ("server.host", " x"), ("server.new", "fine"))
    assert [str(problem.path) for problem in refused.value.problems] == ["server.port", "server.host"]


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("x = 1\n", "1:1"),
        ("[a]\n\n  x\n", "3:3"),
        ("[a]\n= 1\n", "2:1"),
        ("[a]\nx = 1\ny = 2\nx = 3\n", "4:5"),
        ("[a]\n[b]\n[a]\n", "3:1"),
    ],
)
def test_what_is_no_ini_is_told_with_its_place(text, place):
    with pytest.raises(InputError, match=f"^app.ini:{place}: "):
        parse(text, PurePosixPath("app.ini"))


LINES = st.sampled_from(
    [
        "[a]",
        "[b]",
        "  [c]",
        "x = 1",
        "y:two",
        "  z=",
        "\tw = 3 ",
        "    more",
        "# note",
        "  ; note",
        "",
        "  ",
        "e =",
    ]
)


@settings(deadline=None)
@given(st.lists(LINES, max_size=12).map("\n".join))
def test_it_reads_what_configparser_reads(text):
    peer = configparser.RawConfigParser(default_section="\0")
    peer.optionxform = str
    try:
        peer.read_string(text)
    except configparser.Error:
        with pytest.raises(InputError):
            parse(text, PurePosixPath("a.ini"))
    else:
        expected = {name: dict(peer[name]) for name in peer.sections()}
        assert parse(text, PurePosixPath("a.ini"))[KeyPath()].value == expected


WORDS = st.text(string.ascii_letters + string.digits + " =:;#[]%é\t", max_size=8)
VALUES = st.lists(WORDS, min_size=1, max_size=3).map("\n".join)


@settings(deadline=None)
@given(st.lists(LINES, max_size=8).map(lambda lines: "\n".join(["[a]", *lines])), WORDS, WORDS, VALUES)
def test_whatever_is_set_is_read_again_or_refused(text, section, key, value):
    try:
        before = parse(text, PurePosixPath("a.ini"))[KeyPath()].value
    except InputError:
        return
    targets = [(name, each) for name in before for each in before[name]] + [("a", key), (section, key)]
    for target in targets:
        try:
            written = edited(text, (str(KeyPath(target)), value))
        except InvalidOverrides:
            continue
        after = parse(written, PurePosixPath("a.ini"))[KeyPath()].value
        expected = {**before, target[0]: {**before.get(target[0], {}), target[1]: value}}
        assert after == expected, written
