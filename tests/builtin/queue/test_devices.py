"""Laws of GPUs' names: one GPU has one name for all projects, however it is spelled."""

import subprocess
import sys
import types

import pytest

from confjob.builtin.local.queue import devices
from confjob.builtin.local.queue.devices import found, named, variables
from confjob.plugin import GPU_VARIABLES

FIRST, SECOND, THIRD = "GPU-8932f937-d72c-4106", "GPU-89aa0000-0000-0000", "GPU-ffff0000-1111-2222"


@pytest.fixture(autouse=True)
def forgetful(monkeypatch, tmp_path):
    """Each test asks anew, and has no driver unless it says so."""
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    monkeypatch.setitem(sys.modules, "pynvml", None)  # as if not installed
    monkeypatch.setenv("PATH", str(tmp_path))
    devices._uuids.cache_clear()
    yield
    devices._uuids.cache_clear()


@pytest.fixture
def library(monkeypatch):
    """The documented part of NVIDIA's library that is used; returns what was called."""

    def install(uuids=(FIRST, SECOND, THIRD), fails=""):
        calls = []
        module = types.ModuleType("pynvml")
        module.NVMLError = type("NVMLError", (Exception,), {})

        def function(name, answer=lambda *_: None):
            def call(*arguments):
                calls.append(name)
                if name == fails:
                    raise module.NVMLError(name)
                return answer(*arguments)

            setattr(module, name, call)

        function("nvmlInit")
        function("nvmlShutdown")
        function("nvmlDeviceGetCount", lambda: len(uuids))
        function("nvmlDeviceGetHandleByIndex", lambda index: ("handle", index))
        function("nvmlDeviceGetUUID", lambda handle: uuids[handle[1]])
        monkeypatch.setitem(sys.modules, "pynvml", module)
        return calls

    return install


@pytest.fixture
def command(tmp_path):
    """The driver's command, as a script."""

    def install(body):
        path = tmp_path / "nvidia-smi"
        path.write_text(f"#!/bin/sh\n{body}\n")
        path.chmod(0o755)

    return install


def test_gpus_are_known_by_their_uuids_in_the_order_of_their_indexes(library):
    library()
    assert found() == named(None) == (FIRST, SECOND, THIRD)


def test_older_versions_of_the_library_answer_in_bytes(library):
    library([FIRST.encode(), SECOND.encode()])
    assert found() == (FIRST, SECOND)


def test_the_library_is_asked_once_and_let_go(library):
    calls = library()
    found()
    named(2)
    assert calls.count("nvmlInit") == calls.count("nvmlShutdown") == 1


@pytest.mark.parametrize("fails", ["nvmlDeviceGetCount", "nvmlDeviceGetHandleByIndex", "nvmlDeviceGetUUID"])
def test_a_driver_that_fails_has_no_gpus_and_is_let_go(library, fails):
    calls = library(fails=fails)
    assert found() == ()
    assert calls[-1] == "nvmlShutdown"


def test_without_a_driver_there_are_none(library, command):
    """The library says so; the command, which takes longer, is not asked."""
    command(f"echo {FIRST}")
    calls = library(fails="nvmlInit")
    assert found() == ()
    assert calls == ["nvmlInit"]


def test_without_the_library_the_drivers_command_is_asked(command):
    command(f'[ "$*" = "--query-gpu=uuid --format=csv,noheader" ] && echo {FIRST} && echo {SECOND}')
    assert found() == (FIRST, SECOND)


@pytest.mark.parametrize(
    "body", ["exit 9", f"echo {FIRST}; exit 1", "echo No devices were found", ":", "echo '[N/A]'"]
)
def test_a_command_that_names_none_has_none(command, body):
    command(body)
    assert found() == ()


def test_a_command_that_hangs_or_is_none_has_none(monkeypatch, tmp_path, command):
    assert found() == ()
    devices._uuids.cache_clear()
    (tmp_path / "nvidia-smi").write_text("not for execution")
    assert found() == ()
    devices._uuids.cache_clear()

    def run(argv, timeout, **_):
        raise subprocess.TimeoutExpired(argv, timeout)

    monkeypatch.setattr(subprocess, "run", run)
    assert found() == ()


@pytest.mark.parametrize(
    ("visible", "usable"),
    [
        ("0", (FIRST,)),
        ("2,0", (THIRD, FIRST)),
        (" 1 , 2 ", (SECOND, THIRD)),
        ("0,0", (FIRST,)),
        ("", ()),
        ("-1", ()),
        ("1,-1,2", (SECOND,)),
        ("1,7,2", (SECOND,)),
        ("none", ()),
        (SECOND, (SECOND,)),
        ("GPU-8932", (FIRST,)),
        ("GPU-ffff,0", (THIRD, FIRST)),
        ("GPU-89", ("GPU-89",)),
        ("MIG-GPU-1/7/0", ("MIG-GPU-1/7/0",)),
    ],
)
def test_only_what_the_submitters_environment_admits_is_used(library, monkeypatch, visible, usable):
    """As CUDA reads it: what is no device hides all that follow."""
    library()
    assert found({"CUDA_VISIBLE_DEVICES": visible}) == usable
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    assert found() == usable


@pytest.mark.parametrize(
    ("visible", "usable"),
    [("0,1", ("0", "1")), ("-1", ()), ("", ()), (FIRST, (FIRST,)), ("7", ("7",)), ("²", ("²",))],
)
def test_without_a_driver_that_tells_names_stay_as_they_are(visible, usable):
    assert found({"CUDA_VISIBLE_DEVICES": visible}) == usable
    assert found({}) == ()


@pytest.mark.parametrize(
    ("slots", "names"),
    [
        (0, ()),
        (2, (FIRST, SECOND)),
        (9, (FIRST, SECOND, THIRD)),
        (["1", "0"], (SECOND, FIRST)),
        ([1, 0], (SECOND, FIRST)),
        (["0", FIRST, "GPU-8932f937"], (FIRST,)),
        (["2", "GPU-unheard", "7"], (THIRD, "GPU-unheard", "7")),
        ([], ()),
    ],
)
def test_a_targets_slots_are_the_first_so_many_or_the_ones_it_names(library, slots, names):
    """One GPU has one name: two that call it `0` and `GPU-…` meet at the same lock."""
    library()
    assert named(slots) == names


def test_a_targets_slots_count_where_no_driver_tells_them():
    assert named(2) == ("0", "1")
    assert named(["a", "b", "a"]) == ("a", "b")
    assert named(None) == ()


def test_a_job_is_told_its_own_gpus_in_the_words_of_each_vendor():
    assert variables([FIRST, "1"]) == dict.fromkeys(GPU_VARIABLES, f"{FIRST},1")
    assert set(GPU_VARIABLES) == {"CUDA_VISIBLE_DEVICES", "ROCR_VISIBLE_DEVICES", "HIP_VISIBLE_DEVICES"}
    assert variables([]) == dict.fromkeys(GPU_VARIABLES, "")
