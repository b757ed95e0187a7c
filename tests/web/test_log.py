"""A log of any size is read in pieces: bounded, whole lines, from the end and back."""

import os
import time
import tracemalloc
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from confjob.web.runs import windows
from confjob.web.runs.logview import end_view, follow_view, newer_view, older_view, place_view
from confjob.web.runs.searching import search

lines = st.lists(st.binary(max_size=30).map(lambda line: line.replace(b"\n", b"")), max_size=40)


@pytest.fixture
def log(tmp_path):
    def write(data):
        path = tmp_path / "output.log"
        path.write_bytes(data)
        return path

    return write


def numbered(count):
    return b"".join(b"line %06d of the log\n" % number for number in range(count))


def texts(view_lines):
    return [line.text for line in view_lines]


# -- pieces ----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    return tmp_path_factory.mktemp("log") / "output.log"


@given(lines=lines, limit=st.integers(64, 200))
def test_going_back_piece_by_piece_reads_every_byte_once(shared, lines, limit):
    data = b"\n".join(lines)
    shared.write_bytes(data)
    pieces = [windows.tail(shared, limit=limit)]
    while pieces[-1].start > 0:
        assert pieces[-1].data  # each step comes further
        pieces.append(windows.before(shared, pieces[-1].start, limit=limit))
    assert b"".join(piece.data for piece in reversed(pieces)) == data
    assert all(len(piece.data) <= limit for piece in pieces)


@given(lines=lines, limit=st.integers(64, 200))
def test_going_on_piece_by_piece_reads_every_byte_once(shared, lines, limit):
    data = b"\n".join(lines)
    shared.write_bytes(data)
    piece = windows.after(shared, 0, limit=limit)
    read = [piece.data]
    while piece.end < len(data):
        piece = windows.after(shared, piece.end, limit=limit)
        assert piece.data
        read.append(piece.data)
    assert b"".join(read) == data


@given(lines=lines, place=st.integers(0, 2000), limit=st.integers(64, 200))
def test_a_place_is_in_the_piece_around_it(shared, lines, place, limit):
    data = b"\n".join(lines)
    shared.write_bytes(data)
    piece = windows.around(shared, place, limit=limit)
    assert piece.data == data[piece.start : piece.end]
    assert piece.start <= min(place, len(data)) <= piece.end


def test_a_piece_begins_with_a_line_where_lines_are_reasonable(log):
    path = log(numbered(10_000))
    for piece in (windows.tail(path), windows.before(path, 100_007), windows.around(path, 99_999)):
        assert piece.data.startswith(b"line ")


def test_one_endless_line_is_cut_where_its_bar_was_drawn_anew(log):
    path = log(b"".join(b"\r%3d%% of the work" % (number % 100) for number in range(20_000)))
    view = end_view(path)
    assert texts(view.loose) == [" 99% of the work"]


def test_one_endless_line_without_a_bar_is_cut_between_characters(log):
    view = end_view(log("é".encode() * 200_000))
    assert set("".join(texts((*view.lines, *view.loose)))) == {"é"}


def test_there_is_no_log_yet(tmp_path):
    view = end_view(tmp_path / "output.log")
    assert (view.lines, view.loose, view.size, view.older) == ((), (), 0, None)


def test_a_log_that_cannot_be_read_is_as_none(tmp_path):
    (tmp_path / "output.log").mkdir()
    assert end_view(tmp_path / "output.log").size == 0


# -- following -------------------------------------------------------------------------------


def grown(path, view, data):
    with path.open("ab") as file:
        file.write(data)
    return follow_view(path, view.at, view.word)


def test_what_is_added_comes_and_what_stood_last_is_replaced(log):
    path = log(b"one\n\x1b[32mtwo 10%")
    view = end_view(path)
    assert (texts(view.lines), texts(view.loose)) == (["one"], ["two 10%"])
    view = grown(path, view, b"\r\x1b[32mtwo 20%\nthree\n")
    assert (texts(view.lines), texts(view.loose)) == (["two 20%", "three"], [])
    view = grown(path, view, b"four")
    assert (texts(view.lines), texts(view.loose)) == ([], ["four"])


def test_a_colour_goes_on_over_pieces(log):
    path = log(b"\x1b[31mred\n")
    view = grown(path, end_view(path), b"still red\n")
    assert view.lines[0].spans[0].classes == "a-red"


@given(lines=lines, cuts=st.lists(st.integers(0, 1300), max_size=6))
def test_following_in_any_steps_ends_with_the_same_lines(shared, lines, cuts):
    data = b"\n".join(line.replace(b"\x1b", b"") for line in lines)
    steps = sorted({min(cut, len(data)) for cut in cuts} | {0, len(data)})
    shared.write_bytes(b"")
    view = end_view(shared)
    settled = list(view.lines)
    for begin, end in pairwise(steps):
        view = grown(shared, view, data[begin:end])
        settled += view.lines
    whole = end_view(shared)
    assert texts((*settled, *view.loose)) == texts((*whole.lines, *whole.loose))


