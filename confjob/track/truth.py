"""The truth about a run, from what stands in its folder and what its engine says.

In this order: the engine says that it is pending or running; a cancel request that is
older than the end; the end record; the engine's word on the end; and only when it is
certain that nothing is to come, LOST. Nothing here writes: what can't be judged from
this machine is shown as last known, never as an end.
"""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

from attrs import evolve, frozen

from confjob.errors import BackendError
from confjob.model import Engine, State, Status
from confjob.process import ProcessId
from confjob.store import Record, RunFolder
from confjob.track.fetching import bring_missing
from confjob.words import duration

__all__ = ["status", "statuses", "unread"]

#: Seconds in which a record may still arrive: from a job that was just started, or
#: through a file system that shows other machines' files late.
GRACE = 5.0

#: Above this, an exit code of the shell is a signal's.
_SIGNALS = 128

_ACTIVE = (State.QUEUED, State.STARTING, State.RUNNING)


def status(folder: RunFolder, engine: Engine | None, now: float | None = None) -> Status:
    """Return what is known of one run; see `statuses`."""
    return statuses([(folder, engine)], now)[folder.id]


def statuses(runs: Iterable[tuple[RunFolder, Engine | None]], now: float | None = None) -> dict[str, Status]:
    """Return what is known of many runs, with one poll for each engine.

    Args:
        runs: Each run with the engine it was submitted to; None where that can't be had.
        now: Epoch seconds, for tests.

    Returns:
        Statuses by run id. `as_of` is None where the state is the last known.
    """
    now = time.time() if now is None else now
    by_engine: dict[int, tuple[Engine | None, list[RunFolder]]] = {}
    for folder, engine in runs:
        by_engine.setdefault(id(engine), (engine, []))[1].append(folder)
    out: dict[str, Status] = {}
    for engine, folders in by_engine.values():
        for folder, word in _words(engine, folders).items():
            out[folder.id] = _judge(_Facts.of(folder), word, now)
    return out


def unread(folder: RunFolder) -> bool:
    """Whether the run has ended and nobody has read the run config that it was given.

    Raises:
        RunError: When the run's record can't be read.
    """
    changes = folder.record.get("changes") or ()
    given = any(isinstance(change, Mapping) and change.get("input") == "run-config" for change in changes)
    return given and folder.end() is not None and not (folder.path / "reads" / "run-config").exists()


@frozen(kw_only=True)
class _Word:
    """What an engine says of a run.

    Args:
        status: Its word, or None when it has none.
        absent: It is certain that the engine never accepted the run.
        failure: Why the engine could not be asked.
    """

    status: Status | None = None
    absent: bool = False
    failure: str = ""


@frozen(kw_only=True)
class _Facts:
    """The records of a run's latest attempt."""

    launch: Record | None
    start: Record | None
    end: Record | None
    #: The engine asked it to end, and why.
    stop: Record | None
    cancel: Record | None
    #: The attempt had failed, and somebody did not want the next one that was to come.
    between: bool
    #: When the run was last heard of.
    heard: float
    #: The engine had taken it.
    accepted: bool = False
    #: Whether it runs on several nodes.
    spread: Callable[[], bool] = lambda: False

    @classmethod
    def of(cls, folder: RunFolder) -> _Facts:
        # The end last: what was asked before it stands there by then.
        attempt = folder.attempt
        launch, start, stop, end = folder.launch(), folder.start(), folder.stop(), folder.end()
        cancel = folder.cancel_request
        return cls(
            launch=launch,
            start=start,
            end=end,
            stop=stop,
            cancel=cancel,
            between=cancel is not None and cancel.get("after") == attempt,
            heard=max(_at(launch), _at(start), _changed(folder.log)),
            accepted=folder.handle is not None,
            spread=lambda: (
                (((folder.read_json("run.json") or {}).get("resources") or {}).get("nodes") or 1) > 1
            ),
        )


