"""What comes back is taken for what it may be: any bytes, that end anywhere, from a job that may lie."""

from __future__ import annotations

import base64
import gzip
import io
import os
import tarfile
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from confjob.remote import receive

TOKEN = b"t" * 32
HEADER = b"confjob: courier 1 %b 1\n" % TOKEN

#: Log bytes, with what a courier's own lines look like among them.
LOGS = st.lists(
    st.one_of(
        st.binary(max_size=30),
        st.sampled_from([b"\n", b"\n\n", b"confjob: ", b"confjob: courier 1 ", b"x" * 3000, b"\r\n", b"\0"]),
    ),
    max_size=6,
).map(b"".join)


def tar_of(*members: tuple[tarfile.TarInfo, bytes]) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        for info, content in members:
            archive.addfile(info, io.BytesIO(content))
    return out.getvalue()


def member(name: str, content: bytes = b"x", **changes) -> tuple[tarfile.TarInfo, bytes]:
    info = tarfile.TarInfo(name)
    info.size = len(content)
    for key, value in changes.items():
        setattr(info, key, value)
    return info, content if info.type == tarfile.REGTYPE else b""


def link(name: str, target: str, kind: bytes = tarfile.SYMTYPE) -> tuple[tarfile.TarInfo, bytes]:
    return member(name, b"", type=kind, linkname=target)


def frame(*members: tuple[tarfile.TarInfo, bytes], token: bytes = TOKEN) -> bytes:
    return framed(gzip.compress(tar_of(*members)), token)


def framed(data: bytes, token: bytes = TOKEN) -> bytes:
    return b"\nconfjob: %b begin 1\n%bconfjob: %b end 1\n" % (token, base64.encodebytes(data), token)


def taken(tmp_path: Path, *pieces: bytes, limit: int | None = None) -> Path:
    run = tmp_path / "outer" / "run"
    run.mkdir(parents=True, exist_ok=True)
    receive(pieces, run, **({} if limit is None else {"limit": limit}))
    return run


def files(folder: Path) -> dict[str, bytes]:
    found = (path for path in sorted(folder.rglob("*")) if path.is_symlink() or not path.is_dir())
    return {
        str(path.relative_to(folder)): b"-> " + os.fsencode(path.readlink())
        if path.is_symlink()
        else path.read_bytes()
        for path in found
    }


def test_log_and_files_are_taken_apart(tmp_path) -> None:
    end = member("./attempts/1/end.json", b"{}")
    run = taken(tmp_path, HEADER, b"one\ntw", frame(member("workspace/a/b")), b"o\n", frame(end))
    log = b"one\ntwo\n"
    assert files(run) == {"output.log": log, "workspace/a/b": b"x", "attempts/1/end.json": b"{}"}


@settings(max_examples=60, deadline=None)
@given(parts=st.lists(LOGS, min_size=1, max_size=3), size=st.integers(1, 200))
@example(parts=[b"\n"], size=1)
@example(parts=[b"a\n\n", b"\n", b""], size=7)
def test_log_bytes_arrive_as_they_are_in_pieces_of_any_size(parts, size, tmp_path_factory) -> None:
    stream = HEADER + frame(member("reads/x")).join(parts) + frame(member("workspace/y"))
    pieces = [stream[at : at + size] for at in range(0, len(stream), size)]
    run = taken(tmp_path_factory.mktemp("log"), *pieces)
    assert files(run).get("output.log", b"") == b"".join(parts)


@settings(max_examples=40, deadline=None)
@given(first=LOGS, second=LOGS, data=st.data())
def test_wherever_a_stream_ends_what_is_there_is_whole_and_the_log_only_grows(
    first, second, data, tmp_path_factory
) -> None:
    stream = (
        HEADER + first + frame(member("workspace/a", b"old")) + second + frame(member("workspace/a", b"new"))
    )
    folder = tmp_path_factory.mktemp("cut")
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), min_size=1, max_size=6)))
    seen = b""
    for cut in [*cuts, len(stream)]:
        found = files(taken(folder, stream[:cut]))
        log = found.pop("output.log", b"")
        assert found in ({}, {"workspace/a": b"old"}, {"workspace/a": b"new"})
        if cut >= len(HEADER):
            assert log.startswith(seen if cut > len(HEADER) else b"")
            assert (first + second).startswith(log)
            seen = log
    assert log == first + second
    assert found == {"workspace/a": b"new"}


