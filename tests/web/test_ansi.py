"""A log is shown as a terminal would show it, and can do nothing to the page."""

import colorsys
import re
from html.parser import HTMLParser
from itertools import product
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import confjob.web
from confjob.web.runs.logview import LogView
from confjob.web.runs.palette import GREY, HUES, from_rgb, indexed
from confjob.web.runs.screen import shown
from confjob.web.runs.style import PLAIN, Style
from confjob.web.templating import render
from confjob.web.visible import visible

STATIC = Path(confjob.web.__file__).parent / "static"

#: Pieces of which logs are made: text, colours, bars, moves, links, and what is none of these.
PIECES = [
    *(
        b"text",
        "é漢🙂".encode(),
        b" ",
        b"\n",
        b"\r",
        b"\r\n",
        b"\b",
        b"\t",
        b"<b>&",
        b"\xff",
        b"\xe2\x80\xae",
    ),
    *(b"\x1b[31m", b"\x1b[0m", b"\x1b[38;2;1;2;3m", b"\x1b[K", b"\x1b[2K", b"\x1b[1K", b"\x1b[A", b"\x1b[2B"),
    *(
        b"\x1b[9C",
        b"\x1b[3D",
        b"\x1b[2J",
        b"\x1b[H",
        b"\x1b]8;;http://x\x07",
        b"\x1b]0;t",
        b"\x1b",
        b"\x00" * 9,
    ),
]
logs = st.lists(st.sampled_from(PIECES) | st.binary(max_size=6), max_size=40).map(b"".join)


def texts(data, **options):
    return [line.text for line in shown(data, **options).lines]


def looks(data):
    return [(span.text, span.classes) for span in shown(data).lines[0].spans]


# -- lines -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("data", "lines"),
    [
        (b"", []),
        (b"a\nb\n", ["a", "b"]),
        (b"a\n\nb", ["a", "", "b"]),
        (b"dos\r\nlines\r\n", ["dos", "lines"]),
        (b"\r  0%\r 50%\r100%\ndone", ["100%", "done"]),
        (b"longer\rab", ["abnger"]),
        (b"longer\r\x1b[Kab", ["ab"]),
        (b"longer\x1b[2K\rab", ["ab"]),
        (b"abc\b\bX", ["aXc"]),
        (b"ab\x1b[1GX\x1b[3CY", ["Xb  Y"]),
        (b"a\tb", ["a\tb"]),
    ],
)
def test_a_line_is_what_stands_there_in_the_end(data, lines):
    assert texts(data) == lines


def test_bars_above_one_another_keep_their_last_states():
    data = b"outer 0\n\rinner 1\x1b[A\router 1\n\rinner 2\x1b[A\router 2\n\rinner 3"
    assert texts(data) == ["outer 2", "inner 3"]


def test_nothing_is_cleared_away_with_the_screen():
    assert texts(b"one\x1b[2J\x1b[H\x1bctwo") == ["onetwo"]


def test_a_link_is_its_text_and_leads_nowhere():
    assert texts(b"\x1b]8;;http://evil.example\x1b\\here\x1b]8;;\x07") == ["here"]


def test_what_a_terminal_would_obey_or_hide_is_written_out():
    assert texts(b"\x07 \x1b \xff\xfe \xe2\x80\xae\x7f") == ["\\x07 \\x1b \\xff\\xfe \\u202e\\x7f"]


def test_a_message_to_the_terminal_without_an_end_swallows_nothing():
    assert texts(b"\x1b]0;all that follows") == ["\\x1b]0;all that follows"]


def test_the_same_again_and_again_is_counted():
    assert texts(b"\x00" * 60_000) == ["\\x00*60000 "]


def test_a_command_that_has_not_arrived_whole_is_waited_for():
    assert texts(b"a\x1b[3") == ["a"]
    assert texts("é".encode()[:1]) == []


@pytest.mark.parametrize("count", [b"999999999", b"1;2", b"", b"0", b"?9"])
def test_no_move_takes_more_than_a_screen_of_room(count):
    data = b"x\x1b[%sC\x1b[%sA\x1b[%sB\x1b[%sGy" % ((count,) * 4)
    assert all(len(text) < 1000 for text in texts(data))


@given(data=logs)
def test_any_bytes_are_shown_without_a_character_that_acts(data):
    for line in shown(data).lines:
        assert visible(line.text) == line.text


@given(data=logs, cut=st.integers(min_value=0))
def test_what_is_settled_does_not_change_when_more_comes_unless_a_program_goes_up(data, cut):
    data = data.replace(b"\x1b[A", b"").replace(b"\x1b[F", b"")
    early = shown(data[: cut % (len(data) + 1)])
    assert shown(data).lines[: early.settled] == early.lines[: early.settled]


@given(
    lines=st.lists(
        st.lists(st.sampled_from([b"ab", b"\r", b"\x1b[32m", b"\x1b[0m", b"\x1b[K"]), max_size=6).map(
            b"".join
        ),
        max_size=12,
    ),
    cut=st.integers(min_value=0),
)
def test_going_on_from_where_lines_may_change_shows_the_same_as_all_at_once(lines, cut):
    data = b"\n".join(lines)
    early = shown(data[: cut % (len(data) + 1)])
    rest = shown(data[early.at :], early.at, early.word)
    assert (*early.lines[: early.settled], *rest.lines) == shown(data).lines