def _words(engine: Engine | None, folders: Sequence[RunFolder]) -> dict[RunFolder, _Word]:
    """Ask an engine about runs. The order matters: whoever is asked first can't hide the next.

    A launcher that is gone now submits nothing after this moment; so what the engine
    then does not find, it never got. And whatever the engine calls ended has written its
    records by then, which are read later still.
    """
    if engine is None:
        return {folder: _Word(failure="its target is unknown here") for folder in folders}
    gone = {folder for folder in folders if _launcher_lives(folder.launch()) is False}
    handles = {folder: handle for folder in folders if (handle := folder.handle)}
    try:
        found = engine.find({folder.id: folder.path for folder in folders if folder not in handles})
        handles |= {folder: found[folder.id] for folder in folders if folder.id in found}
        said = engine.poll(set(handles.values()))
    except BackendError as error:
        return {folder: _Word(failure=error.message) for folder in folders}
    for folder, handle in handles.items():
        if handle in said:
            bring_missing(folder, engine, handle, said[handle])
    return {
        folder: _Word(
            status=said.get(handles.get(folder, "")), absent=folder in gone and folder not in handles
        )
        for folder in folders
    }


def _launcher_lives(launch: Record | None) -> bool | None:
    process = _process(launch, "launcher")
    return None if process is None else process.alive()


def _judge(facts: _Facts, word: _Word, now: float) -> Status:
    said = word.status
    if said is not None and said.state in _ACTIVE:
        return evolve(_active(facts, said), as_of=now)
    if facts.end is not None:
        ended = _explained(_ended(facts.end, facts.cancel, facts.stop), facts, said)
        if facts.between and facts.cancel is not None and ended.state is not State.SUCCEEDED:
            ended = evolve(_cancelled(facts.cancel), exit_code=ended.exit_code)
        return evolve(ended, as_of=now)
    if said is not None and not said.state.final:
        return evolve(_active(facts, said), as_of=now)
    over = _over(facts, word, now)
    if over is None:
        return _last_known(facts, word, now)
    cancelled = facts.cancel is not None and over.state is not State.SUCCEEDED
    return evolve(_cancelled(facts.cancel) if cancelled and facts.cancel else over, as_of=now)


def _active(facts: _Facts, said: Status) -> Status:
    """Return the engine's word on a live run, in the light of the records."""
    if facts.end is not None and said.state is not State.QUEUED:  # else it will be run again
        return Status(state=State.ENDING, reason="the command has ended; tidying up")
    if facts.cancel is not None:
        return Status(state=State.ENDING, reason=f"cancel requested by {_by(facts.cancel)}")
    if facts.stop is not None and said.state is not State.QUEUED:
        return Status(state=State.ENDING, reason=_limit(facts.stop))
    if said.state is State.RUNNING and facts.start is None:
        return evolve(said, state=State.STARTING)
    return said


def _over(facts: _Facts, word: _Word, now: float) -> Status | None:
    """Return the end of a run without an end record, or None when it may not have ended."""
    said = word.status
    if said is None:
        certain = word.absent and facts.start is None and now - _at(facts.launch) > GRACE
        return Status(state=State.FAILED, reason="never started: its launcher is gone") if certain else None
    if facts.start is None and said.state is State.LOST:
        return Status(state=State.FAILED, reason="never started: its process is gone and wrote no record")
    process = _process(facts.start, "process")
    here = process is not None and process.alive() is False
    if said.state is State.LOST and facts.stop is not None:
        return Status(state=State.FAILED, reason=_limit(facts.stop))
    if said.state is State.LOST:
        why = said.reason or "its engine does not know it any more"
        lost = evolve(said, reason=f"{why}; unknown since {_clock(facts.heard)}")
        return lost if here or now - facts.heard > GRACE else None
    return said


