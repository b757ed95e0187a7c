"""The terminal picture of the docs shows what the commands print today."""

import html
import importlib.util
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

#: The width of a character in rich's pictures.
CELL = 12.2


@pytest.fixture(scope="module")
def recorder():
    spec = importlib.util.spec_from_file_location("record", ROOT / "docs" / "pictures" / "record.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def lines(svg):
    """Return the lines of the terminal in a picture, without their colours."""
    found = {}
    texts = r'<text class="confjob-r\d+" x="([\d.]+)" y="([\d.]+)"[^>]*>(.*?)</text>'
    for x, y, text in re.findall(texts, svg, re.DOTALL):
        before = found.get(float(y), "").ljust(round(float(x) / CELL))
        found[float(y)] = before + html.unescape(text).replace("\xa0", " ")
    return [found[y].rstrip() for y in sorted(found)]


def test_the_story_succeeds_and_the_picture_shows_what_it_prints_today(recorder, tmp_path):
    """If it fails: python docs/pictures/record.py, and look at the picture."""
    drawn = recorder.draw(recorder.record(tmp_path))
    shown = "\n".join(lines(drawn))
    for line in recorder.STORY:
        assert f"$ {line.format(*recorder.IDS)}" in shown
    assert shown.count("SUCCEEDED") == 2
    assert lines(recorder.PICTURE.read_text(encoding="utf-8")) == lines(drawn)


def test_a_picture_asks_nobody_for_anything(recorder):
    svg = recorder.PICTURE.read_text(encoding="utf-8")
    assert set(re.findall(r"https?://[^\"\s]+", svg)) <= {
        "http://www.w3.org/2000/svg",
        "https://www.textualize.io",
    }


def test_a_command_that_fails_makes_no_picture(recorder, tmp_path):
    with pytest.raises(RuntimeError, match="ended with 1"):
        recorder.play(["show", "nope"], tmp_path, recorder._environ(tmp_path))


def test_what_was_erased_is_not_drawn(recorder):
    assert recorder._ERASED.sub("", "a\n\r- capturing\x1b[K\r\x1b[Kb\n") == "a\nb\n"


@pytest.mark.parametrize(("page", "path"), [("README.md", "docs/pictures"), ("docs/index.md", "pictures")])
def test_the_pages_show_it(page, path):
    assert f"]({path}/story.svg)" in (ROOT / page).read_text(encoding="utf-8")
