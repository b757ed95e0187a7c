import re

from hypothesis import given
from hypothesis import strategies as st

from confjob.cli.tables import cells, cut, lay_out

TEXTS = st.text(st.characters(exclude_categories=["Cc", "Cs", "Zl", "Zp"]), max_size=30)


def lines(headers, rows, **options):
    return list(lay_out(headers, rows, **options))


@given(TEXTS, st.integers(0, 40))
def test_what_is_cut_fits_and_is_a_beginning(text, room):
    short = cut(text, room)
    assert cells(short) <= room
    assert short == text or text.startswith(short.removesuffix("…"))
    assert short == text or cells(text) > room


@given(st.lists(st.tuples(TEXTS, TEXTS, TEXTS), min_size=1, max_size=6), st.integers(20, 60))
def test_strict_lines_fit_whatever_stands_in_them(rows, room):
    for line in lay_out(["A", "B", "C"], rows, room=room, elastic=["A", "B", "C"], strict=True):
        assert cells(line) <= room


@given(st.lists(st.tuples(TEXTS, TEXTS), min_size=1, max_size=6))
def test_without_an_end_of_the_line_nothing_is_cut(rows):
    told = "\n".join(lay_out(["A", "B"], rows))
    assert all(text.rstrip() in told for row in rows for text in row)


def test_columns_begin_at_one_cell_whatever_the_script_of_their_texts():
    rows = [["lr", "1"], ["学習率", "2"], ["e\u0301tude", "3"], ["🚀", "4"], ["한국어", "5"]]
    starts = {cells(line[: re.search(r"\d", line).start()]) for line in lines(["PATH", "V"], rows)[1:]}
    assert starts == {8}


def test_numbers_are_aligned_at_their_right():
    rows = [["a", "5 bytes"], ["b", "1.5 GiB"], ["c", "12 bytes"]]
    assert lines(["P", "SIZE"], rows, numbers=["SIZE"]) == [
        "P      SIZE",
        "a   5 bytes",
        "b   1.5 GiB",
        "c  12 bytes",
    ]


def test_the_widest_of_the_elastic_columns_gives_first():
    rows = [["key", "v" * 40, "w" * 12]]
    (_, line) = lines(["K", "V", "W"], rows, room=40, elastic=["V", "W"])
    assert line == f"key  {'v' * 20}…  {'w' * 12}"


def test_a_million_characters_cost_no_more_than_a_line():
    (_, line) = lines(["K", "V"], [["key", "v" * 1_000_000]], room=40, elastic=["V"])
    assert cells(line) == 40


def test_a_colour_takes_no_cells():
    painted = lines(
        ["A", "B"], [["x", "1"], ["long", "2"]], paints={"A": lambda text: f"\x1b[31m{text}\x1b[0m"}
    )
    assert painted == ["A     B", "\x1b[31mx\x1b[0m     1", "\x1b[31mlong\x1b[0m  2"]


def test_a_column_in_which_nothing_stands_is_left_out_and_its_colour_with_it():
    assert lines(["A", "B", "C"], [["1", "", "3"]], paints={"B": str.upper}) == ["A  C", "1  3"]