def test_going_on_beneath_bars_above_one_another_shows_both():
    before = b"start\nouter 0\n\rinner 1\x1b[A\router 1\n"
    early = shown(before)
    data = before + b"\rinner 2\x1b[A\router 2\n\n\nend\n"
    rest = shown(data[early.at :], early.at, early.word)
    assert [line.text for line in (*early.lines[: early.settled], *rest.lines)] == texts(data)
    assert "outer 2" in texts(data)


# -- looks -----------------------------------------------------------------------------------


def test_colours_and_marks_are_classes():
    assert looks(b"a\x1b[1;31mb\x1b[22;39mc\x1b[4;9mde\x1b[m") == [
        ("a", ""),
        ("b", "a-red a-bold"),
        ("c", ""),
        ("de", "a-underline a-struck"),
    ]


@pytest.mark.parametrize(
    ("codes", "classes"),
    [
        ("31", "a-red"),
        ("91", "a-red"),
        ("42", "a-on-green"),
        ("38;5;208", "a-orange"),
        ("38:5:208", "a-orange"),
        ("48;2;0;0;255", "a-on-blue"),
        ("38:2::255:0:0", "a-red"),
        ("38;5;208;1", "a-orange a-bold"),
        ("58;5;208;1", "a-bold"),
        ("7;31", "a-on-red"),
        ("7", "a-on-plain"),
        ("8", "a-dim"),
        ("4:3", "a-underline"),
        ("4:0", ""),
        ("1;2;3;0", ""),
        ("", ""),
        ("38;5", ""),
        ("38;2;1", ""),
        ("999999;;;;", ""),
    ],
)
def test_a_look_is_what_a_terminal_was_told(codes, classes):
    assert PLAIN.told(codes).classes == classes


@given(codes=st.lists(st.sampled_from(["1", "31", "44", "7", "4", "38;5;200", "9", "2"])))
def test_a_look_survives_as_a_word(codes):
    style = PLAIN.told(";".join(codes) or "0")
    assert Style.of(style.word) == style


@given(word=st.text(max_size=40))
def test_no_word_makes_a_class_that_is_not_ours(word):
    known = {*HUES, GREY, "plain"}
    for name in Style.of(word).classes.split():
        assert name.removeprefix("a-").removeprefix("on-") in {
            *known,
            "bold",
            "dim",
            "italic",
            "underline",
            "struck",
        }


@given(red=st.integers(0, 255), green=st.integers(0, 255), blue=st.integers(0, 255))
def test_a_true_colour_keeps_its_hue(red, green, blue):
    name = from_rgb(red, green, blue)
    hue, _, _ = colorsys.rgb_to_hls(red / 255, green / 255, blue / 255)
    if name in HUES:
        away = abs(hue * 12 - HUES.index(name))
        assert min(away, 12 - away) <= 0.5 + 1e-9
    else:
        assert max(red, green, blue) - min(red, green, blue) < 0.16 * 255 + 1


def test_every_index_has_a_colour_of_ours():
    assert {indexed(index) for index in range(-1, 257)} <= {*HUES, GREY, ""}


# -- the page --------------------------------------------------------------------------------


class _Tags(HTMLParser):
    def __init__(self):
        super().__init__()
        self.tags = set()
        self.attributes = set()

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}


def test_no_markup_in_a_log_is_markup_of_the_page():
    hostile = b"<script>alert(1)</script>\n\x1b[31m<img src=x onerror=alert(1)>\"'\n</pre><style>*{}</style>"
    view = LogView(lines=shown(hostile).lines)
    text = render("log_more.html", {"view": view, "address": "/runs/x/log"})
    parser = _Tags()
    parser.feed(text)
    assert parser.tags == {"span"}
    assert parser.attributes <= {"class", "data-at"}
    assert "&lt;script&gt;" in text


def _tokens(text):
    return dict(re.findall(r"(--[\w-]+):\s*(#[0-9a-f]{6})", text))


def _schemes():
    both = (STATIC / "confjob.css").read_text(), (STATIC / "runs.css").read_text()
    light, dark = {}, {}
    for css in both:
        first = css.index("@media (prefers-color-scheme: dark)")
        light |= _tokens(css[:first])
        dark |= _tokens(css[css.index(':root[data-theme="dark"]', first) :].partition("}")[0])
    return {"light": light, "dark": {**light, **dark}}


def _luminance(colour):
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def _contrast(one, other):
    high, low = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_colour_of_a_log_is_readable_on_every_ground(scheme):
    tokens = _schemes()[scheme]
    texts = ["--text", *(f"--a-{hue}" for hue in (*HUES, GREY))]
    grounds = ["--sunken", "--accent-soft", "--warn-soft"]
    grounds += [f"--a-on-{hue}" for hue in (*HUES, GREY, "plain")]
    poor = [
        (text, ground, round(_contrast(tokens[text], tokens[ground]), 2))
        for text, ground in product(texts, grounds)
        if _contrast(tokens[text], tokens[ground]) < 4.5
    ]
    assert poor == []


def test_the_dark_colours_are_the_same_by_choice_and_by_preference():
    css = (STATIC / "runs.css").read_text()
    dark = css[css.index("@media (prefers-color-scheme: dark)") :]
    preferred = dark.partition("}")[0]
    chosen = dark[dark.index(':root[data-theme="dark"]') :].partition("}")[0]
    assert _tokens(preferred) == _tokens(chosen)
