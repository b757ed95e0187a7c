"""The contract of a backend, checked by running jobs with it.

Everything that confjob says of a run (that it runs, how it ended, that it was cancelled)
rests on what its engine answers, so each law here is one that a wrong answer would break:
a run reported lost that goes on, a cancelled one whose GPU stays taken.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from attrs import field, fields, frozen, has

from confjob.declare.structure import structure_value
from confjob.errors import ManifestError
from confjob.model import Backend, Engine, Problem, Resources, State, Status
from confjob.testing.jobs import HOSTILE, Job, JobFolder
from confjob.testing.stillness import listening
from confjob.tree import Json

__all__ = ["check_backend"]

#: Where run folders may well lie: nothing of it may be read as shell.
_FOLDER: Final = "it's $(touch pwned) 'a' \"ü\" & more"

_LIVE: Final = (State.QUEUED, State.STARTING, State.RUNNING, State.ENDING)

_FAILS_WITH: Final = 3


def check_backend(  # noqa: PLR0913 - keyword-only: how patient, how many
    backend: Backend,
    options: Mapping[str, Json],
    folder: Path,
    *,
    runs: int = 3,
    seconds: float = 60.0,
    pause: float = 0.1,
    quiet: float = 1.0,
    resources: Resources | None = None,
) -> None:
    """Assert what every backend must do, by running small jobs of `sh` with it.

    Its record is sound, and a misspelt option is refused with a suggestion. Opening does
    nothing; `preview` does nothing, twice the same. Runs that are submitted together each
    get a handle and run: arguments and variables arrive byte for byte, from a run folder
    whose path no shell would take, exit codes and output come back. An engine opened anew,
    as after a `kill -9`, finds the runs without their handles and polls them all; what it
    does not know it leaves out. `cancel` ends what is asked for and nothing else: queued
    runs, running ones, and their grandchildren that ignore TERM.

    Args:
        backend: The record.
        options: A target's options as `launch.toml` has them; give short graces.
        folder: An empty folder, where run folders are made.
        runs: How many runs are submitted together.
        seconds: How long anything may take; give minutes where jobs queue.
        pause: How long to wait between two looks.
        quiet: For how long a cancelled run must do nothing more.
        resources: What each job asks for.

    Raises:
        AssertionError: Naming the law, and what came instead.

    Example:
        >>> from tempfile import TemporaryDirectory
        >>> from confjob.builtin.local import LOCAL
        >>> with TemporaryDirectory() as folder:
        ...     check_backend(LOCAL, {"grace": 0.2}, Path(folder), runs=1, quiet=0.3)
    """
    assert runs > 0, "check_backend(runs=…) needs at least one run"
    _check_record(backend, options)
    elsewhere = backend.elsewhere(_structured(backend, options))
    state = folder / _FOLDER / ".confjob"
    jobs = JobFolder(state=state, resources=resources or Resources(), elsewhere=elsewhere)
    checker = _Checker(
        backend=backend, options=options, jobs=jobs, runs=runs, seconds=seconds, pause=pause, quiet=quiet
    )
    try:
        checker.opening()
        checker.previewing()
        checker.running()
        checker.watching()
        checker.cancelling_at_once()
        touched = [*folder.rglob("pwned"), *Path.cwd().glob("pwned")]
        assert not touched, f"a value was run as shell text: {touched[0]}"
    finally:
        with contextlib.suppress(Exception):
            checker.engine.cancel(list(checker.handles.values()))


def _check_record(backend: Backend, options: Mapping[str, Json]) -> None:
    name = backend.name
    assert name, "the backend has no name"
    assert name == name.strip().lower(), f"{name!r}: a name that is easy to type is in lower case"
    assert backend.summary, f"{name}: no summary for `confjob plugins list`"
    assert "\n" not in backend.summary, f"{name}: a summary is one line"
    assert has(backend.options), f"{name}: options is {backend.options!r}, and not an attrs class"
    known_needs = {*(each.name for each in fields(Resources)), "priority", "retry"}
    unknown = sorted(backend.honours - known_needs)
    assert not unknown, f"{name}: honours {unknown}, which are no resources"
    _structured(backend, options)
    known = [each.name.replace("_", "-") for each in fields(backend.options)]
    misspelt = f"{known[0]}x" if known else "no-such-option"
    try:
        _structured(backend, {**options, misspelt: 1})
    except ManifestError as refused:
        hints = [problem.hint for problem in refused.problems]
        suggested = not known or any(known[0] in hint for hint in hints)
        assert suggested, f"{name}: the refusal of option {misspelt!r} does not suggest {known[0]!r}: {hints}"
    else:
        raise AssertionError(f"{name}: an unknown option, {misspelt!r}, is not refused")


def _structured(backend: Backend, options: Mapping[str, Json]) -> Any:
    return structure_value(dict(options), backend.options, "targets.check")


@frozen(kw_only=True)
class _Checker:
    backend: Backend
    options: Mapping[str, Json]
    jobs: JobFolder
    runs: int
    seconds: float
    pause: float
    quiet: float
    #: All that were given out so far, by run.
    handles: dict[str, str] = field(factory=dict)

    @property
    def engine(self) -> Engine:
        """The engine, opened anew: another process of confjob's knows nothing of the first."""
        return self.backend.open(_structured(self.backend, self.options))

    # -- the laws ----------------------------------------------------------------------

    def opening(self) -> None:
        """Opening does nothing, and the engine works here."""
        options = _structured(self.backend, self.options)
        self.backend.open(options)  # what it imports is read from files, once
        with listening() as heard:
            engine = self.backend.open(options)
        assert not heard, f"open() does something: {', '.join(heard[:5])}"
        found = list(engine.check())
        strange = [each for each in found if not isinstance(each, Problem)]
        assert not strange, f"check() yields {strange}, which are no Problems"
        errors = [f"{each.message} ({each.hint})" for each in found if each.severity == "error"]
        assert not errors, f"check() says that it can't work here: {'; '.join(errors)}"

    def previewing(self) -> None:
        """A preview says something, and does nothing; nor does doing nothing."""
        jobs = [self.jobs.echo() for _ in range(self.runs)]
        before = _contents(self.jobs.state)
        shown = [self.engine.preview([job.submission for job in jobs]) for _ in range(2)]
        assert isinstance(shown[0], str), f"preview() returns {shown[0]!r}, and no text"
        assert shown[0].strip(), "preview() says nothing"
        assert shown[0] == shown[1], "preview() says something else the second time"
        assert _contents(self.jobs.state) == before, "preview() changed the run folders"
        found = self.engine.find(_paths(jobs))
        assert not dict(found), f"find() finds runs that were only previewed: {found}"
        assert not list(self.engine.submit([])), "submit() of nothing yields something"
        assert not self.engine.find({}), "find() of nothing finds something"
        assert not self.engine.poll([]), "poll() of nothing knows something"
        self.engine.cancel([])

    def running(self) -> None:
        """What is submitted together runs, each with its own values, and its end is told."""
        jobs, failing = [self.jobs.echo() for _ in range(self.runs)], self.jobs.failing(_FAILS_WITH)
        handles = self._submitted([*jobs, failing])
        self._poll(handles.values())
        ends = self._ends([*jobs, failing], handles)
        for job in jobs:
            assert ends[job.run].state is State.SUCCEEDED, f"a job that succeeds is {_said(ends[job.run])}"
            _arrived(job)
        end = ends[failing.run]
        assert (end.state, end.exit_code) == (State.FAILED, _FAILS_WITH), (
            f"a job that exits with {_FAILS_WITH} is {_said(end)}, exit code {end.exit_code}"
        )
        for job in [*jobs, failing]:
            assert job.folder.end() is not None, "after the end, fetch() brought no end record"
        self._until(lambda: not self._live(handles.values()), "poll() calls ended runs live")

    def watching(self) -> None:
        """Live runs are found without their handles, polled with them, and cancelled one by one."""
        jobs = [self.jobs.beating() for _ in range(self.runs)]
        handles = self._submitted(jobs)
        self._until(lambda: any(map(self._beats, jobs, handles.values())), "no job began")
        never = self.jobs.echo()
        self._until(
            lambda: dict(self.engine.find(_paths([*jobs, never]))) == handles,
            lambda: f"find() gives {dict(self.engine.find(_paths([*jobs, never])))} for the live {handles}",
        )
        self._polled(handles)
        beating = next(job for job in jobs if self._beats(job, handles[job.run]))
        others = {run: handle for run, handle in handles.items() if run != beating.run}
        self._cancelled([beating], handles)
        gone = set(others.values()) - self._live(others.values())
        assert not gone, f"cancel() of one run ended others: {sorted(gone)}"
        self._cancelled(jobs, handles)

    def cancelling_at_once(self) -> None:
        """Runs that have hardly been accepted, or wait for their turn, can be cancelled."""
        jobs = [self.jobs.beating() for _ in range(self.runs)]
        self._cancelled(jobs, self._submitted(jobs))

    # -- steps -------------------------------------------------------------------------

    def _submitted(self, jobs: Sequence[Job]) -> dict[str, str]:
        """Submit jobs together; returns their handles."""
        chunks = self.engine.submit([job.submission for job in jobs])
        assert isinstance(chunks, Iterator), "submit() is no generator: a chunk is told when it is accepted"
        given: dict[str, str] = {}
        for chunk in chunks:
            again = sorted(given.keys() & chunk.keys())
            assert not again, f"submit() yields runs twice: {again}"
            given.update(chunk)
            self.handles.update(chunk)
        asked = {job.run for job in jobs}
        assert given.keys() == asked, f"submit() yields {sorted(given)}, and not the runs {sorted(asked)}"
        texts = [handle for handle in given.values() if isinstance(handle, str) and handle]
        assert len(texts) == len(given), f"handles must be text, and not empty: {given}"
        assert len(set(texts)) == len(texts), f"runs share a handle: {given}"
        return given

    def _polled(self, handles: Mapping[str, str]) -> None:
        said = self._poll([*handles.values(), "no-such-handle", ""])
        strange = sorted(set(said) - set(handles.values()))
        assert not strange, f"poll() answers for handles it can't know: {strange}"
        unknown = sorted(set(handles.values()) - set(said))
        assert not unknown, f"poll() does not know the live {unknown}"
        for handle, status in said.items():
            assert status.state in _LIVE, f"the live {handle} is {_said(status)}"

    def _poll(self, handles: Collection[str]) -> Mapping[str, Status]:
        said = self.engine.poll(list(handles))
        for status in said.values():
            assert isinstance(status, Status), f"poll() answers {status!r}, which is no Status"
        return said

    def _cancelled(self, jobs: Sequence[Job], handles: Mapping[str, str]) -> None:
        """Cancel runs, some of which may be over; nothing of them is left."""
        for job in jobs:
            job.folder.request_cancel("check")
        asked = {job.run: handles[job.run] for job in jobs}
        self.engine.cancel(list(asked.values()))
        for run, end in self._ends(jobs, asked).items():
            assert end.state is State.CANCELLED, f"the cancelled run {run} is {_said(end)}"
        before = [self._size(job, asked[job.run]) for job in jobs]
        time.sleep(self.quiet)
        after = [self._size(job, asked[job.run]) for job in jobs]
        assert before == after, "a process of a cancelled run goes on"
        self.engine.cancel(list(asked.values()))  # once more does no harm

    def _ends(self, jobs: Sequence[Job], handles: Mapping[str, str]) -> dict[str, Status]:
        """Wait until all are over; returns how `confjob status` would tell it."""
        engine, told = self.engine, dict[str, Status]()

        def over() -> bool:
            told.update({job.run: job.told(engine, handles[job.run]) for job in jobs})
            return all(status.state.final for status in told.values())

        self._until(over, lambda: f"not over: {', '.join(map(_said, told.values()))}")
        return told

    def _live(self, handles: Collection[str]) -> set[str]:
        return {handle for handle, status in self._poll(handles).items() if status.state in _LIVE}

    def _beats(self, job: Job, handle: str) -> bool:
        return self._size(job, handle) > 0

    def _size(self, job: Job, handle: str) -> int:
        self.engine.fetch(handle, job.folder.path)
        return len(job.made("beats"))

    def _until(self, holds: Callable[[], bool], else_: str | Callable[[], str]) -> None:
        deadline = time.monotonic() + self.seconds
        while not holds():
            late = time.monotonic() > deadline
            assert not late, f"after {self.seconds} s: {else_ if isinstance(else_, str) else else_()}"
            time.sleep(self.pause)


def _arrived(job: Job) -> None:
    """The values reached the job as they were, and its output came back."""
    expected = [value.encode() for value in HOSTILE]
    found = job.made("arguments").split(b"\0")[:-1]
    assert found == expected, f"arguments arrived as {found}, and not as {expected}"
    variable = "".join(HOSTILE).encode()
    assert job.made("variable") == variable, (
        f"a variable arrived as {job.made('variable')!r}, not {variable!r}"
    )
    log = job.folder.log.read_bytes() if job.folder.log.is_file() else b""
    assert b"written" in log, f"output.log holds {log!r}, and not what the job printed"


def _said(status: Status) -> str:
    return f"{status.state.value} ({status.reason})" if status.reason else status.state.value


def _paths(jobs: Sequence[Job]) -> dict[str, Path]:
    return {job.run: job.folder.path for job in jobs}


def _contents(folder: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}