def test_who_is_far_behind_skips_to_the_end_and_can_have_what_was_skipped(log):
    path = log(b"first\n")
    view = grown(path, end_view(path), numbered(50_000))
    assert texts(view.lines)[-1] == "line 049999 of the log"
    assert view.older is not None
    assert view.floor == 6
    seen = list(view.lines)
    while view.older is not None:
        view = older_view(path, view.older, view.floor)
        seen[:0] = view.lines
    assert texts(seen) == numbered(50_000).decode().splitlines()


def test_a_log_that_was_cut_is_read_anew(log):
    path = log(b"old\n" * 100)
    view = end_view(path)
    path.write_bytes(b"new\n")
    view = follow_view(path, view.at, view.word)
    assert view.restarted
    assert texts(view.lines) == ["new"]


def test_a_log_that_has_long_been_quiet_is_looked_at_less_often(log):
    path, paces = log(b"x\n"), []
    for quiet in (0, 10, 30, 100, 10_000):
        at = time.time() - quiet
        os.utime(path, (at, at))
        paces.append(end_view(path).every)
    assert paces == sorted(set(paces))
    assert paces[-1] == 10


# -- places ----------------------------------------------------------------------------------


def test_a_place_shows_its_line_with_those_around_and_ways_on(log):
    data = numbered(20_000)
    path = log(data)
    place = data.index(b"010000")
    view = place_view(path, place)
    marked = [line.text for line in view.lines if line.at == view.found]
    assert marked == ["line 010000 of the log"]
    before = older_view(path, view.older)
    behind = newer_view(path, view.newer)
    joined = texts((*before.lines, *view.lines, *behind.lines))
    first = int(joined[0].split()[1])
    assert joined == [f"line {first + number:06} of the log" for number in range(len(joined))]


def test_a_place_beyond_the_end_is_the_end(log):
    assert texts(place_view(log(b"a\nb\n"), 10**15).lines) == ["a", "b"]


# -- searching -------------------------------------------------------------------------------


def found(path, text, **options):
    result = search(path, text, **options)
    return [hit.before + b"|" + hit.match + b"|" + hit.after for hit in result.hits], result.reached


def test_the_newest_line_is_found_first_and_case_does_not_matter(log):
    path = log(b"an Error\nfine\nERROR again: error\n")
    assert found(path, "error") == ([b"|ERROR| again: error", b"an |Error|"], 0)


def test_a_word_is_found_through_its_colours(log):
    path = log(b"loss \x1b[1;31m0.\x1b[0m25 \x1b[32mok\x1b[0m\n")
    assert found(path, "0.25") == ([b"loss |0.25| ok"], 0)


def test_what_is_looked_for_is_text_and_no_pattern(log):
    assert found(log(b"a.c abc\n"), "a.c") == ([b"|a.c| abc"], 0)
    assert found(log(b"abc\n"), ".*") == ([], 0)


def test_of_a_progress_bar_the_last_state_is_found(log):
    assert found(log(b"epoch 1 10%\repoch 1 99%\n"), "epoch")[0] == [b"|epoch| 1 99%"]


def test_any_letters_can_be_looked_for(log):
    assert found(log("größe 漢字\n".encode()), "漢")[0] == ["größe |漢|字".encode()]


@given(lines=lines, needle=st.sampled_from(["a", "ab", "\x00", "0"]), block=st.integers(1, 5))
def test_a_find_across_blocks_is_found_once(shared, lines, needle, block):
    data = b"\n".join(line.replace(b"\r", b"").replace(b"\x1b", b"") for line in lines) * 300
    shared.write_bytes(data)
    with_it = sum(needle.encode().lower() in line.lower() for line in data.split(b"\n"))
    result = search(shared, needle, most=10**6, seconds=60, block=block * 4096)
    assert result.reached == 0
    # A line across the border of two blocks may be found in both.
    assert (
        with_it <= len({hit.at for hit in result.hits}) == len(result.hits) <= with_it + len(data) // 4096 + 1
    )


def test_a_search_that_stopped_goes_on_where_it_was(log):
    path = log(numbered(1000))
    hits, end = [], None
    while end != 0:
        result = search(path, "line", end=end, most=70)
        assert len(result.hits) <= 70
        hits += [hit.after for hit in result.hits]
        end = result.reached
    assert hits == [b" %06d of the log" % number for number in reversed(range(1000))]


def test_a_search_has_its_time(log):
    path = log(b"x" * 3_000_000)
    result = search(path, "y", seconds=0, block=1_000_000)
    assert result.reached == 2_000_000


# -- size ------------------------------------------------------------------------------------


def test_a_log_of_two_gibibytes_opens_at_once_and_in_little_memory(tmp_path):
    path, end = tmp_path / "output.log", numbered(2000)
    with path.open("wb") as file:
        file.truncate((2 << 30) - len(end))  # sparse: nobody has to write it
        file.seek(0, 2)
        file.write(end)
    tracemalloc.start()
    began = time.perf_counter()
    view = end_view(path)
    older = older_view(path, view.older)
    middle = place_view(path, 1 << 30)
    result = search(path, "line 001000", seconds=0.2)
    took = time.perf_counter() - began
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    path.unlink()
    assert texts(view.lines)[-1] == "line 001999 of the log"
    assert texts(older.lines)[-1] == f"line {2000 - len(view.lines) - 1:06} of the log"
    assert middle.lines
    assert len(result.hits) == 1
    assert result.reached > 0
    assert peak < 24 << 20
    assert took < 5