def _ended(end: Record, cancel: Record | None, stop: Record | None = None) -> Status:
    """Return the end that the record tells."""
    code = end.get("exit_code")
    code = code if isinstance(code, int) else None
    # job.sh saw the request, or got a signal and may see new files late (NFS).
    if cancel is not None and (end.get("cancelled") or (end.get("signal") and _at(cancel) < _at(end) + 1)):
        return evolve(_cancelled(cancel), exit_code=code)
    if end.get("stage") == "submit":
        return Status(state=State.FAILED, reason=f"could not be submitted: {end.get('error', '')}")
    if stop is not None and (end.get("signal") or code != 0):
        return Status(state=State.FAILED, reason=_limit(stop), exit_code=code)
    if end.get("signal") == "INT" and code != 0:
        return Status(state=State.CANCELLED, reason="interrupted with Ctrl-C", exit_code=code)
    if code == 0:
        return Status(state=State.SUCCEEDED, exit_code=0)
    if end.get("stage") == "prepare":
        return Status(state=State.FAILED, reason=_unprepared(end, code), exit_code=code)
    return Status(state=State.FAILED, reason=_exit_reason(code), exit_code=code)


def _explained(ended: Status, facts: _Facts, said: Status | None) -> Status:
    """Return an end, with the engine's word where it knows more than the script that it ended.

    A script sees a signal; only the engine knows that it was the time limit, or somebody's claim
    to the node.
    """
    assert facts.end is not None
    if said is not None and said.state is State.FAILED and ended.state is State.SUCCEEDED and facts.spread():
        return evolve(said, exit_code=None)  # the script runs on one node, and knows of that one alone
    killed = facts.end.get("signal") or (ended.exit_code or 0) > _SIGNALS
    unexplained = killed and facts.stop is None and ended.state is State.FAILED
    if said is None or not (said.reason and unexplained and said.state in (State.FAILED, State.PREEMPTED)):
        return ended
    return evolve(said, exit_code=ended.exit_code)


def _limit(stop: Record) -> str:
    """Return why an engine ended a run."""
    limit = stop.get("limit")
    return f"time limit of {duration(limit)}" if isinstance(limit, (int, float)) else "time limit"


def _by(cancel: Record) -> str:
    return str(cancel.get("by", "someone"))


def _cancelled(cancel: Record) -> Status:
    return Status(state=State.CANCELLED, reason=f"cancelled by {_by(cancel)}")


def _unprepared(end: Record, code: int | None) -> str:
    if end.get("signal"):
        return f"ended by SIG{end['signal']} before the command started"
    return f"could not prepare the workspace (exit code {code}); the log says why"


def _exit_reason(code: int | None) -> str:
    """Return an exit code of the shell in words; above 128 it is a signal's."""
    notes = {
        126: " (the command could not be run)",
        127: " (command not found?)",
        _SIGNALS + signal.SIGKILL: " (out of memory?)",
    }
    note = notes.get(code or 0, "")
    try:
        number = signal.Signals((code or 0) - _SIGNALS)
    except ValueError:
        return f"exit code {code}{note}"
    return f"killed by signal {number.value}{note or f' ({number.name})'}"


def _last_known(facts: _Facts, word: _Word, now: float) -> Status:
    """Return the last record's state, with where and when it was so; never an end."""
    lives = _launcher_lives(facts.launch)
    if facts.start is None and not word.failure and lives is not None:
        reason = "" if lives else "its launcher is gone; looking whether it started"
        return Status(state=State.STARTING, reason=reason, as_of=now)
    waiting = State.QUEUED if facts.accepted and word.failure else State.STARTING
    state = waiting if facts.start is None else State.RUNNING
    cancel = f"cancel requested by {_by(facts.cancel)}" if facts.cancel else ""
    notes = (_whereabouts(facts, word), word.failure, cancel)
    return Status(state=state, reason="; ".join(filter(None, notes)), as_of=None)


def _whereabouts(facts: _Facts, word: _Word) -> str:
    process = _process(facts.start, "process") or _process(facts.launch, "launcher")
    host = f"on {process.host}, " if process is not None and process.alive() is None else ""
    if word.failure:
        return f"{host}unknown since {_clock(facts.heard)}"
    return f"{host}as of {_clock(_at(facts.start or facts.launch))}"


def _process(record: Record | None, key: str) -> ProcessId | None:
    try:
        return ProcessId.parse(str((record or {}).get(key)))
    except ValueError:
        return None


def _at(record: Mapping[str, object] | None) -> float:
    at = (record or {}).get("at")
    return float(at) if isinstance(at, (int, float)) else 0.0


def _changed(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except OSError:
        return 0.0


def _clock(at: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(at))
