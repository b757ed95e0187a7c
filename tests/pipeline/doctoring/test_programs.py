import os
import time
from pathlib import Path

import pytest

from confjob.pipeline.doctoring import programs
from confjob.pipeline.doctoring.programs import ask_program


@pytest.fixture
def ask(tmp_path):
    def asked(text):
        (tmp_path / "tool").write_text(f"#!/bin/sh\n{text}\n")
        (tmp_path / "tool").chmod(0o755)
        return ask_program(tmp_path, {"PATH": f"{tmp_path}{os.pathsep}{os.defpath}"}, "tool", "one")

    return asked


def test_what_it_prints_and_how_it_ends_is_told(ask):
    said = ask('echo "$1"; echo two >&2; exit 3')
    assert (said.code, said.lines) == (3, ("one", "two"))
    assert ask("").lines == ("exit code 0",)


def test_a_program_that_is_not_there_says_so(tmp_path):
    assert ask_program(tmp_path, {"PATH": str(tmp_path)}, "tool").code is None


def test_a_program_that_cant_be_started_says_so(tmp_path):
    (tmp_path / "tool").write_bytes(b"\x7fELF")
    (tmp_path / "tool").chmod(0o755)
    said = ask_program(tmp_path, {"PATH": str(tmp_path)}, "tool")
    assert said.code is None
    assert "can't be started" in said.lines[0]


def test_one_that_hangs_is_ended_with_all_that_it_started(ask, tmp_path, monkeypatch):
    monkeypatch.setattr(programs, "_SECONDS", 0.5)
    pids = tmp_path / "pids"
    said = ask(f"trap '' TERM\nsleep 600 & echo $! $$ >{pids}\nwait")
    assert said.code is None
    assert "no answer" in said.lines[0]
    started = [Path(f"/proc/{pid}/stat") for pid in pids.read_text().split()]
    until = time.monotonic() + 10
    while any(map(lives, started)) and time.monotonic() < until:
        time.sleep(0.02)  # the system takes a moment to end what is killed
    assert not any(map(lives, started))


def lives(stat):
    try:
        return stat.read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False
