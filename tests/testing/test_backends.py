"""The contract holds for the local backend, and each broken engine is caught by its law.

What is broken here is the engine that `confjob plugins new --kind backend` writes.
"""

import contextlib
import importlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from attrs import evolve, field, frozen

from confjob.builtin.local import LOCAL
from confjob.plugin import Problem, ProcessId, State, Status, live_sessions
from confjob.registry.scaffold import write_package
from confjob.testing import check_backend

SHORT = {"grace": 0.2}


@pytest.fixture(autouse=True)
def usual_sigint():
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.parametrize(("runs", "options"), [(1, {}), (6, {}), (3, {"parallel": 1})])
def test_the_local_backend_keeps_the_contract(tmp_path, runs, options):
    check_backend(LOCAL, {**SHORT, **options}, tmp_path, runs=runs, quiet=0.3)


@pytest.fixture(scope="module", autouse=True)
def sample(tmp_path_factory):
    """The backend of a new package."""
    folder = tmp_path_factory.mktemp("sample")
    write_package("sample", "backend", folder / "package")
    sys.path.insert(0, str(folder / "package"))
    try:
        yield importlib.import_module("confjob_sample").BACKEND
    finally:
        sys.path.remove(str(folder / "package"))
        for name in [name for name in sys.modules if name.startswith("confjob_sample")]:
            del sys.modules[name]


def test_a_new_package_s_backend_keeps_the_contract(tmp_path, sample):
    check_backend(sample, SHORT, tmp_path, runs=2, quiet=0.3)


class Engine:
    """The sample's engine, to be broken in one way."""

    def __init__(self, options):
        self.real = sys.modules["confjob_sample"].BACKEND.open(options)
        for name in ("preview", "submit", "find", "poll", "cancel", "fetch", "check"):
            if not hasattr(type(self), name):
                setattr(self, name, getattr(self.real, name))


STARTED = []


class Remembering(Engine):
    """Notes all that is started, so that the test can end it."""

    def submit(self, submissions):
        for chunk in self.real.submit(submissions):
            STARTED.extend(chunk.values())
            yield chunk


class DoesNothing(Remembering):
    pass


class StartsWhenPreviewed(Remembering):
    def preview(self, submissions):
        (submissions[0].run_dir / "previewed").touch()
        return "sh"


class CountsPreviews(Remembering):
    count = 0

    def preview(self, submissions):
        CountsPreviews.count += 1
        return f"preview {self.count}"


class ForgetsOne(Remembering):
    def submit(self, submissions):
        yield from super().submit(submissions[1:])


class ListsHandles(Remembering):
    def submit(self, submissions):
        return list(super().submit(submissions))


class NumbersAsHandles(Remembering):
    def submit(self, submissions):
        for chunk in super().submit(submissions):
            yield dict.fromkeys(chunk, 7)


class FindsByMemory(Remembering):
    def find(self, runs):
        return {}


class FindsEverything(Remembering):
    def find(self, runs):
        return dict.fromkeys(runs, "handle")


class KnowsEverything(Remembering):
    def poll(self, handles):
        return {handle: Status(state=State.RUNNING) for handle in handles}


class KnowsOne(Remembering):
    def poll(self, handles):
        return self.real.poll(list(handles)[:1])


class SaysLost(Remembering):
    def poll(self, handles):
        said = self.real.poll(handles)
        return {handle: evolve(status, state=State.LOST) for handle, status in said.items()}


class SaysWords(Remembering):
    def poll(self, handles):
        return {handle: status.state.value for handle, status in self.real.poll(handles).items()}


class KillsTheLeaderAlone(Remembering):
    def cancel(self, handles):
        for handle in handles:
            with contextlib.suppress(ProcessLookupError):
                os.kill(ProcessId.parse(handle).pid, signal.SIGKILL)


class CancelsNothing(Remembering):
    def cancel(self, handles):
        pass


class CancelsAll(Remembering):
    def cancel(self, handles):
        self.real.cancel(STARTED)


class ThroughAShell(Remembering):
    """What `sh -c` with the path in it does to a path that no shell would take."""

    def submit(self, submissions):
        for item in submissions:
            command = f"/bin/sh {item.script} || true"
            started = subprocess.Popen(["/bin/sh", "-c", command], start_new_session=True, cwd=item.run_dir)
            time.sleep(0.1)
            handle = str(ProcessId.of(started.pid))
            started.wait()
            STARTED.append(handle)
            yield {item.run: handle}


class LosesTheOutput(Remembering):
    def fetch(self, handle, run_dir):
        (run_dir / "output.log").unlink(missing_ok=True)


