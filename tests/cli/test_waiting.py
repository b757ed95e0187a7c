import io
import threading

import pytest

from confjob.cli import waiting
from confjob.progress import Activity, doing, listening


@pytest.fixture
def stream(monkeypatch):
    monkeypatch.setenv("NO_COLOR", "1")
    return io.TextIOWrapper(io.BytesIO(), encoding="utf-8", write_through=True)


def written(stream):
    return stream.buffer.getvalue().decode()


def test_quick_things_stay_silent_and_leave_no_thread(stream):
    with listening(waiting.Waiting(stream).during):
        for _ in range(3):
            with doing("quick"):
                pass
    assert written(stream) == ""
    assert [thread.name for thread in threading.enumerate() if thread.name.startswith("confjob")] == []


def test_what_takes_long_is_told_and_erased(stream, monkeypatch):
    monkeypatch.setattr(waiting, "_PATIENCE", 0.0)
    monkeypatch.setattr(waiting, "_BLINK", 0.0)
    seen = threading.Event()
    write = waiting.Waiting._write

    def noted(self, text):
        write(self, text)
        if "copying" in text:
            seen.set()

    monkeypatch.setattr(waiting.Waiting, "_write", noted)
    with listening(waiting.Waiting(stream).during), doing("outer"), doing("copying\x1b[2J", 10, unit="files"):
        assert seen.wait(30)
    told = written(stream)
    assert r"copying\x1b[2J: 0 of 10 files (0 %), 0:00" in told
    assert told.endswith("\r\x1b[K")
    assert [thread.name for thread in threading.enumerate() if thread.name.startswith("confjob")] == []


def test_a_terminal_that_is_gone_harms_nothing(stream, monkeypatch):
    monkeypatch.setattr(waiting, "_PATIENCE", 0.0)
    shown = waiting.Waiting(stream)
    stream.close()
    shown._write("x")


@pytest.mark.parametrize(
    ("activity", "done", "words"),
    [
        (Activity("asking"), 0, "asking, 0:04"),
        (Activity("removing", 1200, "runs"), 300, "removing: 300 of 1,200 runs (25 %), 0:04"),
        (Activity("copying", 3 << 30, "bytes"), 3 << 29, "copying: 1.5 GiB of 3.0 GiB (50 %), 0:04"),
        (Activity("growing", 10, "bytes"), 20, "growing: 20 bytes of 10 bytes (100 %), 0:04"),
        (Activity("reading", None, "files"), 7, "reading: 7 files, 0:04"),
    ],
)
def test_an_activity_in_words(activity, done, words):
    activity.advance(done)
    assert waiting.told(activity, 4.2) == words
