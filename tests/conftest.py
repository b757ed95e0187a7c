"""What our own tests share beside the fixtures that confjob gives to everyone's (`project`)."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from confjob.builtin.local.queue.door import stop_agent
from confjob.testing import ProjectFolder

pytest_plugins = ["confjob.testing.plugin"]

# A runner in the background of a shell without job control is started with SIGINT ignored, which
# children inherit: then Ctrl-C could be tested by nobody.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# What a test runs in its own process looks for settings as well: the tester's are not there.
os.environ |= dict.fromkeys(("XDG_CONFIG_HOME", "XDG_CONFIG_DIRS"), f"{os.devnull}/no-settings")
os.environ.pop("CONFJOB_STATE_DIR", None)


@pytest.fixture(scope="session", autouse=True)
def _queue_of_its_own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Keep what tests launch in their own process out of the tester's queue."""
    with pytest.MonkeyPatch.context() as patch:
        folder = tmp_path_factory.mktemp("queue")
        patch.setenv("CONFJOB_MACHINE_DIR", str(folder / "machine"))
        patch.setenv("CONFJOB_SLOTS_DIR", str(folder / "slots"))
        yield
        if (folder / "machine").is_dir():
            stop_agent(folder / "machine")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    """Under CONFJOB_REQUIRE_ENGINES=1, which CI sets, a skipped test is a failed one."""
    report = yield
    if (
        report.skipped
        and not hasattr(report, "wasxfail")
        and os.environ.get("CONFJOB_REQUIRE_ENGINES") == "1"
    ):
        report.outcome = "failed"
        report.longrepr = f"skipped although everything is required: {report.longrepr}"
    return report


@pytest.fixture
def copy_of_example(copy_project: Callable[[Path], ProjectFolder]) -> Callable[[str], ProjectFolder]:
    """A function that returns a copy of an example folder, as a project."""
    return lambda name: copy_project(Path(__file__).parents[1] / "examples" / name)