def test_every_position_of_a_short_stream_may_be_its_end(tmp_path) -> None:
    stream = HEADER + b"a\n" + frame(member("workspace/a", b"whole")) + b"b"
    for cut in range(len(stream) + 1):
        found = files(taken(tmp_path, stream[:cut]))
        assert found.get("workspace/a", b"whole") == b"whole"
        if cut >= len(HEADER):
            assert b"a\nb".startswith(found.get("output.log", b""))
    assert found == {"output.log": b"a\nb", "workspace/a": b"whole"}


HOSTILE = {
    "up": member("../escaped"),
    "up from the workspace": member("workspace/../../escaped"),
    "absolute": member("/tmp/escaped-confjob"),
    "the run's record": member("run.json"),
    "the script": member("job.sh"),
    "another folder": member("private/key"),
    "our own record": member("attempts/1/launch.json"),
    "no record": member("attempts/1/claim"),
    "deep in the records": member("attempts/1/x/end.json"),
    "an attempt that is none": member("attempts/../end.json"),
    "a link out": link("workspace/out", "../../escaped"),
    "a link to the top": link("workspace/out", ".."),
    "an absolute link": link("workspace/out", "/etc/passwd"),
    "a link that goes down and up": link("workspace/out", "a/../../x"),
    "a link of the records": link("attempts/1/end.json", "../../run.json"),
    "a link as a log": link("output.log", "run.json"),
    "a link of reads": link("reads/a", "b"),
    "a hard link": link("workspace/hard", "run.json", tarfile.LNKTYPE),
    "a device": member("workspace/null", b"", type=tarfile.CHRTYPE, devmajor=1, devminor=3),
    "a pipe": member("workspace/pipe", b"", type=tarfile.FIFOTYPE),
    "the workspace itself": member("workspace"),
    "nothing": member("."),
    "a NUL": member("workspace/a\0b"),
}


@pytest.mark.parametrize("hostile", HOSTILE.values(), ids=HOSTILE.keys())
def test_what_has_no_business_there_is_not_written_and_the_rest_is(hostile, tmp_path) -> None:
    stream = HEADER + frame(hostile, member("workspace/good"))
    run = taken(tmp_path, stream)
    found = {name: content for name, content in files(tmp_path).items() if "\\0" not in name}
    assert found.pop("outer/run/workspace/good") == b"x"
    assert set(found) <= {"outer/run/output.log", "outer/run/workspace/a"}
    assert files(run).get("output.log", b"") == b""
    assert not Path("/tmp/escaped-confjob").exists()


