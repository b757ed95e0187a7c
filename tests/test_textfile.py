import os

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from confjob.errors import InputError
from confjob.textfile import TextFile, contained, decode

LINES = st.sampled_from(["", "a", "b", "a: 1", "\r", "é", " x"])
ENDINGS = st.sampled_from(["\n", "\r\n"])
RAW = st.builds(
    lambda bom, lines, rest: bom + "".join(line + end for line, end in lines) + rest,
    st.sampled_from(["", "\ufeff"]),
    st.lists(st.tuples(LINES, ENDINGS), max_size=8),
    st.sampled_from(["", "a", "last"]),
)


@given(RAW)
@example("a\r\nb\nc")
@example("\ufeffa\r\r\nb\n")
def test_unchanged_text_gives_back_every_byte(raw):
    file = TextFile(raw)
    assert file.restore(file.text) == raw


@given(RAW)
def test_formats_see_line_feeds_and_no_byte_order_mark(raw):
    text = TextFile(raw).text
    assert text.count("\n") == raw.count("\n")
    assert not text.startswith("\ufeff")


@given(RAW, st.lists(LINES, max_size=6), st.booleans())
@example("a\r\nb\r\nx\n", ["a", "b"], False)
def test_what_is_restored_reads_as_what_was_meant(raw, lines, ends):
    text = "\n".join(line.rstrip("\r") for line in lines) + ("\n" if ends else "")
    restored = TextFile(raw).restore(text)
    assert TextFile(restored).text == text
    assert restored.startswith("\ufeff") == raw.startswith("\ufeff")


@given(RAW, st.data())
def test_a_change_of_one_line_changes_one_line(raw, data):
    file = TextFile(raw)
    lines = file.text.split("\n")
    number = data.draw(st.integers(0, len(lines) - 1))
    lines[number] = "changed"
    before, after = raw.split("\n"), file.restore("\n".join(lines)).split("\n")
    assert len(before) == len(after)
    assert [i for i in range(len(before)) if before[i] != after[i]] in ([number], [])
    assert "changed" in after[number]


@given(RAW, st.data())
def test_a_deleted_line_leaves_the_others_as_they_were(raw, data):
    file = TextFile(raw)
    lines, before = file.text.split("\n"), raw.split("\n")
    number = data.draw(st.integers(0, len(lines) - 1))
    if number < len(lines) - 1:
        same = [line for line in lines if line == lines[number]]
        after = file.restore("\n".join(lines[:number] + lines[number + 1 :])).split("\n")
        # Of several equal lines it can't be told which one went.
        if len(same) == 1:
            bom = "\ufeff" if raw.startswith("\ufeff") and number == 0 else ""
            expected = before[:number] + before[number + 1 :]
            assert after == [bom + expected[0], *expected[1:]]


@pytest.mark.parametrize(
    ("raw", "text", "restored"),
    [
        ("a\r\nb\r\n", "a\nx\nb\n", "a\r\nx\r\nb\r\n"),
        ("a\r\nb\r\nc\n", "a\nx\nb\nc\n", "a\r\nx\r\nb\r\nc\n"),
        ("a\nb\nc\r\n", "x\na\nb\nc\n", "x\na\nb\nc\r\n"),
        ("a\r\na\na\r\n", "a\nb\na\n", "a\r\nb\r\na\r\n"),
        ("a\r\nb", "a\nb\n", "a\r\nb\r\n"),
    ],
)
def test_new_lines_end_as_most_lines_do(raw, text, restored):
    assert TextFile(raw).restore(text) == restored


def test_a_large_file_of_equal_lines_is_restored_at_once():
    raw = "a: 1\r\n" * 20_000 + "a: 1\n"
    lines = TextFile(raw).text.split("\n")
    lines[10_000] = "a: 2"
    assert TextFile(raw).restore("\n".join(lines)).count("a: 1\r\n") == 19_999


def test_bytes_that_are_not_utf8_are_refused_at_line_and_column():
    with pytest.raises(InputError, match=r"c\.yaml:2:3: byte 0xff is not UTF-8"):
        decode("a\né:".encode() + b"\xff", "c.yaml")
    assert decode(b"\xef\xbb\xbfa\r\n", "c.yaml").text == "a\n"


def test_files_inside_the_project_are_found(tmp_path):
    (tmp_path / "sub").mkdir()
    (tmp_path / "a..b.yaml").write_text("")
    (tmp_path / "link.yaml").symlink_to("a..b.yaml")
    expected = (tmp_path / "a..b.yaml").resolve()
    for path in ("a..b.yaml", "./a..b.yaml", "sub/../a..b.yaml", "link.yaml"):
        assert contained(tmp_path, path) == expected


def test_files_outside_the_project_are_refused(tmp_path):
    root = tmp_path / "project"
    root.mkdir()
    (tmp_path / "x.yaml").write_text("")
    (tmp_path / "project-2").mkdir()
    (tmp_path / "project-2" / "x.yaml").write_text("")
    (root / "link.yaml").symlink_to(tmp_path / "x.yaml")
    (root / "folder").symlink_to(tmp_path)
    for path, why in [
        (str(root / "c.yaml"), "absolute"),
        ("../x.yaml", "outside"),
        ("../project-2/x.yaml", "outside"),
        ("link.yaml", "through a symlink"),
        ("folder/x.yaml", "through a symlink"),
        ("none.yaml", "no such file"),
        ("", "not a file"),
        (".", "not a file"),
    ]:
        with pytest.raises(InputError, match=why):
            contained(root, path)


def test_what_the_system_can_not_follow_is_refused_too(tmp_path):
    (tmp_path / "loop.yaml").symlink_to("loop.yaml")
    (tmp_path / "file").write_text("")
    os.mkfifo(tmp_path / "pipe.yaml")
    for path in ("loop.yaml", "n" * 300, "a\0b", "file/x.yaml", "pipe.yaml"):
        with pytest.raises(InputError):
            contained(tmp_path, path)