class LosesTheRecords(Remembering):
    def fetch(self, handle, run_dir):
        (run_dir / "attempts" / "1" / "end.json").unlink(missing_ok=True)


class ReadsWhenOpened(Remembering):
    def __init__(self, options):
        super().__init__(options)
        Path("/proc/self/stat").read_bytes()


class CannotWork(Remembering):
    def check(self):
        yield Problem(code="no-slurm", message="there is no sbatch", hint="load the module slurm")


class ComplainsInWords(Remembering):
    def check(self):
        yield "there is no sbatch"


BROKEN = [
    (StartsWhenPreviewed, "preview() changed the run folders"),
    (CountsPreviews, "preview() says something else the second time"),
    (ForgetsOne, "submit() yields"),
    (ListsHandles, "submit() is no generator"),
    (NumbersAsHandles, "handles must be text"),
    (FindsByMemory, "find() gives {}"),
    (FindsEverything, "find() finds runs that were only previewed"),
    (KnowsEverything, "knows something|not over|handles it can't know"),
    (KnowsOne, "does not know the live|not over|ended others"),
    (SaysLost, "succeeds is FAILED|is LOST|not over"),
    (SaysWords, "no Status"),
    (KillsTheLeaderAlone, "not over|a process of a cancelled run goes on|is ENDING"),
    (CancelsNothing, "not over"),
    (CancelsAll, "cancel() of one run ended others"),
    (ThroughAShell, "not over|run as shell text|succeeds is"),
    (LosesTheOutput, "output.log holds"),
    (LosesTheRecords, "not over|succeeds is|no end record"),
    (ReadsWhenOpened, "open() does something: open: /proc/self/stat"),
    (CannotWork, "there is no sbatch (load the module slurm)"),
    (ComplainsInWords, "no Problems"),
]


@pytest.fixture
def nothing_is_left():
    yield
    left = [ProcessId.parse(handle) for handle in STARTED]
    for process in left:
        for pid in live_sessions().get(process.pid, ()):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
    STARTED.clear()
    for shell in sys.modules["confjob_sample.engine"]._started:
        shell.wait(30)


@pytest.mark.parametrize(("engine", "law"), [pytest.param(*each, id=each[0].__name__) for each in BROKEN])
def test_a_broken_engine_is_caught_by_the_law_it_breaks(tmp_path, sample, nothing_is_left, engine, law):
    # Some laws are only known to be broken when time is up.
    seconds = 3 if "not over" in law or "find() gives" in law else 30
    with pytest.raises(AssertionError) as caught:
        check_backend(evolve(sample, open=engine), SHORT, tmp_path, runs=2, seconds=seconds, quiet=0.3)
    assert any(word in str(caught.value) for word in law.split("|")), caught.value


def test_the_engine_that_is_broken_in_no_way_is_not_caught(tmp_path, sample, nothing_is_left):
    check_backend(evolve(sample, open=DoesNothing), SHORT, tmp_path, runs=2, quiet=0.3)


@frozen(kw_only=True)
class Loose:
    """Options that swallow what they do not know are no attrs class's."""

    grace: float = field(default=0.2)


class Plain:
    def __init__(self, **options):
        self.grace = 0.2


@pytest.mark.parametrize(
    ("change", "law"),
    [
        ({"options": Plain}, "not an attrs class"),
        ({"summary": ""}, "no summary"),
        ({"summary": "a\nb"}, "one line"),
        ({"name": "Local "}, "lower case"),
        ({"honours": frozenset({"gpu"})}, "no resources"),
    ],
)
def test_a_record_that_is_unsound_is_caught(tmp_path, sample, change, law):
    with pytest.raises(AssertionError, match=law):
        check_backend(evolve(sample, **change), SHORT, tmp_path, runs=1)


def test_nothing_of_the_jobs_is_left_when_a_law_is_broken(tmp_path, sample, nothing_is_left):
    with pytest.raises(AssertionError):
        check_backend(evolve(sample, open=SaysLost), SHORT, tmp_path, runs=2, seconds=2, quiet=0.3)
    until = time.monotonic() + 10
    while any(ProcessId.parse(handle).alive() for handle in STARTED):
        assert time.monotonic() < until
        time.sleep(0.05)


def test_options_with_defaults_are_enough(tmp_path, sample):
    loose = evolve(
        sample, options=Loose, open=lambda options: sample.open(sample.options(grace=options.grace))
    )
    check_backend(loose, {}, tmp_path, runs=1, quiet=0.3)