def test_nothing_is_written_through_a_link(tmp_path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    run = taken(tmp_path, HEADER)
    (run / "workspace").mkdir()
    (run / "workspace" / "link").symlink_to(outside)
    (run / "attempts").symlink_to(outside)
    (run / "output.log").unlink(missing_ok=True)
    (run / "output.log").symlink_to(outside / "log")
    escaping = [member("workspace/link/a"), member("attempts/1/end.json"), member("workspace/good")]
    taken(tmp_path, HEADER, b"log", frame(*escaping))
    assert files(outside) == {}
    assert (run / "workspace" / "good").read_bytes() == b"x"
    assert (run / "output.log").read_bytes() == b"log"


def test_no_chain_of_links_leads_out(tmp_path) -> None:
    chain = [
        member("workspace/p/q/file"),
        link("workspace/p/q/d", "../.."),  # the workspace
        link("workspace/p/q/out", "d/../x"),  # beside it, once `d` is followed
        member("workspace/p/q/out/escaped"),
    ]
    run = taken(tmp_path, HEADER, frame(*chain), frame(member("workspace/p/q/d/run")))
    inside = run.resolve() / "workspace"
    for path in run.rglob("*"):
        if path.is_symlink():
            assert path.resolve().is_relative_to(inside)


def test_a_few_bytes_that_stand_for_many_are_left_out(tmp_path) -> None:
    bomb = member("workspace/bomb", bytes(20 << 20))
    run = taken(tmp_path, HEADER, frame(bomb), frame(member("workspace/good")), limit=1 << 20)
    assert files(run / "workspace") == {"good": b"x"}


@settings(max_examples=60, deadline=None)
@given(data=st.binary(max_size=600), cut=st.integers(0, 400), flip=st.integers(0, 400))
def test_a_frame_that_is_none_does_no_harm(data, cut, flip, tmp_path_factory) -> None:
    good = bytearray(gzip.compress(tar_of(member("workspace/a", b"content"))))
    good[flip % len(good)] ^= 0x55
    raw = tar_of(member("workspace/b", b"c"), link("workspace/c", "d"))[:cut] + data
    folder = tmp_path_factory.mktemp("broken")
    broken = [framed(bytes(good)), framed(data), framed(gzip.compress(raw)), framed(bytes(good[:cut]))]
    run = taken(folder, HEADER, b"log", *broken, frame(member("workspace/good")))
    assert (run / "workspace" / "good").read_bytes() == b"x"
    assert (run / "output.log").read_bytes() == b"log"
    assert {path.name for path in folder.iterdir()} == {"outer"}


def test_another_runs_frames_are_log(tmp_path) -> None:
    other = frame(member("workspace/other"), token=b"o" * 32)
    run = taken(tmp_path, HEADER, b"log", other, b"more")
    assert files(run) == {"output.log": b"log" + other + b"more"}


def test_the_log_that_came_whole_replaces_what_was_read_on_the_way(tmp_path) -> None:
    run = taken(tmp_path, HEADER, "gar�bled".encode())
    taken(tmp_path, HEADER, "gar�bled".encode(), frame(member("output.log", b"gar\xffbled")))
    assert (run / "output.log").read_bytes() == b"gar\xffbled"


def test_what_an_engine_says_is_the_log_until_a_courier_begins(tmp_path) -> None:
    run = taken(tmp_path, b"pulling\n")
    assert (run / "output.log").read_bytes().rstrip() == b"pulling"
    taken(tmp_path, b"pulling\nno such image")
    assert (run / "output.log").read_bytes() == b"pulling\nno such image"
    taken(tmp_path, b"pulling\nno such image\n", HEADER, b"log")
    assert (run / "output.log").read_bytes() == b"log"


def test_a_stream_whose_beginning_is_lost_still_gives_its_last_words(tmp_path) -> None:
    stream = HEADER + b"lost\n" + frame(member("output.log", b"all"), member("attempts/1/end.json", b"{}"))
    assert files(taken(tmp_path, stream[len(HEADER) + 2 :])) == {
        "output.log": b"all",
        "attempts/1/end.json": b"{}",
    }


def test_a_later_attempt_adds_to_the_log(tmp_path) -> None:
    second = HEADER.replace(b" 1\n", b" 2\n")
    run = taken(tmp_path, HEADER, b"first", frame(member("output.log", b"first\n")))
    taken(tmp_path, second, b"sec")
    assert (run / "output.log").read_bytes() == b"first\nsec"
    taken(tmp_path, second, b"second", frame(member("output.log", b"second\n")))
    assert (run / "output.log").read_bytes() == b"first\nsecond\n"


def test_a_file_that_stays_is_not_written_again(tmp_path) -> None:
    run = taken(tmp_path, HEADER, frame(member("workspace/a")))
    before = (run / "workspace" / "a").stat()
    taken(tmp_path, HEADER, frame(member("workspace/a")))
    assert (run / "workspace" / "a").stat().st_ino == before.st_ino


def test_a_reader_who_follows_the_log_keeps_it(tmp_path) -> None:
    run = taken(tmp_path, HEADER, b"one\n", b"two")
    with (run / "output.log").open("rb") as follower:
        assert follower.read() == b"one\ntwo"
        taken(tmp_path, HEADER, b"one\n", b"two\nthree")
        assert follower.read() == b"\nthree"


def test_a_full_disk_is_told(tmp_path, monkeypatch) -> None:
    def full(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("confjob.remote.receiving.os.replace", full)
    with pytest.raises(OSError, match="No space"):
        taken(tmp_path, HEADER, frame(member("workspace/a")))
